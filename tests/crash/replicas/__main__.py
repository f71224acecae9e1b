"""`python -m tests.crash.replicas`: faults of all kinds while people talk, and what they cost."""

import argparse
import asyncio
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

from tests.crash.__main__ import keep
from tests.crash.replicas.faults import Fault
from tests.crash.replicas.trial import BUSES, ReplicasOutcome, run_replicas_trial
from tests.crash.trial import Plan, Progress
from tests.support.postgresql import Postgresql


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.crash.replicas",
        description=(
            "People talk, bargain and complain through two edges and three processes of each "
            "service on one PostgreSQL, one of each of an earlier version. Processes are killed "
            "and stopped, also in the middle of a transaction; NATS is stopped, cut, slow, deaf, "
            "or tells everything twice; PostgreSQL is restarted. Afterwards what each was told is "
            "compared with what is stored. The exit code is 1 when a promise was broken."
        ),
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--faults", type=int, default=20, help="how often to strike")
    parser.add_argument("--talkers", type=int, default=12, help="people, at least 2")
    parser.add_argument("--bus", choices=sorted(BUSES), default="mixed", help="how they hear")
    parser.add_argument("--seed", type=int, help="of who does what (default: a new one)")
    parser.add_argument("--one-version", action="store_true", help="without the earlier one")
    arguments = parser.parse_args()
    if arguments.talkers < 2 or arguments.faults < 0:
        parser.error("there have to be 2 talkers at least, and no fewer faults than none")
    return arguments


def _show(progress: Progress, fault: Fault, what: str) -> None:
    print(
        f"fault {progress.strike.number}: {what} {fault} after {progress.strike.seconds:.1f} s, "
        f"{progress.under_way} packets under way",
        flush=True,
    )


def _run(arguments: argparse.Namespace, folder: Path) -> ReplicasOutcome:
    seed = secrets.randbelow(2**32) if arguments.seed is None else arguments.seed
    print(f"seed {seed}", flush=True)
    plan = Plan(arguments.faults, arguments.talkers, seed)
    server = Postgresql()
    try:
        return asyncio.run(
            run_replicas_trial(
                folder,
                server,
                plan,
                arguments.bus,
                _show,
                mixed_versions=not arguments.one_version,
            )
        )
    finally:
        server.close()


def main() -> int:
    """Returns the exit code: 1 when a promise was broken, and then all that tells of it is kept."""
    arguments = _arguments()
    folder = Path(tempfile.mkdtemp(prefix="parley-replicas-"))
    failed = True
    try:
        done = _run(arguments, folder)
        print(done.summary())
        failed = keep(done.outcome, folder)
    finally:
        if failed:
            print(f"the logs, and what each device sent, heard and was told, are in {folder}")
        else:
            shutil.rmtree(folder)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
