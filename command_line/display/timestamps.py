"""Times as people read them, in their own zone; and times that they type."""

from datetime import UTC, datetime, timedelta

from command_line.client.tokens import parse_duration
from command_line.display.console import CommandError

STEPS = ((86_400, "d"), (3_600, "h"), (60, "min"))


def parse(text: str) -> datetime:
    """A time of a document."""
    return datetime.fromisoformat(text)


def distance(at: str, now: datetime) -> str:
    """How far off a time is, in a unit of which there are at least two: in 90 min, 3 h ago."""
    seconds = (parse(at) - now).total_seconds()
    size = abs(seconds)
    words = next(
        (f"{size / step:.0f} {unit}" for step, unit in STEPS if size >= 2 * step), f"{size:.0f} s"
    )
    return f"in {words}" if seconds >= 0 else f"{words} ago"


def at_a_glance(at: str | None) -> str:
    """A past time in a column: day and minute."""
    return f"{parse(at).astimezone():%d %b %H:%M}" if at else ""


def moment(at: str | None, now: datetime) -> str:
    """A time in full, with how far off it is."""
    return f"{parse(at).astimezone():%a %d %b %Y %H:%M} ({distance(at, now)})" if at else ""


def read_end(text: str, now: datetime) -> datetime:
    """When something ends that is to last so long (7d), or ends then (2026-12-01T09:00Z)."""
    try:
        end = datetime.fromisoformat(text)
    except ValueError:
        return now + parse_duration(text)
    if end.tzinfo is None:
        raise CommandError(f"a time needs its zone, as {text}Z or {text}+01:00", 2)
    if end <= now:
        raise CommandError(f"that time is over: {text}", 2)
    return end.astimezone(UTC)


def utc_now() -> datetime:
    """Now, to the millisecond, as the service keeps times."""
    now = datetime.now(UTC)
    return now - timedelta(microseconds=now.microsecond % 1000)
