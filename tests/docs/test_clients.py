"""docs/clients.md says of the libraries what they are."""

import re
from pathlib import Path

from parley_client import Options
from parley_client.states import REFUSED_TOKENS, State

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "clients.md").read_text("utf-8")


def section(heading: str) -> str:
    return TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def test_the_states_are_those_of_the_library() -> None:
    """Each has a row, in the order of the table of states."""
    assert re.findall(r"^\| `(\w+)` \|", section("States"), re.MULTILINE) == [*State]


def test_the_limits_are_the_defaults() -> None:
    """Numbers that the page tells are those that a client has without options."""
    options = Options()
    outbox, states, token = section("Outbox"), section("States"), section("Token")
    assert f"At most {options.max_entries:,} commands" in outbox
    assert f"up to {options.max_in_flight}." in outbox
    assert options.max_age_seconds == 86_400
    assert "for a day" in outbox
    assert f"up to {options.backoff_base_seconds} s" in states
    assert f"doubled up to {options.backoff_cap_seconds:.0f} s" in states
    assert f"after {options.steady_after_seconds:.0f} s of being live" in states
    assert f"up to {options.token_timeout_seconds:.0f} s" in token
    assert f"too many wait ({options.max_queued_events:,})" in section("Two positions")
    assert REFUSED_TOKENS == 3
    assert "three fresh tokens" in states
