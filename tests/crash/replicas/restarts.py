"""Restarts of PostgreSQL by a process that makes calls meanwhile."""

import subprocess
import sys
import time

from tests.support.postgresql import Postgresql

# As another user a process is forked, not spawned, and gRPC's handlers of forks may crash the child
# of one that makes calls. So a process without any does it.
_APART = (
    "import subprocess, sys; user, *command = sys.argv[1:]; nothing = subprocess.DEVNULL;"
    " sys.exit(subprocess.call(command, user=user or None, stdout=nothing, stderr=nothing))"
)


def restart(server: Postgresql, mode: str, seconds: float) -> None:
    """Stop a server, `fast` or `immediate`, and start it again after so many seconds."""
    _control(server, "stop", "-m", mode)
    time.sleep(seconds)
    _control(server, "start", "-l", "log", "-o", f'-h "" -k {server.folder}')
    # It learns which process it is now.
    server.start()


def _control(server: Postgresql, *arguments: str) -> None:
    program = (str(server.programs / "pg_ctl"), "-w", "-D", str(server.folder))
    command = [sys.executable, "-c", _APART, server.system_user or "", *program, *arguments]
    subprocess.run(command, check=True, cwd=server.folder)
