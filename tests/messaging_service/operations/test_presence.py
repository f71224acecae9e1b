"""Operations and queries of presence on a real database."""

from collections.abc import Iterable
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection

from messaging_service.domain.blocks import SetBlock
from messaging_service.domain.limits import Limits
from messaging_service.domain.messages import CreateMessage
from messaging_service.domain.presence import Presence
from messaging_service.domain.refusals import Reason
from messaging_service.operations.changes import list_changed_users, list_changes
from messaging_service.operations.conversations import get_conversation, list_conversations
from messaging_service.operations.messages import create_message
from messaging_service.operations.presence import (
    Attend,
    SetInvisible,
    Stays,
    Wish,
    attend,
    remember_presence,
    set_invisible,
)
from messaging_service.storage.attendance import find_attendance, find_unattended
from messaging_service.storage.presence import observed_by, users_of
from service_kit.rules import INVALID_ARGUMENT
from service_kit.storage.bulk_statements import look_up_all
from service_kit.storage.clock import read_position

ATTEND = partial(attend, 500)


def said(actor: str, to: str, subject: str = "") -> CreateMessage:
    return CreateMessage(actor, "", to, subject, "hello", "", "")


def talk(database: Any, user: str, others: Iterable[str]) -> None:
    """Let somebody write to others, who answer."""
    for other in others:
        database.say(said(user, other), said(other, user))


def told(database: Any) -> list[tuple[tuple[str, ...], Presence]]:
    events = [(to, event) for _, to, event in database.events if isinstance(event, Presence)]
    database.events.clear()
    return events


def shown(database: Any, actor: str) -> list[Presence | None]:
    page = database.read(partial(list_conversations, presence=True), actor, 100, "", 100)
    return [view.peer.presence for view in page.conversations]


def test_who_shares_a_conversation_is_told_of_changes_and_of_nothing_else(database: Any) -> None:
    """On either side of the pair, once for each person; a repeat tells and writes nothing."""
    database.say(said("m", "a"), said("z", "m"), said("m", "z", "another"), said("x", "y"))
    database.run(ATTEND, Attend("m", here=True, at=5), Attend("alone", here=True, at=6))
    ((to, presence),) = told(database)
    assert sorted(to) == ["a", "z"]
    revision = database.read(read_position).revision
    assert presence == Presence(
        "m", online=True, last_seen=5, revision=revision, version=database.now
    )
    (again,) = database.run(ATTEND, Attend("m", here=True, at=7))
    assert again == (False, False)
    assert told(database) == []
    database.run(ATTEND, Attend("m", here=False, at=9))
    ((to, presence),) = told(database)
    assert (sorted(to), presence.online, presence.last_seen) == (["a", "z"], False, 9)
    assert database.read(read_position).revision == revision + 1


def test_a_person_who_goes_in_the_same_transaction_has_been_seen(database: Any) -> None:
    """Only how it stands in the end is told."""
    database.say(said("a", "b"))
    database.run(ATTEND, Attend("a", here=True, at=5), Attend("a", here=False, at=9))
    assert [(one.online, one.last_seen) for _, one in told(database)] == [(False, 9)]


def test_last_seen_never_goes_back(database: Any) -> None:
    """A wall clock may; and what was known before a crash may be older than what is stored."""
    database.say(said("a", "b"))
    database.run(ATTEND, Attend("a", here=True, at=50))
    database.run(ATTEND, Attend("a", here=False, at=20))
    assert [one.last_seen for _, one in told(database)] == [50, 50]
    database.run(ATTEND, Attend("a", here=False, at=30))
    assert told(database) == []


def test_an_invisible_person_is_never_shown_and_does_not_move(database: Any) -> None:
    """Set while offline: coming, going and the wish itself write no word for others."""
    database.say(said("a", "b"))
    database.run(ATTEND, Attend("a", here=True, at=5))
    database.run(ATTEND, Attend("a", here=False, at=9))
    before = shown(database, "b")
    after = database.read(read_position)
    told(database)
    database.run(set_invisible, SetInvisible("a", invisible=True))
    database.run(ATTEND, Attend("a", here=True, at=20))
    database.run(ATTEND, Attend("a", here=False, at=30))
    assert told(database) == []
    assert database.missed("b", after) == []
    assert [one and one[:3] for one in shown(database, "b")] == [one and one[:3] for one in before]
    database.run(set_invisible, SetInvisible("a", invisible=False))
    assert told(database) == []
    database.run(ATTEND, Attend("a", here=True, at=40))
    assert [one.online for _, one in told(database)] == [True]


def test_who_becomes_invisible_while_online_goes_as_everybody(database: Any) -> None:
    """The wish alone tells nothing: what tells is the going, the same as without the wish."""
    database.say(said("a", "b"), said("c", "b"))
    for user in ("a", "c"):
        database.run(ATTEND, Attend(user, here=True, at=5))
    told(database)
    database.run(set_invisible, SetInvisible("a", invisible=True))
    assert told(database) == []
    database.run(ATTEND, Attend("a", here=False, at=9), Attend("c", here=False, at=9))
    (_, hidden), (_, gone) = told(database)
    assert hidden[1:3] == gone[1:3] == (False, 9)


def test_set_invisible_stores_a_wish_once_and_for_a_good_name(database: Any) -> None:
    """The same wish again spends no revision, and a name that can not be is refused."""
    operation = set_invisible
    wished, bad = database.run(
        operation, SetInvisible("a", invisible=True), SetInvisible("", invisible=True)
    )
    assert (wished, bad.reason) == (Presence("a", invisible=True), INVALID_ARGUMENT)
    before = database.read(read_position)
    database.run(operation, SetInvisible("a", invisible=True))
    database.run(operation, SetInvisible("b", invisible=False))
    assert database.read(read_position) == before


def test_the_list_shows_the_other_and_a_stranger_nothing(database: Any) -> None:
    """Somebody never seen has no presence, invisible or not; and without presence nobody has."""
    talk(database, "a", "bcd")
    database.run(ATTEND, Attend("b", here=True, at=5))
    database.run(set_invisible, SetInvisible("c", invisible=True))
    found = {one.user: one for one in shown(database, "a") if one}
    assert found["b"].online
    assert found.keys() == {"b"}
    page = database.read(list_conversations, "a", 100, "", 100)
    assert [view.peer.presence for view in page.conversations] == [None] * 3
    conversation = page.conversations[0].conversation.id
    seen = database.read(partial(get_conversation, presence=True), "stranger", conversation)
    assert seen.reason is Reason.CONVERSATION_NOT_FOUND
    service = database.read(partial(get_conversation, presence=True), "", conversation)
    assert service.peer.presence is None


@pytest.mark.parametrize("size", [1, 2, 500])
def test_a_resume_brings_where_each_stands_once_in_order(database: Any, size: int) -> None:
    """However often it changed, among messages, page by page; and nothing that is older."""
    talk(database, "a", "bcd")
    database.run(ATTEND, Attend("d", here=True, at=1))
    after = database.read(read_position)
    for at in (5, 7):
        database.run(ATTEND, Attend("b", here=True, at=at))
        database.run(ATTEND, Attend("b", here=False, at=at + 1))
    database.say(said("b", "a"), said("c", "a"))
    database.run(ATTEND, Attend("c", here=True, at=9), Attend("stranger", here=True, at=9))
    found = database.missed("a", after, size)
    assert [revision for revision, _ in found] == sorted(revision for revision, _ in found)
    told = [one for _, one in found if isinstance(one, Presence)]
    assert [(one.user, one.online, one.last_seen) for one in told] == [
        ("b", False, 8),
        ("c", True, 9),
    ]
    assert len(found) == 4
    page = database.read(list_changes, "a", after, database.read(read_position), 500, "", 500)
    assert not any(isinstance(one, Presence) for change in page.changes for one in change.events)


def test_presence_is_told_in_the_newest_conversations_alone(database: Any) -> None:
    """Both ways, and conversations of one transaction, which are equally new, count as well."""
    names = [f"{side}{i}" for i in range(4) for side in "az"]
    for name in names:
        talk(database, "m", [name])
    (cut,) = database.run(partial(attend, 3), Attend("m", here=True, at=5))
    assert cut == (True, True)
    ((to, _),) = told(database)
    assert set(to) == set(names[-3:])
    (whole,) = database.run(partial(attend, 8), Attend("m", here=False, at=6))
    assert whole == (True, False)
    assert {*told(database)[0][0]} == set(names)
    for name in names:
        database.run(ATTEND, Attend(name, here=True, at=5))

    def observed(connection: Connection) -> set[str]:
        sides = observed_by("m", 3, strangers=False)
        return users_of(look_up_all(connection, *sides), 3)

    assert database.read(observed) == set(names[-3:])
    for number in range(4):
        database.say(said("k", f"z{number}"))
    for count, more in ((3, True), (4, False)):
        operation = partial(attend, count)
        (cut,) = database.run(operation, Attend("k", here=not more, at=count))
        assert cut == (True, more)
    many = [said("n", f"n{i}") for i in range(20)]
    database.say(*many, limits=Limits(openings_per_hour=100))
    database.events.clear()
    (cut,) = database.run(partial(attend, 5), Attend("n", here=True, at=5))
    assert cut == (True, True)
    assert len(told(database)[0][0]) == 5


def test_what_was_known_is_recalled(database: Any) -> None:
    """People online, with the wish of each, and until when that was known."""
    assert database.read(find_unattended) == (0, [])
    database.run(ATTEND, *(Attend(user, here=True, at=5) for user in "abc"))
    database.run(ATTEND, Attend("b", here=False, at=6))
    database.run(set_invisible, SetInvisible("c", invisible=True))
    database.run(remember_presence, 70, 60)
    at, online = database.read(find_unattended)
    assert (at, sorted(online)) == (70, [("a", False), ("c", True)])


HERE, THERE = (partial(attend, 500, replica=one) for one in ("here", "there"))


def test_who_is_attended_elsewhere_has_not_gone(database: Any) -> None:
    """Whoever moves from one process to another is told as there once, and as gone once: when the
    last one has let them go, with the latest time at which any of them knew that they are there.
    """
    database.say(said("a", "b"))
    database.run(HERE, Attend("a", here=True, at=5))
    database.run(THERE, Attend("a", here=True, at=8))
    database.run(HERE, Attend("a", here=True, at=9))
    assert [(one.online, one.last_seen) for _, one in told(database)] == [(True, 5)]
    (left,) = database.run(HERE, Attend("a", here=False, at=30))
    assert left == (False, False)
    before = database.read(read_position)
    database.run(HERE, Attend("a", here=False, at=30))
    assert database.read(read_position) == before
    # It was away from there before it was from here, and that is only found out now.
    database.run(THERE, Attend("a", here=False, at=20))
    assert [(one.online, one.last_seen) for _, one in told(database)] == [(False, 30)]
    assert database.read(find_attendance, ["a"]) == {}
    database.run(THERE, Attend("a", here=True, at=40))
    assert [one.online for _, one in told(database)] == [True]


def test_who_hides_goes_wherever_they_are(database: Any) -> None:
    """The process that stored the wish lets them seem to leave, though another attends to them."""
    database.say(said("a", "b"))
    database.run(THERE, Attend("a", here=True, at=5))
    told(database)
    hide = partial(set_invisible, replica="here")
    database.run(hide, SetInvisible("a", invisible=True))
    assert database.read(find_attendance, ["a"])["a"].keys() == {"here", "there"}
    database.run(HERE, Attend("a", here=False, at=9, wish=Wish.HIDDEN))
    assert [(one.online, one.last_seen) for _, one in told(database)] == [(False, 9)]
    # And back, by a process that does not see them itself; one that sees nobody tells nothing.
    database.run(hide, SetInvisible("a", invisible=False), SetInvisible("c", invisible=False))
    shown = partial(Attend, here=True, at=12, wish=Wish.SHOWN)
    database.run(HERE, shown("a"), shown("c"))
    assert [(one.user, one.online) for _, one in told(database)] == [("a", True)]
    assert database.read(find_attendance, "abc") == {"a": {"there": 0}}


def test_a_wish_that_was_taken_back_elsewhere_hides_nobody(database: Any) -> None:
    """The process that was to hide them learns so, and attends to them as before."""
    database.say(said("a", "b"))
    database.run(HERE, Attend("a", here=True, at=5))
    told(database)
    before = database.read(read_position)
    (outcome,) = database.run(HERE, Attend("a", here=False, at=9, wish=Wish.HIDDEN))
    assert isinstance(outcome, Stays)
    assert database.read(read_position) == before
    assert database.read(find_attendance, ["a"]) == {"a": {"here": 0}}


def test_one_who_was_never_answered_is_not_shown_who_is_there(database: Any) -> None:
    """Not live, not in the list and not to a resume, until the other says something; then at once,
    in all three. What the other does not see of a stranger is another matter.
    """
    (first,) = database.say(said("stranger", "m"))
    start = database.read(read_position)
    for here in (True, False, True):
        database.run(ATTEND, Attend("m", here=here, at=5), Attend("stranger", here=here, at=5))
    assert {to for to, _ in told(database)} == {("m",)}
    assert shown(database, "stranger") == [None]
    assert [one and one.user for one in shown(database, "m")] == ["stranger"]
    assert database.missed_events("stranger", start) == []
    changed = partial(list_changed_users, presence=500)
    now = database.read(read_position)
    assert database.read(changed, ["stranger", "m"], start, now).users == {"m"}
    between = database.read(read_position)
    database.events.clear()
    answer = CreateMessage("m", first.message.conversation_id, "", "", "hello", "", "")
    database.run(partial(create_message, Limits(), presence=True), answer, answer)
    ((to, presence),) = told(database)
    assert (to, presence.user, presence.online) == (("stranger",), "m", True)
    assert presence in shown(database, "stranger")
    assert presence in database.missed_events("stranger", between)
    database.run(ATTEND, Attend("m", here=False, at=9))
    assert [to for to, _ in told(database)] == [("stranger",)]


def test_a_setting_shows_strangers_what_others_see(database: Any) -> None:
    """Then an answer is no news of presence."""
    limits = Limits(presence_to_strangers=True)
    database.say(said("stranger", "m"))
    start = database.read(read_position)
    database.run(partial(attend, 500, strangers=True), Attend("m", here=True, at=5))
    ((to, presence),) = told(database)
    assert to == ("stranger",)
    list_ = partial(list_conversations, presence=True, strangers=True)
    (view,) = database.read(list_, "stranger", 10, "", 10).conversations
    assert view.peer.presence == presence
    now = database.read(read_position)
    changes = partial(list_changes, presence=500, strangers=True)
    page = database.read(changes, "stranger", start, now, 500, "", 500)
    assert [one for change in page.changes for one in change.events] == [presence]
    database.run(partial(create_message, limits, presence=True), said("m", "stranger"))
    assert told(database) == []


def test_what_is_suppressed_is_no_answer(database: Any) -> None:
    """One who blocks is not answered; and after the block a stranger is one as before."""
    database.say(said("stranger", "m"))
    database.block(SetBlock("stranger", "m", blocked=True, origin=""))
    database.run(partial(create_message, Limits(), presence=True), said("m", "stranger"))
    database.run(ATTEND, Attend("m", here=True, at=5))
    database.block(SetBlock("stranger", "m", blocked=False, origin=""))
    assert told(database) == []
    assert shown(database, "stranger") == [None]
