"""Stamps of files, by which one is told that was changed or replaced."""

from pathlib import Path

Stamp = tuple[int, int, int]
"""Time of the last change in nanoseconds, bytes, and number of the file."""


def stamp_of(path: Path) -> Stamp | None:
    """Give the stamp of a file; None where there is none, of which reading it says why."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
