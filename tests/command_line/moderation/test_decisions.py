"""Decisions as they are typed, and the measures that the service is asked for."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from command_line.display.console import CommandError
from command_line.moderation.decisions import TypedDecision, describe, read

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
REASONS: dict[str, Any] = {"facts": "He insulted her.", "rule": "Terms 4.2"}


@pytest.mark.parametrize(
    ("typed", "measures"),
    [
        ({"warnings": ["bob"]}, [{"kind": "warning", "user": "bob"}]),
        (
            {"mutes": ["bob=7d"]},
            [{"kind": "muted", "user": "bob", "until_time": NOW + timedelta(days=7)}],
        ),
        (
            {"suspensions": ["a=b=2026-12-01T09:00+01:00"]},
            [
                {
                    "kind": "suspended",
                    "user": "a=b",
                    "until_time": datetime(2026, 12, 1, 8, tzinfo=UTC),
                }
            ],
        ),
        (
            {"removed_of": ["ann", "bob"]},
            [{"kind": "message_removed", "user": user} for user in ("ann", "bob")],
        ),
        ({"removes_statement": True}, [{"kind": "statement_removed"}]),
        (
            {"bans": ["bob"], "removes": True, "removed": ["m2"], "locks": True},
            [
                {"kind": "banned", "user": "bob"},
                {"kind": "message_removed"},
                {"kind": "message_removed", "message_id": "m2"},
                {"kind": "conversation_locked"},
            ],
        ),
    ],
)
def test_each_measure_bears_the_reasons(
    typed: dict[str, Any], measures: list[dict[str, Any]]
) -> None:
    """As many as were typed, of all kinds; a user may have any name."""
    verdict, found = read(TypedDecision(**typed, **REASONS, ground="law"), NOW)
    assert verdict == "violation"
    assert found == [{**one, **REASONS, "ground": "law"} for one in measures]


def test_no_violation_restricts_nobody() -> None:
    """It has no measures."""
    assert read(TypedDecision(no_violation=True), NOW) == ("no_violation", [])


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ({}, "say what is decided"),
        ({"no_violation": True, "bans": ["bob"]}, "restricts nobody"),
        ({"no_violation": True, "facts": "words"}, "restricts nobody"),
        ({"bans": ["bob"], "rule": "4.2"}, "--facts is missing"),
        ({"bans": ["bob"], "facts": "words", "rule": " "}, "--rule is missing"),
        ({"mutes": ["bob"], **REASONS}, "write --mute USER=7d"),
        ({"mutes": ["=7d"], **REASONS}, "write --mute USER=7d"),
        ({"mutes": ["bob=soon"], **REASONS}, "not a duration"),
        ({"mutes": ["bob=2026-11-24T08:59Z"], **REASONS}, "is over"),
        ({"suspensions": ["bob=2026-12-01T09:00"], **REASONS}, "needs its zone"),
    ],
)
def test_what_does_not_go_together_is_asked_again(typed: dict[str, Any], why: str) -> None:
    """Before the service is asked: the mistake of who typed it, exit code 2."""
    with pytest.raises(CommandError, match=why) as caught:
        read(TypedDecision(**typed), NOW)
    assert caught.value.exit_code == 2


def test_a_decision_is_shown_in_words_before_it_is_made() -> None:
    """Each measure on a line of its own, with its end."""
    typed = TypedDecision(
        warnings=["al"], mutes=["bob=7d"], bans=["cy"], removes=True, locks=True, **REASONS
    )
    lines = describe(*read(typed, NOW), NOW)
    assert lines[0] == "warn al"
    assert lines[1].startswith("mute bob until ")
    assert lines[1].endswith("(in 7 d)")
    assert lines[2:] == [
        "ban cy, until somebody lifts it",
        "remove the message that was reported",
        "lock the conversation, for both",
        "because: He insulted her.",
        "by: Terms 4.2 (terms)",
    ]
    assert "nobody is restricted" in describe("no_violation", [], NOW)[0]
