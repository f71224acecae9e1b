"""The checker finds each thing that a client library may do wrong while its sockets are right."""

import pytest

from tests.crash import deal_case
from tests.crash.checker import check
from tests.crash.deal_case import S
from tests.crash.recording import (
    DeviceRecord,
    Entry,
    Forgot,
    Looked,
    Restarted,
    Settled,
    Telling,
    Told,
    ToldChange,
    Updated,
)
from tests.crash.test_checker import NO_BOOKS, C, Case, alerted, entry


def names(case: Case, *told: Telling) -> list[str]:
    """The names of the violations, where the library of Bob has told him this."""
    recording = {
        "alice.0": DeviceRecord("alice", case.alice),
        "bob.0": DeviceRecord("bob", case.bob, list(told)),
    }
    views = {"alice": case.history, "bob": case.history}
    return [one.name for one in check(recording, {C: views}, NO_BOOKS)]


def told(seq: int, *, own: bool = False) -> Told:
    return Told(C, seq, own)


def test_what_is_told_once_and_in_order_is_right() -> None:
    assert names(Case(), told(1), told(2), told(3)) == []


def test_a_message_that_was_heard_and_not_told_is_kept_back() -> None:
    assert names(Case(), told(1), told(3)) == ["KEPT BACK"]


def test_a_message_that_is_told_again_after_a_resume_is_found() -> None:
    """The socket was told twice, which the server may do, and the library passes it on."""
    case = Case()
    case.bob.append(alerted(3))
    assert names(case, told(1), told(2), told(3), told(3)) == ["TOLD TWICE"]


def test_the_own_message_is_not_told_once_more_when_it_is_pushed() -> None:
    assert names(Case(), told(1, own=True), told(1), told(2), told(3)) == ["TOLD TWICE"]


def test_messages_that_come_out_of_order_are_found() -> None:
    assert names(Case(), told(1), told(3), told(2)) == ["TOLD LATE"]


def test_an_answer_may_overtake_messages() -> None:
    assert names(Case(), told(1), told(3, own=True), told(2)) == []


def test_what_was_not_handled_before_a_restart_may_be_told_again() -> None:
    """But nothing of it may be missing afterwards, although it was not handled in order."""
    assert names(Case(), told(1), told(2), Restarted(), told(2), told(3)) == []
    assert names(Case(), told(1), Restarted(), told(3)) == ["KEPT BACK"]


def test_an_answer_may_tell_of_a_message_before_a_restart() -> None:
    """The application that awaited it knows."""
    assert names(Case(), told(1), Settled(C, 2), Restarted(), told(3)) == []


def test_what_was_missed_is_looked_up_where_the_library_says_so() -> None:
    """And only there: without being told, no application knows that it has to look."""
    case = Case()
    case.bob.append(Looked(C, entry(2)))
    assert names(case, told(1), Forgot(), told(3)) == []
    assert names(case, told(1), told(3)) == ["KEPT BACK"]


@pytest.fixture
def deal() -> deal_case.Case:
    return deal_case.Case()


def changes(deal: deal_case.Case) -> list[ToldChange]:
    """Packets by which Bob's socket was told of the deal, in order."""
    return [
        ToldChange(S, one.cause, one.shown.version) for one in deal.bob if isinstance(one, Updated)
    ]


def names_of(deal: deal_case.Case, told: list[ToldChange]) -> list[str]:
    """The names of the violations, where the library of Bob has told him this of the deal."""
    record = DeviceRecord("bob", deal.bob, [*map(of, deal.history), *told])
    return deal.names(record)


def of(entry: Entry) -> Told:
    return Told(deal_case.C, entry.seq, own=False)


def test_changes_of_a_deal_are_told_once_each_and_in_order(deal: deal_case.Case) -> None:
    right = changes(deal)
    assert names_of(deal, right) == []
    assert names_of(deal, right[:-1]) == ["KEPT BACK"]
    assert names_of(deal, [*right, right[-1]]) == ["TOLD TWICE"]
    assert names_of(deal, [right[1], right[0], *right[2:]]) == ["TOLD LATE"]
