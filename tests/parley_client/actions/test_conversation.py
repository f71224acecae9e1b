"""The methods of a conversation, against a real edge."""

import asyncio
from collections.abc import Callable

import pytest

from parley_client.actions.conversation import ConversationHandle
from parley_client.errors import InvalidArgumentError, NoConversationError, NotFoundError
from parley_client.pushes import (
    MessageChanged,
    MessagesDelivered,
    MessagesRead,
    NewMessage,
    PresenceChanged,
    TypingChanged,
)
from parley_protocol.packets import Op
from tests.parley_client.actions.conftest import Two, enter
from tests.parley_client.conftest import Join


async def test_what_is_sent_is_stored_and_told(two: Two) -> None:
    """The receipt names the message that the other is told of, and that both can read again."""
    ann, bob = two
    stored = await bob.talk.send("Hello Ann")
    told = await ann.told(NewMessage)
    while told.message.sender != bob.name:
        told = await ann.told(NewMessage)
    assert (told.message.message, told.message.seq) == (stored.message, stored.seq)
    assert (told.message.text, told.unread) == ("Hello Ann", 1)
    history = await ann.talk.history()
    assert [one.text for one in history.messages] == ["Hello Bob", "Hello Ann"]
    assert history.more is False


async def test_the_key_of_an_application_stores_once(two: Two) -> None:
    """The same words with the same key are one message."""
    ann, _ = two
    first = await ann.talk.send("Once", key="order-1")
    again = await ann.talk.send("Once", key="order-1")
    assert (again.message, again.duplicate) == (first.message, True)


async def test_history_is_read_in_both_directions(two: Two) -> None:
    """The newest page, the ones before and after a place, and all of it."""
    ann, _ = two
    await asyncio.gather(*(ann.talk.send(f"number {number}") for number in range(6)))
    newest = await ann.talk.history(limit=2)
    assert [one.seq for one in newest.messages] == [6, 7]
    assert newest.more is True
    before = await ann.talk.history(before=newest.messages[0].seq, limit=3)
    assert [one.seq for one in before.messages] == [3, 4, 5]
    after = await ann.talk.history(after=0, limit=2)
    assert ([one.seq for one in after.messages], after.more) == ([1, 2], True)
    assert [one.seq async for one in ann.talk.messages(after=2)] == [3, 4, 5, 6, 7]


async def test_an_edit_and_a_deletion_are_answered_and_told(two: Two) -> None:
    """The other is told the text from now on, and then that there is none."""
    ann, bob = two
    stored = await ann.talk.send("Helo")
    edited = await ann.talk.edit(stored.message, "Hello")
    assert (edited.change, edited.text) == ("edited", "Hello")
    told = await bob.told(MessageChanged)
    assert (told.revision.message, told.revision.text) == (stored.message, "Hello")
    (_, message) = [one async for one in ann.talk.messages()]
    deleted = await ann.talk.delete(message)
    assert (deleted.tombstone, deleted.text) == ("deleted", None)
    told = await bob.told(MessageChanged)
    assert (told.revision.change, told.revision.tombstone) == ("deleted", "deleted")


async def test_somebody_elses_message_cannot_be_edited(two: Two) -> None:
    """It is a typed error, and nothing else happens."""
    _, bob = two
    history = await bob.talk.history()
    with pytest.raises(NotFoundError):
        await bob.talk.edit(history.messages[0], "Mine")


async def test_read_marks_given_at_once_are_one_packet(two: Two) -> None:
    """The furthest is sent, and everybody who waits learns where the mark stands."""
    ann, bob = two
    last = 0
    for number in range(4):
        last = (await ann.talk.send(f"number {number}")).seq
    marks = await asyncio.gather(*(bob.talk.mark_read(seq) for seq in (1, last, 2)))
    assert {mark.seq for mark in marks} == {last}
    assert {mark.unread for mark in marks} == {0}
    assert bob.sent_ops().count(Op.OPENED_CONVERSATION) == 1
    told = await ann.told(MessagesRead)
    assert (told.mark.reader, told.mark.seq) == (bob.name, last)


async def test_a_read_mark_that_is_refused_is_raised(two: Two) -> None:
    """The one who waits for it gets the error, and the next mark is not held up."""
    _, bob = two
    unknown = bob.client.conversation("no-such-conversation")
    with pytest.raises((NotFoundError, InvalidArgumentError)):
        await unknown.mark_read()
    with pytest.raises((NotFoundError, InvalidArgumentError)):
        await unknown.mark_read(3)


async def test_a_delivery_is_told(two: Two) -> None:
    """Bob's client confirms what its consumer has handled."""
    ann, bob = two
    stored = await ann.talk.send("Are you there?")
    consuming = asyncio.create_task(bob.told(TypingChanged))
    told = await ann.told(MessagesDelivered)
    while told.seq < stored.seq:
        told = await ann.told(MessagesDelivered)
    assert told.conversation == stored.conversation
    consuming.cancel()


async def test_typing_is_told_and_ends_with_the_message(two: Two) -> None:
    """Once each: a sign that is repeated is no news."""
    ann, bob = two
    assert ann.talk.typing()
    assert ann.talk.typing()
    started = await bob.told(TypingChanged)
    assert (started.user, started.typing) == (ann.name, True)
    await ann.talk.send("Here it is")
    ended = await bob.told(TypingChanged)
    assert (ended.user, ended.typing) == (ann.name, False)


async def test_conversations_are_listed_with_what_is_known(two: Two) -> None:
    """A row has the people, the last message, what is unread and the presence of the other."""
    ann, bob = two
    await ann.talk.send("Second")
    (row,) = [one async for one in bob.client.conversations()]
    assert row.other_than(bob.name) == ann.name
    assert row.last_message is not None
    assert (row.subject, row.last_message.text, row.unread) == ("Roof", "Second", 2)
    assert bob.talk.shown == row


async def test_a_list_comes_page_by_page(two: Two, person: Callable[[str], str]) -> None:
    """By the name of the next page, or as one iteration."""
    ann, _ = two
    for number in range(3):
        await ann.client.conversation_with(person(f"friend{number}")).send("Hi")
    pages = ann.client.conversations(limit=3)
    first = await pages.page()
    assert first.next is not None
    second = await pages.page(first.next)
    assert (len(first.items), len(second.items), second.next) == (3, 1, None)
    assert [one async for one in pages] == [*first.items, *second.items]


async def test_the_conversation_with_a_person_is_found_by_another_device(
    two: Two, join: Join
) -> None:
    """By the name and the subject, in whatever form they are written."""
    ann, bob = two
    device = await join(ann.name)
    talk = device.conversation_with(bob.name, "Roof")
    assert talk.conversation is None
    assert [one.text async for one in talk.messages()] == ["Hello Bob"]
    assert talk.conversation == bob.talk.conversation


async def test_a_conversation_that_does_not_exist_yet_is_a_typed_error(two: Two) -> None:
    """Only the first message opens it; typing there reaches nobody."""
    ann, bob = two
    talk: ConversationHandle = ann.client.conversation_with(bob.name, "Garden")
    with pytest.raises(NoConversationError) as raised:
        await talk.history()
    assert (raised.value.person, raised.value.subject) == (bob.name, "Garden")
    assert talk.typing() is False
    assert talk.shown is None
    await talk.send("About the garden")
    assert len((await talk.history()).messages) == 1


async def test_presence_is_told_of_people_who_talk(
    two: Two, join: Join, person: Callable[[str], str]
) -> None:
    """With an answer nobody is a stranger, and the other is told that they are there."""
    _, bob = two
    await bob.talk.send("Hello Ann")
    cleo = await enter(join, person("cleo"))
    talk = cleo.client.conversation_with(bob.name)
    await talk.send("Hello, I am Cleo")
    await bob.client.conversation_with(cleo.name).send("Hello Cleo")
    told = await cleo.told(PresenceChanged)
    assert (told.presence.user, told.presence.online) == (bob.name, True)
