"""`python -m tests.crash`: kill parts while people talk, then look whether anything went wrong."""

import argparse
import asyncio
import secrets
import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.crash.trial import Outcome, Plan, Progress, empty_system, run_trial
from tests.support.postgresql import Postgresql

_SHOWN_VIOLATIONS = 50


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.crash",
        description=(
            "People talk, bargain and complain through two edges, and moderators decide, while the "
            "services for messaging, negotiation and moderation and the edges are killed with "
            "SIGKILL at random moments. Afterwards what each of them was told is compared with "
            "what is stored. The exit code is 1 when a promise was broken."
        ),
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--kills", type=_count, default=20, help="how often to strike")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--talkers", type=_count, default=20, help="people, at least 2")
    parser.add_argument("--seed", type=int, help="of who does what (default: a new one)")
    arguments = parser.parse_args()
    if arguments.talkers < 2:
        parser.error("there have to be 2 talkers at least")
    return arguments


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number


def _show(progress: Progress, kills: int) -> None:
    strike = progress.strike
    print(
        f"kill {strike.number}/{kills}: {' and '.join(strike.victims)} after "
        f"{strike.seconds:.1f} s, {progress.under_way} packets under way",
        flush=True,
    )


def _run(arguments: argparse.Namespace, folder: Path) -> Outcome:
    seed = secrets.randbelow(2**32) if arguments.seed is None else arguments.seed
    plan = Plan(arguments.kills, arguments.talkers, seed)
    with ExitStack() as stack:
        server = None
        if arguments.database == "postgresql":
            server = Postgresql()
            stack.callback(server.close)
        system = stack.enter_context(empty_system(folder, server))
        return asyncio.run(
            run_trial(system, plan, lambda progress: _show(progress, arguments.kills))
        )


def keep(outcome: Outcome, folder: Path) -> bool:
    """Show and write down what tells of broken promises; tells whether there are any."""
    for violation in outcome.violations[:_SHOWN_VIOLATIONS]:
        print(violation)
    if not outcome.violations:
        return False
    for name, record in outcome.recording.items():
        (folder / f"{name}.txt").write_text("\n".join(map(str, record.events)))
        if record.told is not None:
            (folder / f"{name}.told.txt").write_text("\n".join(map(str, record.told)))
    return True


def main() -> int:
    """Returns the exit code: 1 when a promise was broken, and then all that tells of it is kept."""
    arguments = _arguments()
    folder = Path(tempfile.mkdtemp(prefix="parley-crash-"))
    failed = True
    try:
        outcome = _run(arguments, folder)
        print(outcome.summary())
        failed = keep(outcome, folder)
    finally:
        if failed:
            print(f"the logs, and what each device sent, heard and was told, are in {folder}")
        else:
            shutil.rmtree(folder)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
