"""The rules of changing messages: edits and deletions by authors, removals by moderation.

A text that is no longer shown becomes a version, which is evidence for a while.
"""

from typing import NamedTuple

from messaging_service.domain.conversations import Conversation
from messaging_service.domain.idempotency import DELETE, EDIT, fingerprint
from messaging_service.domain.limits import MINUTE, Limits
from messaging_service.domain.messages import TEXT, Message, MessageChange, check_text
from messaging_service.domain.refusals import Reason, message_not_found
from service_kit.rules import Refusal, check_key, check_user, invalid, is_identifier


class EditMessage(NamedTuple):
    """A command to give one's own message another text."""

    actor: str
    message_id: str
    text: str
    idempotency_key: str
    origin: str

    @property
    def fingerprint(self) -> str:
        """The digest that is stored with its idempotency key."""
        return fingerprint(EDIT, self.message_id, self.text)


class DeleteMessage(NamedTuple):
    """A command to take one's own message back."""

    actor: str
    message_id: str
    idempotency_key: str
    origin: str

    @property
    def fingerprint(self) -> str:
        """The digest that is stored with its idempotency key."""
        return fingerprint(DELETE, self.message_id)


ChangeMessage = EditMessage | DeleteMessage


class Version(NamedTuple):
    """An earlier text of a message, with when it was written and when replaced (milliseconds)."""

    message_id: str
    text: str
    written_at: int
    replaced_at: int


class Decision(NamedTuple):
    """A message as a change leaves it, and the texts that are no longer shown."""

    message: Message
    versions: tuple[Version, ...]


def check_change(command: ChangeMessage, limits: Limits) -> Refusal | None:
    """Check the arguments of an edit or a deletion."""
    if refusal := check_user("actor", command.actor) or check_key(command.idempotency_key):
        return refusal
    if not command.message_id:
        return invalid("message_id", "is missing")
    if not is_identifier(command.message_id):
        return message_not_found()
    return check_text(command.text, limits.text) if isinstance(command, EditMessage) else None


def may_change(message: Message, actor: str) -> Refusal | None:
    """Refuse changes by anybody but the author, and of events and of removed messages."""
    if message.sender != actor:
        return message_not_found()
    if message.kind != TEXT:
        return Refusal(Reason.EVENT_MESSAGE, "what happened to a service can not be changed")
    if message.change == MessageChange.REMOVED:
        return Refusal(Reason.MESSAGE_REMOVED, "moderation has removed the message")
    return None


def edit_message(
    message: Message, text: str, now: int, revision: int, limits: Limits, *, withheld: bool = False
) -> Decision | Refusal:
    """Give a message another text; a `withheld` one is shown to its author alone."""
    if message.change == MessageChange.DELETED:
        return Refusal(Reason.MESSAGE_DELETED, "the message was deleted")
    if now - message.created_at > limits.edit_window:
        minutes = limits.edit_window // MINUTE
        return Refusal(Reason.EDIT_TOO_LATE, f"a message may be edited for {minutes} minutes")
    edits = message.edits or 0
    if edits >= limits.edits_per_message:
        problem = f"a message may be edited {limits.edits_per_message} times"
        return Refusal(Reason.TOO_MANY_EDITS, problem, limit="edits_per_message")
    if withheld:
        hidden = message._replace(
            edits=edits + 1, withheld_text=text, withheld_at=now, withheld_revision=revision
        )
        return Decision(hidden, _withheld_versions(message, now))
    edited = message._replace(
        text=text,
        change=MessageChange.EDITED,
        changed_at=now,
        changed_revision=revision,
        edits=edits + 1,
        edited_at=now,
        withheld_text=None,
        withheld_at=None,
        withheld_revision=None,
    )
    return Decision(edited, _versions(message, now))


def delete_message(message: Message, now: int, revision: int) -> Decision | None:
    """Leave a tombstone; None when there is one already."""
    if message.change == MessageChange.DELETED:
        return None
    deleted = message._replace(
        text="",
        change=MessageChange.DELETED,
        changed_at=now,
        changed_revision=revision,
        withheld_text=None,
        withheld_at=None,
        withheld_revision=None,
    )
    return Decision(deleted, _versions(message, now))


def remove(message: Message, now: int, revision: int) -> Message | None:
    """Put a tombstone in its place; None when there is one already, whoever has left it."""
    if message.tombstone:
        return None
    return message._replace(change=MessageChange.REMOVED, changed_at=now, changed_revision=revision)


def restore(message: Message, now: int, revision: int) -> Message | None:
    """Show a removed message again as it was; None when it was not removed."""
    if message.change != MessageChange.REMOVED:
        return None
    return message._replace(
        change=MessageChange.RESTORED, changed_at=now, changed_revision=revision
    )


def count_tombstone(conversation: Conversation, before: Message, after: Message) -> Conversation:
    """Count what is no longer there, or is there again, with those who have not read it."""
    more = bool(after.tombstone) - bool(before.tombstone)
    if not more:
        return conversation
    first, second = conversation.first, conversation.second
    if before.seq == before.first_incoming_seq and before.seq > first.read_seq:
        first = first._replace(tombstone_count=first.tombstone_count + more)
    if before.seq == before.second_incoming_seq and before.seq > second.read_seq:
        second = second._replace(tombstone_count=second.tombstone_count + more)
    return conversation._replace(first=first, second=second)


def unseen_version(message: Message) -> Version | None:
    """Give the text of a removed message, which is kept and shown to nobody."""
    if message.change != MessageChange.REMOVED:
        return None
    return _shown_version(message, message.changed_at or 0)


def has_first_text(message: Message) -> bool:
    """Tell whether a message still has the text with which it was stored."""
    return message.edited_at is None and message.change != MessageChange.DELETED


def _versions(message: Message, now: int) -> tuple[Version, ...]:
    """List the texts of a message that are all replaced now."""
    return (_shown_version(message, now), *_withheld_versions(message, now))


def _shown_version(message: Message, now: int) -> Version:
    return Version(message.id, message.text, message.edited_at or message.created_at, now)


def _withheld_versions(message: Message, now: int) -> tuple[Version, ...]:
    withheld = withheld_version(message)
    return () if withheld is None else (withheld._replace(replaced_at=now),)


def withheld_version(message: Message) -> Version | None:
    """Give the text that its author alone is shown; it is replaced by none yet."""
    if message.withheld_text is None:
        return None
    return Version(message.id, message.withheld_text, message.withheld_at or 0, 0)
