"""Durations as they are typed."""

from datetime import timedelta

import pytest

from command_line.display.console import CommandError
from command_line.display.timestamps import parse_duration


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
