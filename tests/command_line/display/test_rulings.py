"""Restrictions, reports, appeals and disputes in words."""

import re
from typing import Any

import pytest

from command_line.display.disputes import summary
from command_line.display.rulings import KINDS, LIFTED, report, sanction
from moderation_service.domain.dispute.entities import DisputeState
from moderation_service.domain.dispute.events import DisputeCause
from moderation_service.domain.sanctions.entities import SanctionKind
from tests.command_line import rulings
from tests.command_line.deals import LATER, NOW, euros
from tests.command_line.rulings import dispute, settlement_of_bob

WHEN = r"\w{3} \d\d \w{3} \d\d:\d\d"
DAY = r"\w{3} \d\d \w{3} 2026 \d\d:\d\d"


@pytest.mark.parametrize(
    ("told", "lines"),
    [
        (
            rulings.sanction(until=LATER),
            [
                rf"you are muted: you read, and write nothing until {DAY}",
                '"Insulted the other."',
                r"Terms 4\.2 \(terms\)",
                rf"you may: /appeal TEXT, until {DAY}",
            ],
        ),
        (
            rulings.sanction("banned", appealable=False),
            ["you are banned", '"Insulted the other."', r"Terms 4\.2 \(terms\)"],
        ),
        (
            rulings.sanction("suspended", until=LATER),
            [
                rf"you are suspended until {DAY}",
                '"Insulted the other."',
                r"Terms 4\.2 \(terms\)",
                rf"you may: parley appeal TEXT, until {DAY}",
            ],
        ),
        (rulings.sanction(lifted=True), ["you are no longer muted"]),
        (
            rulings.sanction(**rulings.appeal("upheld", answer="It stands.")),
            [
                "you are muted: you read, and write nothing",
                '"Insulted the other."',
                r"Terms 4\.2 \(terms\)",
                "your appeal: the decision stands",
                '"It stands."',
            ],
        ),
    ],
)
def test_a_restriction_explains_itself(told: dict[str, Any], lines: list[str]) -> None:
    """What it is, how long, the facts and the rule, and how to appeal."""
    found = sanction(told)
    assert len(found) == len(lines)
    for line, pattern in zip(found, lines, strict=True):
        assert re.fullmatch(pattern, line)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (rulings.report(), "received"),
        (rulings.report("in_review"), "somebody looks at it"),
        (rulings.report("actioned"), "something was done about it"),
        (rulings.report("no_violation"), "no violation was found"),
        (rulings.report("escalated_further"), "escalated further"),
    ],
)
def test_a_reporter_hears_each_step(told: dict[str, Any], words: str) -> None:
    """And never what it was that was done."""
    assert report(told) == [f"your report of a message (off platform payment): {words}"]


def test_a_reporter_may_appeal() -> None:
    """While the time for it lasts."""
    told = rulings.report("no_violation", decision="d", appealable=True, appeal_until=LATER)
    assert re.fullmatch(rf"you may: /appeal TEXT, until {DAY}", report(told)[1])


def test_every_kind_has_words() -> None:
    """Whatever moderation imposes or lifts, and kinds that are newer than this program."""
    for kind in (*SanctionKind, "something_newer"):
        for lifted in (False, True):
            lines = sanction(rulings.sanction(str(kind), lifted=lifted))
            assert not any("_" in line for line in lines)
    assert KINDS.keys() == LIFTED.keys() == set(SanctionKind)


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
            dispute(statements=[{"by": "bob", "text": "I rang twice.", "at": NOW}]),
            'statement; bob: "I rang twice."',
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
        (None, dispute("under_review"), 'moderators decide; you: "Nobody came."'),
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
