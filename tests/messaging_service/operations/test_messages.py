"""Creating and reading messages on a real database."""

from typing import Any

from messaging_service.domain.refusals import Reason
from messaging_service.operations.messages import get_messages, list_messages
from service_kit.names import CANARY_FROM, CANARY_TO
from service_kit.storage.clock import read_position
from tests.messaging_service.commands import said


def test_create_message_honours_a_key_within_and_across_transactions(database: Any) -> None:
    """The same key and body give the first answer, without an event, a seq or a revision."""
    first, second = database.say(said("alice", to="bob", key="k"), said("alice", to="bob", key="k"))
    assert second == first._replace(duplicate=True)
    (third,) = database.say(said("alice", conversation=first.message.conversation_id, key="k"))
    assert third == second
    assert len(database.events) == 1
    assert database.read(read_position).revision == 1


def test_create_message_with_a_used_key_and_another_body_is_a_conflict(database: Any) -> None:
    database.say(said("alice", to="bob", key="k"))
    outcomes = database.say(
        said("alice", "other", to="bob", key="k"),
        said("alice", to="carol", key="k"),
        said("alice", to="bob", subject="s", key="k"),
        said("bob", to="alice", key="k"),
    )
    assert [getattr(one, "reason", None) for one in outcomes] == [
        Reason.IDEMPOTENCY_KEY_CONFLICT,
        Reason.IDEMPOTENCY_KEY_CONFLICT,
        Reason.IDEMPOTENCY_KEY_CONFLICT,
        None,
    ]
    assert database.say(said("alice", to="dave"))[0].message.seq == 1


def test_list_messages_gives_pages_that_meet(database: Any) -> None:
    """Pages backward and forward give every message once, and `more` is exact."""
    (first,) = database.say(said("alice", "1", to="bob"))
    conversation = first.message.conversation_id
    database.say(*(said("alice", str(i), conversation=conversation) for i in range(2, 11)))

    def page(before: int | None, after: int | None, size: int) -> tuple[list[int], bool]:
        found = database.read(list_messages, "bob", conversation, before, after, size, 200)
        return [one.seq for one in found.messages], found.more

    assert page(None, None, 4) == ([7, 8, 9, 10], True)
    assert page(7, None, 4) == ([3, 4, 5, 6], True)
    assert page(3, None, 4) == ([1, 2], False)
    assert page(None, 8, 2) == ([9, 10], False)
    assert page(None, 1, 2) == ([2, 3], True)
    assert page(None, 0, 2) == ([1, 2], True)
    assert page(0, None, 2) == ([], False)
    assert page(None, None, 10) == (list(range(1, 11)), False)


def test_get_messages_leaves_out_what_a_stranger_may_not_see(database: Any) -> None:
    """As if it did not exist; services see all."""
    (stored,) = database.say(said("alice", to="bob"))
    assert database.read(get_messages, "carol", [stored.message.id]) == []
    assert len(database.read(get_messages, "", [stored.message.id])) == 1


def test_of_what_edges_write_to_themselves_the_newest_is_kept(database: Any) -> None:
    """It grows without bound for nobody, and no setting keeps it from being opened."""
    songs = [said(CANARY_FROM, str(number), to=CANARY_TO) for number in range(150)]
    conversation = database.say(*songs)[0].message.conversation_id
    (kept,) = database.say(said("alice", to="bob"))
    for _ in range(3):
        database.say(*songs)
    found = database.read(list_messages, "", conversation, None, None, 1_000, 1_000)
    assert [one.seq for one in found.messages] == list(range(400, 601))
    other = kept.message.conversation_id
    assert database.read(list_messages, "", other, None, None, 10, 10).messages == [kept.message]
