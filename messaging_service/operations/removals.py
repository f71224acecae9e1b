"""Following moderation: storing whom it restricts, and removing and restoring messages.

A removed message keeps its row as it was, but for the word that it is removed. So its text is kept
for as long as moderation holds it, and a restored message is exactly what it was.
"""

from collections.abc import Sequence

from messaging_service.domain import message_changes
from messaging_service.domain.events import message_changed
from messaging_service.domain.messages import Message, readers
from messaging_service.operations.working_set import WorkingSet
from messaging_service.storage import message_changes as change_storage
from messaging_service.storage import messages as storage
from messaging_service.storage.change_times import take_times
from messaging_service.storage.conversations import find_conversations
from service_kit.follow.sanctions import CaughtUp, Command, Removal, take
from service_kit.rules import is_identifier
from service_kit.storage.writer import Transaction


def follow_moderation(
    transaction: Transaction, commands: Sequence[Command]
) -> list[tuple[Removal, ...]]:
    """Carry out what moderation says, each once; give the removals of messages unknown here."""
    return [
        _apply(transaction, *_removals(transaction, command)) if take(transaction, command) else ()
        for command in commands
    ]


def _removals(transaction: Transaction, command: Command) -> tuple[str, Sequence[Removal]]:
    """Give an epoch of moderation and its removals; in the end also that it holds no others."""
    if isinstance(command, CaughtUp):
        held = change_storage.find_removed_by_others(transaction.connection, command.epoch)
        return command.epoch, [Removal("", message, removed=False) for message in held]
    return command.position.epoch, command.removals


def _apply(
    transaction: Transaction, epoch: str, removals: Sequence[Removal]
) -> tuple[Removal, ...]:
    if not removals:
        return ()
    connection, revision = transaction.connection, transaction.revision
    times = iter(take_times(connection, transaction.now, len(removals)))
    ids = {one.message for one in removals if is_identifier(one.message)}
    messages = storage.find_messages(connection, ids)
    around = {one.conversation_id for one in messages.values()}
    working_set = WorkingSet(transaction, find_conversations(connection, around).values())
    changed: dict[str, Message] = {}
    for removal in removals:
        if removal.message not in messages:
            continue
        change = message_changes.remove if removal.removed else message_changes.restore
        before = messages[removal.message]
        message = change(before, next(times), revision)
        if message is None:
            continue
        messages[message.id] = changed[message.id] = message
        conversation = working_set.change_message(before, message)
        shown_to = readers(conversation, message)
        if message.withheld_text is None:
            event = message_changed(message, "", "").with_counts(conversation, shown_to)
            transaction.emit(shown_to, event)
            continue
        for reader in shown_to:
            event = message_changed(message, reader, "").with_counts(conversation, (reader,))
            transaction.emit((reader,), event)
    working_set.store()
    storage.update_messages(connection, changed.values())
    held = {one.message: one.removed for one in removals if one.message in messages}
    change_storage.update_removed(connection, held, epoch)
    return tuple(one for one in removals if one.message not in messages)
