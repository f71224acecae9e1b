"""Sanctions, reports and appeals in words."""

import re
from typing import Any

import pytest

from command_line.display.rulings import KINDS, LIFTED, report, sanction
from moderation_service.domain.sanctions.entities import SanctionKind
from tests.command_line import rulings
from tests.command_line.deals import LATER

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
    """Its kind and end, the facts and the rule, and how to appeal."""
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


def test_a_report_says_what_it_is_about() -> None:
    """A message, a statement in a dispute by its number, or else the conversation."""
    for subject, words in (
        ({"message": "m1"}, "message"),
        ({"dispute": "d1", "number": 3}, "statement (#3)"),
        ({}, "conversation"),
    ):
        told = rulings.report(subject={"conversation": "k1", **subject})
        assert f"your report of a {words} (" in report(told)[0]


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
