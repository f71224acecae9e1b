"""Opening, listing and reading conversations on a real database."""

from functools import partial
from typing import Any

from messaging_service.domain.conversations import CreateConversation
from messaging_service.domain.limits import Limits, Opening
from messaging_service.domain.refusals import Reason
from messaging_service.domain.watermarks import Mark
from messaging_service.operations import conversations
from messaging_service.operations.messages import list_messages
from messaging_service.operations.watermarks import mark_read
from service_kit.rules import Refusal
from tests.messaging_service.commands import said
from tests.support.serving import pages


def test_both_sides_open_one_conversation_in_one_transaction(database: Any) -> None:
    one, other = database.say(said("alice", to="bob"), said("bob", to="alice"))
    assert one.message.conversation_id == other.message.conversation_id
    assert [one.message.seq, other.message.seq] == [1, 2]
    again, elsewhere = database.say(said("bob", to="alice"), said("bob", to="alice", subject="x"))
    assert again.message.conversation_id == one.message.conversation_id
    assert elsewhere.message.conversation_id != one.message.conversation_id


def test_openings_are_limited_within_a_batch_too(database: Any) -> None:
    """The limit counts openings only, of this actor only, also those of the same transaction."""
    limits = Limits(openings_per_hour=2)
    outcomes = database.say(
        said("alice", to="b1"),
        said("alice", to="b1"),
        said("alice", to="b2"),
        said("alice", to="b3"),
        said("bob", to="b3"),
        limits=limits,
    )
    assert [isinstance(one, Refusal) for one in outcomes] == [False, False, False, True, False]
    (refused,) = database.say(said("alice", to="b4"), limits=limits)
    assert refused.reason is Reason.OPENINGS_LIMIT_REACHED
    database.now += refused.retry_after
    (accepted,) = database.say(said("alice", to="b4"), limits=limits)
    assert accepted.message.seq == 1


def test_create_conversation_opens_where_only_services_may(database: Any) -> None:
    """With opening=internal `to` finds what a service opened, and opens nothing."""
    limits = Limits(opening=Opening.INTERNAL)
    create = partial(conversations.create_conversation, limits)
    (refused,) = database.say(said("alice", to="bob"), limits=limits)
    assert refused.reason is Reason.OPENING_NOT_ALLOWED
    introduction = CreateConversation(("bob", "alice"), "")
    (made,) = database.run(create, introduction)
    (again,) = database.run(create, introduction)
    assert (made.created, again.created) == (True, False)
    (stored,) = database.say(said("alice", to="bob"), limits=limits)
    assert stored.message.conversation_id == made.conversation.id


def test_a_stranger_learns_nothing(database: Any) -> None:
    (stored,) = database.say(said("alice", to="bob"))
    known, unknown = stored.message.conversation_id, "0" * 36
    for conversation in (known, unknown):
        (refused,) = database.say(said("carol", conversation=conversation))
        (unread,) = database.run(mark_read, Mark("carol", conversation, 0, ""))
        seen = database.read(conversations.get_conversation, "carol", conversation)
        history = database.read(list_messages, "carol", conversation, None, None, 0, 10)
        assert refused == unread == seen == history


def test_list_conversations_gives_pages_that_meet(database: Any) -> None:
    """Conversations of one revision, on either side of the pair, are paged once each."""
    database.say(*(said("m", to=f"{side}{i}") for i in range(9) for side in "az"))
    read = partial(database.read, conversations.list_conversations, "m", 4)
    seen = [
        view.conversation.id
        for page in pages(lambda token: read(token, 100))
        for view in page.conversations
    ]
    assert len(seen) == len(set(seen)) == 18
    assert database.read(conversations.list_conversations, "m", 0, "?", 100).field == "page_token"
