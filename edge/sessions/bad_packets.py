"""A count of the bad packets of one socket."""

_WINDOW_SECONDS = 60


class BadPackets:
    """Counts within a minute. It knows no clock: `now` is in seconds."""

    __slots__ = ("_count", "_most", "_since")

    def __init__(self, most: int, now: float) -> None:
        self._most = most
        self._count = 0
        self._since = now

    def add(self, now: float) -> bool:
        """Count one. Returns whether there were too many within a minute."""
        if now - self._since > _WINDOW_SECONDS:
            self._since, self._count = now, 0
        self._count += 1
        return self._count >= self._most
