"""How long to wait before trying again: at random, so that many clients do not come as one."""

from parley_client.options import Options

# 2 to this power is beyond any sensible ratio of the longest pause and the first.
_GREATEST_POWER = 32
# Of a pause that a server has asked for; those whom it told the same shall not come at once.
_JITTER = 0.1


def pause_seconds(
    failures: int, chance: float, options: Options, *, base_seconds: float | None = None
) -> float:
    """Give a pause after so many failures before: full jitter, from the first one on.

    `chance` is a random number from 0 to 1. The longest pause is twice the one before, from the
    options' base, or another, up to their cap (Brooker, "Exponential Backoff And Jitter", 2015).
    """
    base = options.backoff_base_seconds if base_seconds is None else base_seconds
    longest = base * 2.0 ** min(failures, _GREATEST_POWER)
    return chance * min(longest, options.backoff_cap_seconds)


def asked_seconds(asked: float, chance: float, options: Options) -> float:
    """Give the pause that a server has asked for, a little longer by chance, up to the longest."""
    return min(asked, options.longest_delay_seconds) * (1 + _JITTER * chance)
