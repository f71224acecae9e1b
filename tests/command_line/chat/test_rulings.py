"""Sanctions and reports that come in any order, and which decision an appeal is about."""

import pytest

from command_line.chat.disputes import Disputes
from command_line.chat.payloads import UsageError
from command_line.chat.rulings import Rulings
from command_line.display.screen import Screen
from tests.command_line.rulings import appeal, dispute, report, sanction

Output = pytest.CaptureFixture[str]


@pytest.fixture
def rulings() -> Rulings:
    return Rulings(Screen("alice"))


@pytest.fixture
def disputes() -> Disputes:
    return Disputes("alice", Screen("alice"))


def test_what_comes_again_is_not_shown_again(rulings: Rulings, capsys: Output) -> None:
    """Pushes come at least once, and an answer comes as a push as well."""
    for _ in range(2):
        rulings.sanctioned(sanction())
        rulings.reported(report())
        rulings.reported({**report(), "duplicate": False})
    shown = capsys.readouterr().out
    assert shown.count("you are muted") == 1
    assert shown.count("received") == 1


def test_each_step_is_shown(rulings: Rulings, capsys: Output) -> None:
    """Of a report, of a restriction that ends, of an appeal."""
    rulings.reported(report())
    rulings.reported(report("actioned"))
    rulings.sanctioned(sanction())
    rulings.reported(appeal())
    rulings.reported(appeal("overturned", answer="You were quoting."))
    rulings.sanctioned(sanction(lifted=True))
    shown = capsys.readouterr().out
    for words in ("received", "something was done", "you are muted", "another moderator looks"):
        assert words in shown
    assert 'the decision is undone\n   "You were quoting."\n-- you are no longer muted\n' in shown


def test_what_is_about_another_conversation_says_so(rulings: Rulings, capsys: Output) -> None:
    """A lock there forbids nothing here; what is about the person holds everywhere."""
    rulings.sanctioned(sanction("conversation_locked", conversation="k2"), "k1")
    rulings.sanctioned(sanction("message_removed", conversation="k1"), "k1")
    rulings.sanctioned(sanction("muted"), "k1")
    shown = [line for line in capsys.readouterr().out.splitlines() if line.startswith("--")]
    assert shown == [
        "-- (another conversation) the conversation is locked",
        "-- a message of this conversation was removed",
        "-- you are muted: you read, and write nothing",
    ]


def test_a_refusal_shows_the_reasons_in_any_case(rulings: Rulings, capsys: Output) -> None:
    """A refused user is shown why."""
    rulings.sanctioned(sanction())
    rulings.restrict({"user": "alice", "banned": False, "sanctions": [sanction()]})
    assert capsys.readouterr().out.count("Insulted the other.") == 2


def test_an_appeal_is_about_what_was_shown_last(rulings: Rulings) -> None:
    """Of what can be appealed against: not what was lifted, nor what is being looked at again."""
    with pytest.raises(UsageError, match="nothing is shown"):
        rulings.about()
    rulings.sanctioned(sanction("warning"))
    rulings.sanctioned(sanction("muted"))
    rulings.reported(report())
    assert rulings.about() == {"decision": "d-muted"}
    rulings.reported(appeal())
    assert rulings.about() == {"decision": "d-warning"}
    rulings.reported(report("no_violation", decision="d-report", appealable=True))
    assert rulings.about() == {"decision": "d-report"}


def test_what_moderators_wrote_cannot_control_the_terminal(
    rulings: Rulings, disputes: Disputes, capsys: Output
) -> None:
    """Neither in the facts nor in a statement of the other party."""
    evil = "\x1b[2J\u202e"
    told = sanction()
    rulings.sanctioned({**told, "statement": {**told["statement"], "facts": evil, "rule": evil}})
    said = {"by": "bob", "text": evil, "at": "", "number": 1}
    disputes.happened(dispute(statements=[said]), "stated")
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert shown.count("�[2J�") == 3
