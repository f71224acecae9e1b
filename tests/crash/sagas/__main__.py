"""`python -m tests.crash.sagas`: kill moderation and negotiation at each step between the two."""

import argparse
import asyncio
import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.crash.sagas.strikes import STEPS, Outcome
from tests.crash.sagas.trial import run
from tests.crash.trial import empty_system
from tests.support.postgresql import Postgresql


def main() -> int:
    """Returns the exit code: 1 when a promise was broken, and then the logs are kept."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.crash.sagas",
        description="Kill moderation and negotiation at each step of disputes.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=1, help="how often to strike each step")
    parser.add_argument("--people", type=int, default=3, help="disputes at the same time")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="parley-sagas-"))
    with ExitStack() as stack:
        server = None
        if arguments.database == "postgresql":
            server = Postgresql()
            stack.callback(server.close)
        system = stack.enter_context(empty_system(folder, server))
        steps = STEPS * arguments.rounds
        outcome: Outcome = asyncio.run(run(system, steps, arguments.people, print))
    print(outcome.summary())
    for violation in outcome.violations:
        print(violation)
    if outcome.violations:
        print(f"the logs are in {folder}")
    else:
        shutil.rmtree(folder)
    return int(bool(outcome.violations))


if __name__ == "__main__":
    sys.exit(main())
