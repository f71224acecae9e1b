"""Disputes that come in any order, and which of them a statement is about."""

from typing import Any

import pytest

from command_line.chat.disputes import Disputes
from command_line.chat.payloads import UsageError
from command_line.display.screen import Screen
from tests.command_line.deals import NOW
from tests.command_line.rulings import DISPUTE, dispute

Output = pytest.CaptureFixture[str]


@pytest.fixture
def disputes() -> Disputes:
    return Disputes("alice", Screen("alice"))


def test_a_dispute_is_shown_as_it_goes_on(disputes: Disputes, capsys: Output) -> None:
    """Not what is older, nor what was answered and comes as a push as well; with what is next."""
    disputes.happened(dispute(version=2, allowed_actions=["state", "withdraw"]), "hold_placed")
    disputes.happened(dispute("pending_hold", version=1), "created")
    disputes.happened(dispute(version=2), "hold_placed")
    shown = capsys.readouterr().out
    assert shown.count("dispute (not delivered") == 1
    assert "   you may: /state TEXT, /withdraw\n" in shown
    assert disputes.allows("withdraw")
    disputes.happened(dispute("resolved", version=4), "hold_resolved")
    assert not disputes.allows("withdraw")


def test_a_statement_is_about_the_dispute_shown_last(disputes: Disputes) -> None:
    """Without one the message says how one begins."""
    with pytest.raises(UsageError, match="/dispute REASON"):
        disputes.about()
    disputes.happened(dispute(), "hold_placed")
    disputes.happened(dispute(dispute="another"), "hold_placed")
    disputes.show(dispute())
    assert disputes.about() == dispute()


def statement(number: int, by: str) -> dict[str, Any]:
    return {"by": by, "text": "words", "at": NOW, "number": number}


def test_a_report_is_about_what_the_other_stated_last_or_what_is_named(
    disputes: Disputes,
) -> None:
    """By its number within the dispute; nobody reports themselves."""
    for typed in ("spam", "#1 spam"):
        disputes.show(dispute(statements=[statement(1, "alice")]))
        with pytest.raises(UsageError, match=r"no statement .*of the other"):
            disputes.reported_by(typed)
    said = [statement(1, "bob"), statement(2, "bob"), statement(3, "alice")]
    disputes.show(dispute(version=3, statements=said))
    last = {"dispute": DISPUTE, "number": 2}
    assert disputes.reported_by("scam He lies") == (last, "scam He lies")
    assert disputes.reported_by("#1 scam He lies") == ({**last, "number": 1}, "scam He lies")
    with pytest.raises(UsageError, match="no statement #nine"):
        disputes.reported_by("#nine scam")
