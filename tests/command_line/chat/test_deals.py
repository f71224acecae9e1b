"""Deals that come in any order, and which of them a command is about."""

import pytest

from command_line.chat.commands import BY_NAME
from command_line.chat.deals import Deals
from command_line.chat.payloads import UsageError
from command_line.display.screen import Screen
from tests.command_line.deals import SERVICE, offer, service

Output = pytest.CaptureFixture[str]

FIRST = service(version=1, offer=offer(1, 10000, "alice"), allowed_actions=["withdraw"])
SECOND = service(version=2, offer=offer(2, 12050, "bob"), allowed_actions=["accept"])


@pytest.fixture
def deals() -> Deals:
    return Deals("alice", Screen("alice"))


def test_what_happened_is_shown_with_what_one_may_do(deals: Deals, capsys: Output) -> None:
    """Two lines; the second names the commands."""
    deals.happened(FIRST, "created")
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith('-- "Repair the tap" proposed by you: 100.00 EUR')
    assert second == "   you may: /withdraw"


def test_an_answer_that_was_pushed_already_is_not_shown_again(deals: Deals, capsys: Output) -> None:
    """An actor gets an answer and a push, in either order."""
    deals.happened(FIRST, "created")
    deals.happened(FIRST, "created")
    assert capsys.readouterr().out.count("proposed") == 1


def test_a_push_takes_the_place_of_what_was_looked_up(deals: Deals, capsys: Output) -> None:
    """Of two of one version: what was read just before time acted allowed what is over now."""
    deals.happened(FIRST, "created")
    looked_up = {**SECOND, "allowed_actions": ["accept"]}
    deals.stands(looked_up)
    deals.happened(looked_up, "countered")
    deals.happened({**SECOND, "allowed_actions": ["decline"]}, "countered")
    assert deals.about(BY_NAME["/accept"])["allowed_actions"] == ["decline"]
    assert capsys.readouterr().out.endswith("   you may: /decline\n")


def test_what_happened_at_once_is_all_shown(deals: Deals, capsys: Output) -> None:
    """The last note and the revealing of both have one version."""
    deals.happened(service(version=8), "note_submitted")
    deals.happened(service(version=8), "notes_revealed")
    assert capsys.readouterr().out.count("Repair the tap") == 2


def test_what_is_older_than_the_screen_is_passed_over(deals: Deals, capsys: Output) -> None:
    """The answer of a command sent twice is that of the first time."""
    deals.happened(SECOND, "countered")
    capsys.readouterr()
    deals.happened(FIRST, "created")
    deals.stands(FIRST)
    deals.stands(SECOND)
    assert capsys.readouterr().out == ""
    assert deals.about(BY_NAME["/accept"]) == SECOND


def test_what_a_restored_server_says_takes_the_place_of_what_it_lost(
    deals: Deals, capsys: Output
) -> None:
    """Its versions went back, and what happens next counts on from there."""
    deals.happened(SECOND, "countered")
    capsys.readouterr()
    deals.renew(FIRST)
    assert "offered by you: 100.00 EUR" in capsys.readouterr().out
    assert deals.about(BY_NAME["/withdraw"]) == FIRST
    deals.happened(service(version=2), "withdrawn")
    assert "withdrawn" in capsys.readouterr().out


def test_a_refusal_shows_how_it_stands_in_any_case(deals: Deals, capsys: Output) -> None:
    """A refused user is shown the present deal, and the next command is about that."""
    deals.happened(FIRST, "created")
    capsys.readouterr()
    deals.show(SECOND)
    # What was pushed has overtaken this answer.
    deals.show(FIRST)
    assert capsys.readouterr().out.count("offered by bob: 120.50 EUR") == 2
    assert deals.about(BY_NAME["/accept"]) == SECOND


def test_a_command_is_about_the_latest_deal_that_allows_it(deals: Deals) -> None:
    """A note is for the deal before, while the next one is being bargained about."""
    before = service("completed", allowed_actions=["submit_note"])
    after = service(
        service="another", created_at="2026-11-25T08:31:00.000Z", allowed_actions=["accept"]
    )
    deals.happened(after, "created")
    deals.happened(before, "completed")
    assert deals.about(BY_NAME["/rate"])["service"] == SERVICE
    assert deals.about(BY_NAME["/accept"])["service"] == "another"
    assert deals.about(BY_NAME["/deliver"])["service"] == "another"


def test_without_a_deal_a_command_is_about_nothing(deals: Deals) -> None:
    """The message says how one begins."""
    with pytest.raises(UsageError, match="/offer or /request"):
        deals.about(BY_NAME["/accept"])


def test_what_others_wrote_cannot_control_the_terminal(deals: Deals, capsys: Output) -> None:
    """Neither in a title nor in a note, a comment or a description."""
    evil = "\x1b[2J"
    seen = service(title=evil, description=evil, offer=offer(1, 100, "bob", note=evil))
    deals.show(seen, whole=True)
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert shown.count("�[2J") == 4
