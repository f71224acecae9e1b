"""An allowance that refills with time, for what is paced rather than refused.

It knows no clock: the caller says what time it is, in seconds.
"""


class Allowance:
    """`burst` may be spent at once, and then `rate` a second."""

    __slots__ = ("_burst", "_left", "_rate", "_updated_at")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._left = burst
        self._updated_at = now

    def spend(self, amount: float, now: float) -> float:
        """Spend an amount, whether it is there or not. Returns after how many seconds the allowance
        is no longer overdrawn, 0 when it is not.
        """
        left = min(self._burst, self._left + (now - self._updated_at) * self._rate) - amount
        self._updated_at = now
        self._left = left
        return 0.0 if left >= 0.0 else -left / self._rate

    def forfeit(self) -> None:
        """Keep nothing to be spent at once."""
        self._left = min(self._left, 0.0)
