"""The writes that change messages: one operation for all kinds, over lists of commands.

So a transaction decides them in the order in which they came, each with the message as the one
before has left it. What is changed keeps its seq, and nothing is counted anew.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from messaging_service.domain import blocks, message_changes, messages
from messaging_service.domain.events import MessageChanged, message_changed
from messaging_service.domain.idempotency import CREATE, DELETE, EDIT, fingerprint
from messaging_service.domain.message_changes import Changed, Version
from messaging_service.domain.messages import Change, Limits, Message, sanctioned
from messaging_service.domain.views import view
from messaging_service.operations.messages import Changes
from messaging_service.storage import message_changes as change_storage
from messaging_service.storage import messages as storage
from messaging_service.storage.message_changes import UsedKey
from service_kit.follow.sanctions import find_forbidden
from service_kit.idempotency import conflict
from service_kit.rules import Refusal
from service_kit.storage.writer import Operation, Transaction


class EditMessage(NamedTuple):
    """Give one's own message another text."""

    actor: str
    message_id: str
    text: str
    idempotency_key: str
    origin: str

    @property
    def fingerprint(self) -> str:
        return fingerprint(EDIT, self.message_id, self.text)


class DeleteMessage(NamedTuple):
    """Take one's own message back."""

    actor: str
    message_id: str
    idempotency_key: str
    origin: str

    @property
    def fingerprint(self) -> str:
        return fingerprint(DELETE, self.message_id)


ChangeMessage = EditMessage | DeleteMessage


class ChangedMessage(NamedTuple):
    """What became of a message, and whether the command's key had done it before."""

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
        self.created = storage.find_keys(connection, keys)
        self.used = change_storage.find_used_keys(connection, keys)
        self.messages = storage.find_messages(connection, {one.message_id for one in commands})
        around = {one.conversation_id for one in self.messages.values()}
        found = storage.find_conversations(connection, around)
        self.conversations = Changes(transaction, found.values())
        self.forbidden = find_forbidden(
            connection, {one.actor for one in commands}, found, transaction.now
        )
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
            return message_changes.message_not_found()
        changed = self.decide(command, message)
        if isinstance(changed, Refusal):
            return changed
        if changed is not None:
            self.store(message, changed)
            self.use(UsedKey(*key, command.fingerprint, message.id, self.transaction.now))
            message = changed.message
        event = message_changed(message, command.actor, command.origin)
        if changed is not None:
            conversation = self.conversations.by_id[message.conversation_id]
            # What is withheld from the other is no news for the other.
            withheld = message.was_withheld_last
            readers = messages.readers(conversation, message)
            self.transaction.emit((command.actor,) if withheld else readers, event)
        return ChangedMessage(event, duplicate=False)

    def decide(self, command: ChangeMessage, message: Message) -> Changed | Refusal | None:
        """None: it is so already."""
        now, revision = self.transaction.now, self.transaction.revision
        if refusal := message_changes.may_change(message, command.actor):
            return refusal
        if why := self.forbidden.why(command.actor, message.conversation_id):
            return sanctioned(why)
        match command:
            case EditMessage():
                conversation = self.conversations.by_id[message.conversation_id]
                if refusal := blocks.may_write(conversation.side(command.actor)):
                    return refusal
                # Of what the other was never shown there is nothing to withhold.
                withheld = conversation.peer(command.actor).blocks and not message.suppressed
                return message_changes.edit(
                    message, command.text, now, revision, self.limits, withheld=withheld
                )
            case DeleteMessage():
                return message_changes.delete(message, now, revision)

    def repeat(
        self, command: ChangeMessage, used: UsedKey | None, message: Message | None
    ) -> ChangedMessage | Refusal:
        """Answer a key that has been used: the same answer for the same command only."""
        if used is None or message is None or used.fingerprint != command.fingerprint:
            return conflict()
        shown = view(message, command.actor)
        match command:
            case EditMessage():
                # What the message was then, whatever became of it since.
                shown = shown._replace(text=command.text, edited_at=used.used_at, tombstone="")
                change = Change.EDITED
            case DeleteMessage():
                change = Change.DELETED
        event = MessageChanged(shown, change, used.used_at, command.origin)
        return ChangedMessage(event, duplicate=True)

    def store(self, before: Message, changed: Changed) -> None:
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
        conversation = self.conversations.by_id[message.conversation_id]
        revision = self.transaction.revision
        self.conversations.change(conversation._replace(revision=revision, last_change=revision))

    def use(self, key: UsedKey) -> None:
        """Remember a key, if there is one."""
        if key.idempotency_key:
            self.used[key.actor, key.idempotency_key] = key
            self.new_keys.append(key)

    def write(self) -> None:
        """Write all that is new."""
        connection = self.transaction.connection
        self.conversations.store()
        storage.update_messages(connection, [self.messages[one] for one in self.changed])
        change_storage.insert_versions(connection, self.versions)
        change_storage.insert_keys(connection, self.new_keys)


def change_messages(
    limits: Limits, transaction: Transaction, commands: Sequence[ChangeMessage]
) -> list[ChangedMessage | Refusal]:
    """Carry out edits and deletions in their order; each has its own outcome."""
    refusals = [_check(limits, one) for one in commands]
    sound = [one for one, refusal in zip(commands, refusals, strict=True) if refusal is None]
    run = _Run(limits, transaction, sound)
    outcomes = [
        run.change(command) if refusal is None else refusal
        for command, refusal in zip(commands, refusals, strict=True)
    ]
    run.write()
    return outcomes


def _check(limits: Limits, command: ChangeMessage) -> Refusal | None:
    match command:
        case EditMessage():
            return message_changes.check_edit(*command[:4], limits)
        case DeleteMessage():
            return message_changes.check_change(*command[:3])


def operation(limits: Limits) -> Operation[ChangeMessage, ChangedMessage | Refusal]:
    """Bind the limits: made once, for the writer groups by identity."""
    return partial(change_messages, limits)
