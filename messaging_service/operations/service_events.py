"""Putting the events of services, as negotiation tells them, into their conversations."""

from collections.abc import Sequence
from typing import NamedTuple

from uuid_utils import uuid7

from messaging_service.domain import messages, service_events
from messaging_service.domain.conversations import Conversation
from messaging_service.domain.events import MessageCreated, message_changed
from messaging_service.domain.messages import Message, MessageChange
from messaging_service.domain.service_events import ServiceEvent
from messaging_service.operations.presence import tell_answered
from messaging_service.operations.working_set import WorkingSet
from messaging_service.storage.change_times import take_times
from messaging_service.storage.conversations import conversations_by_id
from messaging_service.storage.messages import (
    find_messages_of_service,
    messages_by_key,
    update_messages,
)
from service_kit.follow.positions import advance
from service_kit.rules import Position
from service_kit.storage.bulk_statements import look_up_all
from service_kit.storage.writer import Transaction

NEGOTIATION = "negotiation"
"""The service that is followed, as its position is stored."""


class ServiceEvents(NamedTuple):
    """The events of one revision of negotiation, each with the id of its conversation."""

    position: Position
    events: tuple[tuple[str, ServiceEvent], ...]


def add_service_events(
    transaction: Transaction, commands: Sequence[ServiceEvents], *, presence: bool = False
) -> list[list[ServiceEvent]]:
    """Put events of services into the histories of their conversations, each once.

    Gives for each command the events whose conversation does not exist here. With `presence`, what
    somebody does in a deal is an answer to one who was a stranger until then.
    """
    connection = transaction.connection
    # A revision that took effect before must not do so again.
    fresh = [
        command.events if advance(transaction, NEGOTIATION, command.position) else ()
        for command in commands
    ]
    told = [one for events in fresh for one in events]
    # Another epoch of negotiation is told from its beginning.
    stored, found = look_up_all(
        connection,
        messages_by_key([(event.by, event.key) for _, event in told]),
        conversations_by_id([conversation for conversation, _ in told]),
    )
    working_set = WorkingSet(transaction, found.values())
    created: list[Message] = []
    answered: list[tuple[Conversation, Conversation]] = []
    retitled: list[tuple[str, ServiceEvent]] = []
    homeless: list[list[ServiceEvent]] = []
    for events in fresh:
        homeless.append([event for conversation, event in events if conversation not in found])
        for conversation_id, event in events:
            if conversation_id not in found or (event.by, event.key) in stored:
                continue
            if event.cause in service_events.RETITLING:
                retitled.append((conversation_id, event))
                continue
            before = working_set.by_id[conversation_id]
            conversation, message = messages.add_message(
                before,
                str(uuid7()),
                event.by,
                service_events.encode(event),
                event.key,
                transaction.now,
                transaction.revision,
                messages.EVENT,
                withheld=event.withheld,
            )
            working_set.change(conversation)
            answered.append((before, conversation))
            created.append(message)
            shown_to = messages.readers(conversation, message)
            sides = [conversation.side(user) for user in shown_to]
            unread, versions = (
                tuple(one.unread for one in sides),
                tuple(one.version for one in sides),
            )
            transaction.emit(shown_to, MessageCreated(message, unread, versions, ""))
    working_set.store(created)
    if presence:
        tell_answered(transaction, answered)
    if retitled:
        _retitle(transaction, working_set, retitled)
    return homeless


def _retitle(
    transaction: Transaction, stored: WorkingSet, retitled: Sequence[tuple[str, ServiceEvent]]
) -> None:
    """Let all messages about a service bear the title that it has now: moderation removed it."""
    connection, now, revision = transaction.connection, transaction.now, transaction.revision
    working_set = WorkingSet(transaction, stored.by_id.values())
    changed: dict[str, Message] = {}
    for conversation_id, event in retitled:
        conversation = working_set.by_id[conversation_id]
        senders = (conversation.first.user, conversation.second.user, "")
        for found in find_messages_of_service(connection, senders, event.service_id):
            before = changed.get(found.id, found)
            text = service_events.retitle(before.text, event.title)
            if text is None:
                continue
            message = changed[found.id] = before._replace(text=text)
            if not message.tombstone:
                (at,) = take_times(connection, now, 1)
                message = changed[found.id] = message._replace(
                    change=MessageChange.EDITED, changed_at=at, changed_revision=revision
                )
                conversation = working_set.change_message(before, message)
                shown_to = messages.readers(conversation, message)
                told = message_changed(message, "", "").with_counts(conversation, shown_to)
                transaction.emit(shown_to, told)
    working_set.store()
    update_messages(connection, changed.values())
