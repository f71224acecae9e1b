"""The mark of an SQLite database: a file beside it, which no copy of the database has.

It holds the newest position, and is what it is: a file of the system, which has a number and a time
of birth that no copy shares. So a database that was put back from a copy, alone or with the mark,
is told from the one that was there. It is mapped into memory, so that a commit costs no call of the
system. A loss of power may take its last moments, which makes it a little less strict.
"""

import ctypes
import mmap
import os
from contextlib import suppress
from pathlib import Path

from service_kit.rules import Position

_MAGIC = b"parley mark 1\0\0\0"
_EPOCH = slice(16, 80)
_REVISION = slice(80, 88)
_SIZE = 88


class SqliteMark:
    """The mark of the database at `path`; made if there is none, or none that can be read."""

    def __init__(self, path: Path) -> None:
        beside = path.with_name(f"{path.name}.mark")
        with suppress(FileNotFoundError):
            if not beside.read_bytes().startswith(_MAGIC):
                beside.unlink()
        descriptor = os.open(beside, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if os.fstat(descriptor).st_size < _SIZE:
                os.truncate(descriptor, _SIZE)
            self._map = mmap.mmap(descriptor, _SIZE)
            self.place = f"{os.fstat(descriptor).st_ino} {_time_of_birth(descriptor)}"
        finally:
            os.close(descriptor)

    def read(self) -> Position:
        """Give the newest position that was noted; of no epoch in a new mark."""
        epoch = self._map[_EPOCH].rstrip(b"\0").decode("utf-8", "replace")
        return Position(epoch, int.from_bytes(self._map[_REVISION], "little"))

    def begin(self, position: Position) -> None:
        """Note a position of an epoch that is new here."""
        self._map[_EPOCH] = position.epoch.encode()[:64].ljust(64, b"\0")
        self.note(position.revision)
        self._map[: len(_MAGIC)] = _MAGIC
        self._map.flush()

    def note(self, revision: int) -> None:
        """Note the newest revision."""
        self._map[_REVISION] = revision.to_bytes(8, "little")

    def close(self) -> None:
        """Write it out."""
        self._map.flush()
        self._map.close()


# struct statx of Linux: where its fields are, and the word that asks for the time of birth.
_AT_EMPTY_PATH, _STATX_BTIME = 0x1000, 0x800
_STATX_BYTES, _BIRTH_SECONDS, _BIRTH_NANOSECONDS = 256, slice(80, 88), slice(88, 92)


def _time_of_birth(descriptor: int) -> int:
    """Give when a file was made, in nanoseconds; 0 where the system does not know."""
    status = os.fstat(descriptor)
    if (seconds := getattr(status, "st_birthtime", None)) is not None:
        return int(seconds * 1_000_000_000)
    try:
        statx = ctypes.CDLL(None, use_errno=True).statx
    except (AttributeError, OSError):
        return 0
    found = ctypes.create_string_buffer(_STATX_BYTES)
    if statx(descriptor, b"", _AT_EMPTY_PATH, _STATX_BTIME, found) != 0:
        return 0
    if not int.from_bytes(found.raw[:4], "little") & _STATX_BTIME:
        return 0
    seconds = int.from_bytes(found.raw[_BIRTH_SECONDS], "little")
    nanoseconds = int.from_bytes(found.raw[_BIRTH_NANOSECONDS], "little")
    return seconds * 1_000_000_000 + nanoseconds
