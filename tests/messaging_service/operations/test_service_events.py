"""Events of services in the histories of their conversations: each once, in its place."""

from functools import partial
from typing import Any

import pytest

from messaging_service.domain import service_events
from messaging_service.domain.blocks import SetBlock
from messaging_service.domain.events import MessageCreated, WatermarkMoved
from messaging_service.domain.limits import Limits
from messaging_service.domain.messages import EVENT, CreateMessage
from messaging_service.domain.service_events import ServiceEvent
from messaging_service.domain.watermarks import Mark
from messaging_service.operations.blocks import set_block
from messaging_service.operations.conversations import list_conversations
from messaging_service.operations.messages import list_messages
from messaging_service.operations.service_events import (
    NEGOTIATION,
    ServiceEvents,
    add_service_events,
)
from messaging_service.operations.watermarks import mark_delivered, mark_read
from service_kit.follow.positions import read_followed
from service_kit.rules import Position, check_key
from service_kit.storage.clock import read_position

ADD = add_service_events
SET_BLOCK = partial(set_block, Limits(), presence=False)


def said(actor: str, to: str, text: str = "hello", key: str = "") -> CreateMessage:
    return CreateMessage(actor, "", to, "", text, key, "origin")


def happened(
    number: int, cause: str = "countered", by: str = "bob", at: int = 1_000
) -> ServiceEvent:
    return ServiceEvent("service", number, cause, by, at, "offered", "Tap", 2, 12_050, "EUR")


def told(revision: int, *events: tuple[str, ServiceEvent], epoch: str = "one") -> ServiceEvents:
    return ServiceEvents(Position(epoch, revision), events)


@pytest.fixture
def conversation(database: Any) -> str:
    """A conversation of alice and bob; negotiation is followed from its beginning."""
    (stored,) = database.say(said("alice", "bob"))
    database.run(ADD, told(0))
    return str(stored.message.conversation_id)


def history(database: Any, conversation: str) -> list[tuple[int, str, str]]:
    """Seq, kind, and text or number of each entry."""
    page = database.read(list_messages, "alice", conversation, None, 0, 200, 200)
    return [
        (
            one.seq,
            one.kind,
            str(service_events.decode(one.text).number) if one.kind == EVENT else one.text,
        )
        for one in page.messages
    ]


def test_an_event_has_its_seq_among_the_words(database: Any, conversation: str) -> None:
    """Between what was said before it and after it, without a hole."""
    database.run(ADD, told(1, (conversation, happened(1))))
    database.say(said("bob", "alice", "well"))
    database.run(ADD, told(2, (conversation, happened(2)), (conversation, happened(3))))
    assert history(database, conversation) == [
        (1, "text", "hello"),
        (2, "event", "1"),
        (3, "text", "well"),
        (4, "event", "2"),
        (5, "event", "3"),
    ]


def test_what_is_told_twice_takes_effect_once(database: Any, conversation: str) -> None:
    """A revision that was applied spends none here; the position is that of the newest."""
    database.run(ADD, told(1, (conversation, happened(1))))
    before = database.read(read_position)
    database.run(ADD, told(1, (conversation, happened(1))), told(1, (conversation, happened(1))))
    assert database.read(read_position) == before
    assert database.read(read_followed, NEGOTIATION) == Position("one", 1)
    assert len(history(database, conversation)) == 2


def test_another_epoch_that_is_told_from_its_beginning_doubles_nothing(
    database: Any, conversation: str
) -> None:
    """A restored negotiation tells again what it still knows, and then what is new."""
    database.run(ADD, told(5, (conversation, happened(1)), (conversation, happened(2))))
    database.run(ADD, told(0, epoch="two"))
    database.run(
        ADD,
        told(1, (conversation, happened(1)), epoch="two"),
        told(2, (conversation, happened(2)), (conversation, happened(3)), epoch="two"),
    )
    assert [entry[2] for entry in history(database, conversation)] == ["hello", "1", "2", "3"]
    assert database.read(read_followed, NEGOTIATION) == Position("two", 2)


def test_what_happens_after_a_restore_is_no_repetition_of_what_was_lost(
    database: Any, conversation: str
) -> None:
    """A restored negotiation counts on from where it was, so one number stands for two events."""
    lost = (conversation, happened(2, "agreed", at=2_000))
    database.run(ADD, told(5, (conversation, happened(1)), lost))
    database.run(ADD, told(0, epoch="two"))
    instead = (conversation, happened(2, "declined", at=3_000))
    database.run(ADD, told(2, (conversation, happened(1)), instead, epoch="two"))
    page = database.read(list_messages, "alice", conversation, None, 0, 200, 200)
    causes = [service_events.decode(one.text).cause for one in page.messages[1:]]
    assert causes == ["countered", "agreed", "declined"]


def test_nobody_can_take_the_place_of_an_event(database: Any, conversation: str) -> None:
    """Its key has a character that no user's key may have."""
    assert check_key(happened(1).key) is not None
    (stored,) = database.say(said("bob", "alice", key="service:1:1000"))
    assert stored.message.seq == 2
    database.run(ADD, told(1, (conversation, happened(1))))
    assert history(database, conversation)[-1] == (3, "event", "1")


def test_both_are_told_and_only_the_other_has_it_unread(database: Any, conversation: str) -> None:
    """Its author knows of it; an event that time brought is news to both."""
    database.run(ADD, told(1, (conversation, happened(1))))
    database.run(ADD, told(2, (conversation, happened(2, "expired", by=""))))
    events = [
        (recipients, event.message.seq, event.unread)
        for _, recipients, event in database.events
        if isinstance(event, MessageCreated) and event.message.kind == EVENT
    ]
    assert events == [(("alice", "bob"), 2, (1, 1)), (("alice", "bob"), 3, (2, 2))]


def test_mark_delivered_at_what_time_did_covers_what_the_other_said(
    database: Any, conversation: str
) -> None:
    """The author of the words before it learns of it, for time has no socket."""
    database.run(ADD, told(1, (conversation, happened(1, "expired", by=""))))
    database.events.clear()
    database.run(mark_delivered, Mark("bob", conversation, 0, ""))
    database.run(mark_read, Mark("bob", conversation, 0, ""))
    moved = [(to, one.read, one.message.seq) for _, to, one in database.events]
    assert all(isinstance(one, WatermarkMoved) for _, _, one in database.events)
    assert moved == [(("alice",), False, 2), (("alice", "bob"), True, 2)]


def test_what_was_missed_holds_the_events(database: Any, conversation: str) -> None:
    start = database.read(read_position)
    database.run(ADD, told(1, (conversation, happened(1))))
    database.say(said("alice", "bob", "again"))
    kinds = [one.message.kind for one in database.missed_events("alice", start)]
    assert kinds == ["event", "text"]


def test_an_event_of_an_unknown_conversation_is_named_and_passed_over(
    database: Any, conversation: str
) -> None:
    """It stops nothing; the position moves on."""
    (homeless,) = database.run(
        ADD, told(1, ("elsewhere", happened(1)), (conversation, happened(2)))
    )
    assert homeless == [happened(1)]
    assert history(database, conversation)[-1] == (2, "event", "2")
    assert database.read(read_followed, NEGOTIATION) == Position("one", 1)


def test_deeds_of_the_blocked_are_suppressed(database: Any, conversation: str) -> None:
    """Fifty prices with threats are counted nowhere, pushed to nobody and in no page of the one who
    blocks; what time and the one who blocks do is shown to both.
    """
    database.run(SET_BLOCK, SetBlock("alice", "bob", True, ""))
    before = len(database.events)
    told_now = [(conversation, happened(number)) for number in range(1, 51)]
    told_now += [(conversation, happened(51, "countered", "alice"))]
    told_now += [(conversation, happened(52, "expired", ""))]
    database.run(ADD, told(1, *told_now))
    shown_to = [
        to for _, to, event in database.events[before:] if isinstance(event, MessageCreated)
    ]
    assert shown_to == [("bob",)] * 50 + [("alice", "bob")] * 2
    assert [number for _, kind, number in history(database, conversation) if kind == EVENT] == [
        "51",
        "52",
    ]
    page = database.read(list_conversations, "alice", 0, "", 9, presence=True)
    (view,) = page.conversations
    assert view.conversation.side("alice").unread == 1


def test_a_removed_title_goes_from_all_events(database: Any, conversation: str) -> None:
    """From those of this service but its creation, which is removed as a whole; and comes back."""
    other = ServiceEvent("other", 1, "declined", "bob", 1_000, "closed", "Tap")
    database.run(
        ADD,
        told(1, (conversation, happened(1, "created")), (conversation, other)),
        told(2, (conversation, happened(2)), (conversation, happened(3, "expired", ""))),
    )
    start = database.read(read_position)

    def titles() -> list[str]:
        page = database.read(list_messages, "alice", conversation, None, 0, 200, 200)
        return [service_events.decode(one.text).title for one in page.messages if one.kind == EVENT]

    assert titles() == ["Tap"] * 4
    removed = happened(4, "text_removed", "")._replace(title="")
    database.run(ADD, told(3, (conversation, removed)))
    assert titles() == ["Tap", "Tap", "", ""]
    changed = database.missed_events("alice", start)
    assert [(one.change, one.message.seq) for one in changed] == [("edited", 4), ("edited", 5)]
    database.run(ADD, told(4, (conversation, happened(5, "text_restored", ""))))
    assert titles() == ["Tap"] * 4
    assert len(history(database, conversation)) == 5
