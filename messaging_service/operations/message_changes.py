"""Edits and deletions of messages by their authors, in one operation for both.

So a transaction decides them in the order in which they came, each with the message as the one
before has left it. A changed message keeps its seq, and nothing is counted anew.
"""

from collections.abc import Sequence
from typing import NamedTuple

from messaging_service.domain import blocks, message_changes
from messaging_service.domain.events import MessageChanged, message_changed
from messaging_service.domain.idempotency import CREATE, fingerprint
from messaging_service.domain.limits import Limits
from messaging_service.domain.message_changes import (
    ChangeMessage,
    Decision,
    DeleteMessage,
    EditMessage,
    Version,
)
from messaging_service.domain.messages import Message, MessageChange, last_changed_at, readers
from messaging_service.domain.refusals import message_not_found, sanctioned
from messaging_service.operations.working_set import WorkingSet
from messaging_service.storage import message_changes as change_storage
from messaging_service.storage import messages as storage
from messaging_service.storage.change_times import take_times
from messaging_service.storage.conversations import find_conversations
from messaging_service.storage.message_changes import UsedKey
from service_kit.follow.sanctions import find_forbidden
from service_kit.idempotency import conflict
from service_kit.rules import Refusal
from service_kit.storage.bulk_statements import look_up_all
from service_kit.storage.writer import Transaction


class ChangedMessage(NamedTuple):
    """A change of a message, and whether the idempotency key had made it before."""

    changed: MessageChanged
    duplicate: bool


class _Run:
    """One run of change_messages: what was found, and what comes of it."""

    def __init__(
        self, limits: Limits, transaction: Transaction, commands: Sequence[ChangeMessage]
    ) -> None:
        connection = transaction.connection
        keys = [(one.actor, one.idempotency_key) for one in commands if one.idempotency_key]
        self.limits = limits
        self.transaction = transaction
        self.created, self.used, self.messages = look_up_all(
            connection,
            storage.messages_by_key(keys),
            change_storage.used_keys(keys),
            storage.messages_by_id({one.message_id for one in commands}),
        )
        around = {one.conversation_id for one in self.messages.values()}
        found = find_conversations(connection, around)
        self.working_set = WorkingSet(transaction, found.values())
        self.forbidden = find_forbidden(
            connection, {one.actor for one in commands}, found, transaction.now
        )
        self.times = iter(take_times(connection, transaction.now, len(commands)))
        self.changed: dict[str, None] = {}
        self.versions: list[Version] = []
        self.new_keys: list[UsedKey] = []

    def change(self, command: ChangeMessage) -> ChangedMessage | Refusal:
        """Decide one command, after all before it; once for each idempotency key."""
        key = (command.actor, command.idempotency_key)
        message = self.messages.get(command.message_id)
        if key in self.used or key in self.created:
            return self.repeat(command, self.used.get(key), message)
        if message is None:
            return message_not_found()
        changed = self.decide(command, message)
        if isinstance(changed, Refusal):
            return changed
        if changed is None:
            event = message_changed(message, command.actor, command.origin)
            return self.answer(command, event, duplicate=False)
        self.store(message, changed)
        message = changed.message
        self.use(UsedKey(*key, command.fingerprint, message.id, last_changed_at(message)))
        event = message_changed(message, command.actor, command.origin)
        # What is withheld from the other is no news for the other.
        conversation = self.working_set.by_id[message.conversation_id]
        withheld = message.was_withheld_last
        recipients = (command.actor,) if withheld else readers(conversation, message)
        counted = event.with_counts(conversation, recipients)
        self.transaction.emit(recipients, counted, command)
        return self.answer(command, event, duplicate=False)

    def answer(
        self, command: ChangeMessage, event: MessageChanged, *, duplicate: bool
    ) -> ChangedMessage:
        """Answer with a change, and how much is unread now."""
        conversation = self.working_set.by_id[event.message.conversation_id]
        return ChangedMessage(event.with_counts(conversation, (command.actor,)), duplicate)

    def decide(self, command: ChangeMessage, message: Message) -> Decision | Refusal | None:
        """Decide by the rules; None when it is so already."""
        if refusal := message_changes.may_change(message, command.actor):
            return refusal
        if why := self.forbidden.why(command.actor, message.conversation_id):
            return sanctioned(why)
        match command:
            case EditMessage():
                return edit_message(self, command, message)
            case DeleteMessage():
                return delete_message(self, message)

    def repeat(
        self, command: ChangeMessage, used: UsedKey | None, message: Message | None
    ) -> ChangedMessage | Refusal:
        """Answer a used key: as before for the same command, with a conflict for another."""
        if used is None or message is None or used.fingerprint != command.fingerprint:
            return conflict()
        change = MessageChange.DELETED
        if isinstance(command, EditMessage):
            # The message as it was then, whatever became of it since.
            change = MessageChange.EDITED
            message = message._replace(text=command.text, edited_at=used.used_at)
        message = message._replace(
            change=change, changed_at=used.used_at, withheld_text=None, withheld_at=None
        )
        event = MessageChanged(message, change, used.used_at, command.origin)
        return self.answer(command, event, duplicate=True)

    def store(self, before: Message, changed: Decision) -> None:
        """Note the new state of a message."""
        message = changed.message
        self.messages[message.id] = message
        self.changed[message.id] = None
        self.versions += changed.versions
        first_text = message_changes.has_first_text
        if before.idempotency_key and first_text(before) and not first_text(message):
            # The message no longer tells what its key was used for.
            digest = fingerprint(CREATE, before.conversation_id, before.text)
            self.use(
                UsedKey(before.sender, before.idempotency_key, digest, before.id, before.created_at)
            )
        self.working_set.change_message(before, message)

    def use(self, key: UsedKey) -> None:
        """Remember a key, if there is one."""
        if key.idempotency_key:
            self.used[key.actor, key.idempotency_key] = key
            self.new_keys.append(key)

    def write(self) -> None:
        """Write all that is new."""
        connection = self.transaction.connection
        self.working_set.store()
        storage.update_messages(connection, [self.messages[one] for one in self.changed])
        change_storage.insert_versions(connection, self.versions)
        change_storage.insert_used_keys(connection, self.new_keys)


def edit_message(run: _Run, command: EditMessage, message: Message) -> Decision | Refusal:
    """Give a message another text, which is withheld from one who blocks its author."""
    conversation = run.working_set.by_id[message.conversation_id]
    if refusal := blocks.may_write(conversation.side(command.actor)):
        return refusal
    # Of what the other was never shown there is nothing to withhold.
    withheld = conversation.peer(command.actor).blocks and not message.suppressed
    revision = run.transaction.revision
    return message_changes.edit_message(
        message, command.text, next(run.times), revision, run.limits, withheld=withheld
    )


def delete_message(run: _Run, message: Message) -> Decision | None:
    """Take a message back; None when that was done before."""
    return message_changes.delete_message(message, next(run.times), run.transaction.revision)


def change_messages(
    limits: Limits, transaction: Transaction, commands: Sequence[ChangeMessage]
) -> list[ChangedMessage | Refusal]:
    """Carry out edits and deletions in their order; each has its own outcome."""
    refusals = [message_changes.check_change(one, limits) for one in commands]
    sound = [one for one, refusal in zip(commands, refusals, strict=True) if refusal is None]
    run = _Run(limits, transaction, sound)
    outcomes = [
        run.change(command) if refusal is None else refusal
        for command, refusal in zip(commands, refusals, strict=True)
    ]
    run.write()
    return outcomes
