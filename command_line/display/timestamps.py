"""Times and durations: printed in the reader's own zone, and parsed as they are typed."""

import re
from datetime import UTC, datetime, timedelta

from command_line.display.console import CommandError

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
LONGEST_DURATION = timedelta(days=366)
STEPS = ((86_400, "d"), (3_600, "h"), (60, "min"))


def parse(text: str) -> datetime:
    """A time of a document."""
    return datetime.fromisoformat(text)


def relative_time(at: str, now: datetime) -> str:
    """The time from now, in the largest unit of which there are two: in 90 min, 3 h ago."""
    seconds = (parse(at) - now).total_seconds()
    size = abs(seconds)
    words = next(
        (f"{size / step:.0f} {unit}" for step, unit in STEPS if size >= 2 * step), f"{size:.0f} s"
    )
    return f"in {words}" if seconds >= 0 else f"{words} ago"


def short_time(at: str | None) -> str:
    """Day and minute, for a column."""
    return f"{parse(at).astimezone():%d %b %H:%M}" if at else ""


def full_time(at: str | None, now: datetime) -> str:
    """Date and time with the time from now."""
    return f"{parse(at).astimezone():%a %d %b %Y %H:%M} ({relative_time(at, now)})" if at else ""


def parse_duration(text: str) -> timedelta:
    """A whole number and its unit, as in 30s, 15m, 1h, 7d; more than nothing, at most 366 days."""
    match = re.fullmatch(r"([0-9]{1,9})([smhd])", text)
    if match is None:
        raise CommandError(f"not a duration: {text!r}; write a number and s, m, h or d, as 15m", 2)
    duration = timedelta(**{UNITS[match[2]]: int(match[1])})
    if not timedelta(0) < duration <= LONGEST_DURATION:
        raise CommandError(f"a duration is 1s to 366d, not {text}", 2)
    return duration


def parse_end(text: str, now: datetime) -> datetime:
    """The end of what lasts for a duration (7d) or until a time (2026-12-01T09:00Z)."""
    end = _parse_time(text)
    if end is None:
        return now + parse_duration(text)
    if end <= now:
        raise CommandError(f"that time is over: {text}", 2)
    return end


def parse_moment(text: str, now: datetime) -> datetime:
    """A time (2026-12-01T09:00Z), or so long ago (15m)."""
    moment = _parse_time(text)
    return now - parse_duration(text) if moment is None else moment


def _parse_time(text: str) -> datetime | None:
    """A time with its zone; None for what is no time."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    if time.tzinfo is None:
        raise CommandError(f"a time needs its zone, as {text}Z or {text}+01:00", 2)
    return time.astimezone(UTC)


def utc_now() -> datetime:
    """Now, to the millisecond, as the service keeps times."""
    now = datetime.now(UTC)
    return now - timedelta(microseconds=now.microsecond % 1000)
