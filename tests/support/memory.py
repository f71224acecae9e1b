"""Resident memory of a process."""

import re
from pathlib import Path

from tests.support.system import Part


class Memory:
    """The resident memory of a part, as Linux counts it, in bytes."""

    def __init__(self, part: Part) -> None:
        self._folder = Path("/proc", str(part.process.pid))

    def begin(self) -> None:
        """Forget the peak until now."""
        (self._folder / "clear_refs").write_text("5")

    def peak(self) -> int:
        """The most since `begin`."""
        status = (self._folder / "status").read_text()
        found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
        assert found is not None
        return int(found[1]) * 1024
