"""Becomes a part of an earlier version, whose sources `PARLEY_OLD_SOURCES` names.

`python -m tests.crash.replicas.old messaging_service serve`, as a launcher of parts.
"""

import os
import sys
from pathlib import Path

SOURCES = "PARLEY_OLD_SOURCES"


def main() -> None:
    """Run the module in place of this process."""
    sources = os.environ[SOURCES]
    os.chdir(sources)
    found = os.pathsep.join(str(Path(sources, one)) for one in ("", "protos", "sdk/python"))
    os.execve(  # noqa: S606, the program is this one
        sys.executable,
        [sys.executable, "-m", *sys.argv[1:]],
        {**os.environ, "PYTHONPATH": found},
    )


if __name__ == "__main__":
    main()
