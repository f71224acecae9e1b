"""Runs a command that is killed when its parent dies.

Run as a script of its own, `python -I -S parent_death.py PARENT_PID COMMAND...`, because code
between fork and exec is unsafe in a process with threads; here it runs after exec and then execs
again, so the command keeps the process id that the supervisor knows. Standard library only.
"""

import ctypes
import os
import signal
import sys
from typing import NoReturn

PR_SET_PDEATHSIG = 1  # prctl(2): the signal this process gets when its parent dies.


def main(arguments: list[str]) -> NoReturn:
    """Replaces this process by the command; ends with 1 when the parent is gone already."""
    parent, command = int(arguments[0]), arguments[1:]
    if sys.platform == "linux":
        library = ctypes.CDLL(None, use_errno=True)
        # SIGKILL, so that ports are free at once; what was answered as stored is on the disk.
        if library.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error))
    if os.getppid() != parent:
        # The supervisor died before the line above took effect; nobody would ever stop this part.
        sys.exit(1)
    os.execv(command[0], command)  # noqa: S606  # The command is the supervisor's own.


if __name__ == "__main__":
    main(sys.argv[1:])
