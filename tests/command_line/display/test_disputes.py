"""Disputes in words."""

import re
from typing import Any

import pytest

from command_line.display.disputes import summary
from moderation_service.domain.dispute.entities import DisputeState
from moderation_service.domain.dispute.events import DisputeCause
from tests.command_line.deals import LATER, NOW, euros
from tests.command_line.rulings import dispute, settlement_of_bob

WHEN = r"\w{3} \d\d \w{3} \d\d:\d\d"
HEAD = r"dispute \(not delivered, opened by you\): "


@pytest.mark.parametrize(
    ("cause", "shown", "words"),
    [
        (
            "hold_placed",
            dispute(due_at=LATER, claim={"refund": euros(5000)}),
            rf"opened, and the deal waits for it; 50\.00 EUR wanted back for you; until {WHEN}",
        ),
        (
            "stated",
            dispute(statements=[{"by": "bob", "text": "I rang twice.", "at": NOW, "number": 2}]),
            'statement; #2 bob: "I rang twice."',
        ),
        (
            "settlement_proposed",
            dispute(offers=[settlement_of_bob()]),
            r"settlement offered; settlement 1 of bob: 60\.00 EUR for bob, 60\.50 EUR back to you",
        ),
        (
            "settled",
            dispute(
                "resolved_pending",
                offers=[settlement_of_bob()],
                resolution={
                    "outcome": "split",
                    "cause": "settled",
                    "at": NOW,
                    "split": {"provider_minor": 12050, "client_minor": 0},
                },
            ),
            r"settled; the price is split; 120\.50 EUR for bob",
        ),
        (
            "decided",
            dispute(
                "resolved",
                resolution={
                    "outcome": "cancelled",
                    "cause": "decided",
                    "at": NOW,
                    "facts": "Nobody came.",
                    "rule": "Terms 7",
                },
            ),
            'decided by a moderator; the deal is cancelled; "Nobody came."; "Terms 7"',
        ),
        ("hold_refused", dispute("refused", refusal="TOO_LATE"), "not possible; too late"),
        (None, dispute("under_review"), 'moderators decide; #1 you: "Nobody came."'),
    ],
)
def test_what_happened_to_a_dispute_is_one_line(
    cause: str | None, shown: dict[str, Any], words: str
) -> None:
    """By whom it was opened and why, and what is to be known of it now; alice reads it."""
    assert re.fullmatch(HEAD + words, summary(shown, "alice", cause))


def test_every_cause_and_state_of_a_dispute_has_words() -> None:
    """Whatever happens to it, and what is newer than this program."""
    for cause in (*DisputeCause, "something_newer", None):
        for state in (*DisputeState, "something_newer"):
            line = summary(dispute(str(state)), "alice", cause and str(cause))
            assert "_" not in line
