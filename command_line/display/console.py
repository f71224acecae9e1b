"""Messages of the commands: progress on standard output, failures on standard error."""

import os
import sys
from pathlib import Path


class CommandError(Exception):
    """An expected failure, printed as one message without a traceback.

    Exit codes: 1 for a failure, 2 for wrong arguments, 130 for an interruption.
    """

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def say(line: str) -> None:
    """Prints a line at once, so that progress is seen through a pipe as well."""
    try:
        print(line, flush=True)
    except BrokenPipeError:
        # Nobody reads any more (as in `parley up | head`). What is being served does not depend
        # on its progress lines, so they go nowhere from now on, and so does the flush at exit.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def complain(message: str) -> None:
    """Prints a failure on standard error, under the name of the program."""
    print(f"parley: {message}", file=sys.stderr, flush=True)


def tail(path: Path, lines: int = 15) -> str:
    """The last lines of a file, indented; reads at most its last 16 KiB."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 16_384))
            text = file.read().decode("utf-8", "replace")
    except OSError as error:
        return f"    (unreadable: {error.strerror})"
    shown = text.splitlines()[-lines:]
    return "\n".join(f"    {line}" for line in shown) or "    (empty)"
