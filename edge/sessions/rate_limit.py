"""Bounds on what a user sends, asks for and opens, and on the bad packets of a socket.

They know no clock: the caller says what time it is, in seconds.
"""

# More than what the arithmetic of floats loses, and less than anyone waits.
_SLACK_MILLISECONDS = 1e-3
_BAD_PACKETS_SECONDS = 60


class Rate:
    """A burst passes at once, and then `rate` packets, connections or requests a second.

    Each refused packet is told a time of its own, as if those refused before it come back as they
    were told: clients that try again each packet by itself are let in one by one.
    """

    __slots__ = ("_burst", "_rate", "_retry_at", "_tokens", "_updated_at")

    def __init__(self, rate: float, burst: int, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = float(burst)
        self._updated_at = now
        # The time that the packet refused last was told.
        self._retry_at = now

    def take(self, now: float) -> int:
        """Let a packet pass: 0; or refuse it: after how many milliseconds to send it again."""
        tokens = self._tokens + (now - self._updated_at) * self._rate
        self._updated_at = now
        if tokens >= 1.0:
            self._tokens = min(tokens, self._burst) - 1.0
            return 0
        self._tokens = tokens
        next_token = now + (1.0 - tokens) / self._rate
        # By then a whole burst has gathered, and nobody needs to wait for longer.
        full = now + (self._burst - tokens) / self._rate
        self._retry_at = min(max(self._retry_at + 1.0 / self._rate, next_token), full)
        return int((self._retry_at - now) * 1000.0 + _SLACK_MILLISECONDS) + 1

    def charge(self, now: float, count: float) -> None:
        """Count more of them than are there, so that the next ones are refused for longer."""
        gathered = self._tokens + (now - self._updated_at) * self._rate
        self._tokens = min(gathered, self._burst) - count
        self._updated_at = now


class Refusals:
    """A count of the refused packets of a socket since its client has waited as it was told."""

    __slots__ = ("_retry_at", "count")

    def __init__(self) -> None:
        self.count = 0
        self._retry_at = 0.0

    def refused(self, now: float, retry_after_ms: int) -> None:
        """Count one that was told to come back then."""
        self.count += 1
        self._retry_at = now + retry_after_ms / 1000.0

    def passed(self, now: float) -> None:
        """Forgive a client one of whose packets passes after the time that it was told last."""
        if now >= self._retry_at - _SLACK_MILLISECONDS / 1000.0:
            self.count = 0


class BadPackets:
    """A count of the bad packets of a socket within a minute."""

    __slots__ = ("_count", "_most", "_since")

    def __init__(self, most: int, now: float) -> None:
        self._most = most
        self._count = 0
        self._since = now

    def add(self, now: float) -> bool:
        """Count one. Returns whether there were too many within a minute."""
        if now - self._since > _BAD_PACKETS_SECONDS:
            self._since, self._count = now, 0
        self._count += 1
        return self._count >= self._most
