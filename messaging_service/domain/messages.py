"""Messages, the rules of creating them, and what of a message is shown to whom."""

from enum import StrEnum
from typing import NamedTuple

from messaging_service.domain.conversations import Conversation, Side, check_subject
from messaging_service.domain.limits import Limits
from messaging_service.domain.refusals import conversation_not_found
from service_kit import rules
from service_kit.rules import (
    Refusal,
    check_key,
    check_not_blank,
    check_user,
    invalid,
    is_identifier,
)


class MessageChange(StrEnum):
    """A change of a message after it was stored."""

    EDITED = "edited"
    DELETED = "deleted"
    # By moderation, which may take it back.
    REMOVED = "removed"
    RESTORED = "restored"


TOMBSTONES = frozenset({MessageChange.DELETED, MessageChange.REMOVED})
"""The changes that leave a tombstone. The text of a removed message stays in its row, unseen."""


class Message(NamedTuple):
    """A message as stored, with the counts and seqs of incoming messages of both sides up to it.

    `change` is the last one, if any. `edits` counts the edits, and `edited_at` is the time of the
    one that gave it its text. `withheld_*` is a later edit that its author alone is shown. Times
    are milliseconds UTC, and each change has one of its own. `shown_text` says how it is shown to a
    reader, and `shown_version` how that is compared.
    """

    conversation_id: str
    seq: int
    id: str
    sender: str
    kind: str
    text: str
    created_at: int
    revision: int
    idempotency_key: str | None
    first_incoming_count: int
    first_incoming_seq: int
    second_incoming_count: int
    second_incoming_seq: int
    change: str | None = None
    changed_at: int | None = None
    changed_revision: int | None = None
    edits: int | None = None
    edited_at: int | None = None
    withheld_text: str | None = None
    withheld_at: int | None = None
    withheld_revision: int | None = None

    @property
    def tombstone(self) -> str:
        """The change that left a tombstone in its place; empty when it is there."""
        return self.change if self.change is not None and self.change in TOMBSTONES else ""

    @property
    def suppressed(self) -> bool:
        """Tell whether its author alone is shown it. Then it is incoming for nobody."""
        return self.seq not in (self.first_incoming_seq, self.second_incoming_seq)

    @property
    def was_withheld_last(self) -> bool:
        """Tell whether its last change is an edit that is withheld."""
        return (self.withheld_at or 0) > (self.changed_at or 0)

    def is_shown_to(self, user: str) -> bool:
        """Tell whether a participant is shown it."""
        return user == self.sender or not self.suppressed


class CreateMessage(NamedTuple):
    """A command to write `text` in a conversation, or to somebody about a subject."""

    actor: str
    conversation_id: str
    to: str
    subject: str
    text: str
    idempotency_key: str
    origin: str


TEXT = "text"
EVENT = "event"
"""The kind of a message whose text is a document of `service_events`."""


def check_text(text: str, limit: int) -> Refusal | None:
    """Check the text of a message: not blank, of at most `limit` characters."""
    return check_not_blank("text", text) or rules.check_text("text", text, limit, "text_limit")


def check_create_message(command: CreateMessage, limits: Limits) -> Refusal | None:
    """Check the arguments of a new message."""
    actor, conversation_id, to, subject, text, key, _origin = command
    if refusal := check_user("actor", actor):
        return refusal
    if bool(conversation_id) == bool(to):
        return invalid("conversation_id", "or `to` must be given, and not both")
    if to:
        if refusal := check_user("to", to) or check_subject(subject, limits.subject):
            return refusal
        if to == actor:
            return invalid("to", "is the user's own name")
    elif subject:
        return invalid("subject", "goes with `to` only")
    elif not is_identifier(conversation_id):
        return conversation_not_found()
    return check_text(text, limits.text) or check_key(key)


def add_message(
    conversation: Conversation,
    message_id: str,
    sender: str,
    text: str,
    idempotency_key: str | None,
    now: int,
    revision: int,
    kind: str = TEXT,
    *,
    withheld: bool = False,
) -> tuple[Conversation, Message]:
    """Add a message: it has the next seq, and is one more incoming for all but its sender.

    An event that time brought has no sender and is incoming for both. Whatever somebody brings who
    is blocked by the other, or was when it happened (`withheld`), changes nothing for the other.
    """
    seq = conversation.last_seq + 1
    first, second = conversation.first, conversation.second
    if sender == first.user:
        said = Side(sender, seq, revision, first.version + 1, *first[4:])
        first = said if withheld else _spoken(said, second, revision)
    elif not (sender and (withheld or first.blocked_revision)):
        count = first.incoming_count + 1
        first = Side(first.user, seq, revision, first.version + 1, count, seq, *first[6:])
    if sender == second.user:
        said = Side(sender, seq, revision, second.version + 1, *second[4:])
        second = said if withheld else _spoken(said, first, revision)
    elif not (sender and (withheld or second.blocked_revision)):
        count = second.incoming_count + 1
        second = Side(second.user, seq, revision, second.version + 1, count, seq, *second[6:])
    identity, last_change = conversation[:4], conversation.last_change
    changed = Conversation(*identity, revision, last_change, seq, first, second)
    message = Message(
        conversation.id,
        seq,
        message_id,
        sender,
        kind,
        text,
        now,
        revision,
        idempotency_key,
        first.incoming_count,
        first.incoming_seq,
        second.incoming_count,
        second.incoming_seq,
    )
    return changed, message


def _spoken(side: Side, other: Side, revision: int) -> Side:
    """Note on the side of a sender that the other was shown something of this one."""
    if side.spoke_revision or other.blocked_revision:
        return side
    return side._replace(spoke_revision=revision)


def readers(conversation: Conversation, message: Message) -> tuple[str, ...]:
    """List those who are shown a message, in the order of the participants."""
    if message.suppressed:
        return (message.sender,)
    return (conversation.first.user, conversation.second.user)


def last_changed_at(message: Message) -> int:
    """Give the time of the last change, whoever is shown it; 0 before the first."""
    return max(message.changed_at or 0, message.withheld_at or 0)


def shown_version(message: Message, reader: str = "") -> int:
    """Give the version of what a reader is shown: the time of its last change that the reader is
    shown, and 1 before the first.
    """
    if message.change is None and message.withheld_revision is None:
        # Nearly all of them.
        return 1
    if reader == message.sender:
        return max(message.changed_at or 1, message.withheld_at or 1)
    return message.changed_at or 1


def shown_text(message: Message, reader: str = "") -> tuple[str, int]:
    """Give the text that a reader is shown, and when it was edited to it; 0 for never.

    A tombstone has no text for anybody. A withheld text is shown to its author alone.
    """
    if message.change is None and message.withheld_revision is None:
        # Nearly all of them.
        return message.text, 0
    if message.tombstone:
        return "", 0
    if message.withheld_text is not None and reader == message.sender:
        return message.withheld_text, message.withheld_at or 0
    return message.text, message.edited_at or 0
