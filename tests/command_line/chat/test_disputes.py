"""Disputes that come in any order, and which of them a statement is about."""

import pytest

from command_line.chat.disputes import Disputes
from command_line.chat.payloads import UsageError
from command_line.display.screen import Screen
from tests.command_line.rulings import dispute

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
