"""Durations as they are typed."""

from datetime import UTC, datetime, timedelta

import pytest

from command_line.display.console import CommandError
from command_line.display.timestamps import parse_duration, parse_moment


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1s", 1), ("30s", 30), ("15m", 900), ("1h", 3600), ("7d", 604_800), ("366d", 31_622_400)],
)
def test_durations(text: str, seconds: int) -> None:
    """A whole number and a unit."""
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "h",
        "0s",
        "-1h",
        "1.5h",
        "1w",
        "1H",
        " 1h",
        "367d",
        "999999999d",
        "1h30m",
        "\N{ARABIC-INDIC DIGIT ONE}h",
    ],
)
def test_what_is_no_duration(text: str) -> None:
    """Anything else is refused, as a mistake of whoever asked."""
    with pytest.raises(CommandError) as failure:
        parse_duration(text)
    assert failure.value.exit_code == 2


def test_a_moment_is_a_time_or_so_long_ago() -> None:
    now = datetime(2026, 12, 1, 9, tzinfo=UTC)
    assert parse_moment("15m", now) == now - timedelta(minutes=15)
    assert parse_moment("2026-12-01T10:00+01:00", now) == now
    for wrong in ("2026-12-01T09:00", "yesterday"):
        with pytest.raises(CommandError):
            parse_moment(wrong, now)
