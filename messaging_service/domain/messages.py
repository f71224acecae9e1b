"""The rules of conversations between two people: pure functions of state, command and now.

They know no database, no network and no clock. Each returns the new state, or a `Refusal`.
Times are milliseconds UTC.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from service_kit import rules
from service_kit.idempotency import IDEMPOTENCY_KEY_CONFLICT
from service_kit.rules import (
    Refusal,
    check_key,
    check_line,
    check_not_blank,
    check_user,
    invalid,
    is_identifier,
)

MINUTE = 60_000
HOUR = 60 * MINUTE


class Opening(StrEnum):
    """Who may open a conversation by writing to somebody."""

    ANYONE = "anyone"
    INTERNAL = "internal"


class Reason(StrEnum):
    """Why a command is refused; part of the contract as ErrorInfo.reason."""

    CONVERSATION_NOT_FOUND = "CONVERSATION_NOT_FOUND"
    MESSAGE_NOT_FOUND = "MESSAGE_NOT_FOUND"
    IDEMPOTENCY_KEY_CONFLICT = IDEMPOTENCY_KEY_CONFLICT
    OPENING_NOT_ALLOWED = "OPENING_NOT_ALLOWED"
    OPENINGS_LIMIT_REACHED = "OPENINGS_LIMIT_REACHED"
    EVENT_MESSAGE = "EVENT_MESSAGE"
    MESSAGE_DELETED = "MESSAGE_DELETED"
    EDIT_TOO_LATE = "EDIT_TOO_LATE"
    TOO_MANY_EDITS = "TOO_MANY_EDITS"
    MESSAGE_REMOVED = "MESSAGE_REMOVED"
    SANCTIONED = "SANCTIONED"
    BLOCKED = "BLOCKED"
    TOO_MANY_BLOCKS = "TOO_MANY_BLOCKS"


@dataclass(frozen=True, slots=True)
class Limits:
    """What the settings say; counts, lengths in characters, and times in milliseconds."""

    opening: Opening = Opening.ANYONE
    openings_per_hour: int = 60
    text: int = 4_000
    subject: int = 200
    edit_window: int = 15 * MINUTE
    edits_per_message: int = 20
    blocks_per_user: int = 1_000


class Side(NamedTuple):
    """What a conversation holds for one participant.

    `last_seq` is the newest message that this one is shown, and `activity` its revision or that of
    the opening; 0 while this one is not shown the conversation at all.
    `incoming_*`: how many messages of the other there are, and the seq of the newest; what time did
    to a service counts as the other's. A watermark stands at such a message; `read_count` is the
    incoming count there.
    `blocked_revision` is that at which this one blocked the other, 0 when it does not, and
    `unblocked_revision` that of the last end of a block. `held_*` is the read watermark as the
    other is shown it instead, from a block on until the next move after it; None: the real one.
    """

    user: str
    last_seq: int = 0
    activity: int = 0
    incoming_count: int = 0
    incoming_seq: int = 0
    read_seq: int = 0
    read_count: int = 0
    read_at: int = 0
    read_revision: int = 0
    delivered_seq: int = 0
    delivered_at: int = 0
    delivered_revision: int = 0
    blocked_revision: int = 0
    unblocked_revision: int = 0
    held_seq: int | None = None
    held_at: int = 0
    held_revision: int = 0

    @property
    def unread(self) -> int:
        """Messages of the other after the read watermark."""
        return self.incoming_count - self.read_count

    @property
    def blocks(self) -> bool:
        """Tell whether this one blocks the other."""
        return self.blocked_revision > 0

    @property
    def turned_revision(self) -> int:
        """The revision at which this one last blocked the other, or ceased to."""
        return max(self.blocked_revision, self.unblocked_revision)

    @property
    def shown_read(self) -> tuple[int, int, int]:
        """The read watermark as the other is shown it: seq, time and revision."""
        if self.held_seq is None:
            return self.read_seq, self.read_at, self.read_revision
        return self.held_seq, self.held_at, self.held_revision


class Conversation(NamedTuple):
    """Two people and a subject; `first.user` < `second.user`.

    `revision` is that of the last change of any kind, and `last_change` that of the last change of
    a message.
    """

    id: str
    subject: str
    opened_by: str
    created_at: int
    revision: int
    last_change: int
    last_seq: int
    first: Side
    second: Side

    def is_shown_to(self, user: str) -> bool:
        """Tell whether `user` takes part, and there is anything for that one to see."""
        if user == self.first.user:
            return self.first.activity > 0
        return user == self.second.user and self.second.activity > 0

    @property
    def blocked(self) -> bool:
        """Tell whether either blocks the other."""
        return self.first.blocks or self.second.blocks

    def side(self, user: str) -> Side:
        """Give the side of a participant."""
        return self.first if user == self.first.user else self.second

    def peer(self, user: str) -> Side:
        """Give the side of the other participant."""
        return self.second if user == self.first.user else self.first

    def with_side(self, side: Side, revision: int) -> "Conversation":
        """Replace one side by its new state."""
        if side.user == self.first.user:
            return self._replace(first=side, revision=revision)
        return self._replace(second=side, revision=revision)


class Change(StrEnum):
    """What became of a message after it was stored."""

    EDITED = "edited"
    DELETED = "deleted"
    # By moderation, which may take it back.
    REMOVED = "removed"
    RESTORED = "restored"


TOMBSTONES = frozenset({Change.DELETED, Change.REMOVED})
"""What leaves a tombstone. The text of a removed message stays in its row, for nobody to see."""


class Message(NamedTuple):
    """A message as stored, with the running incoming values of both sides at its place.

    `change` is the last one, if any. `edits` counts those of its text, and `edited_at` is when the
    last of them gave it the text that it has. `withheld_*` is a later edit that its author alone is
    shown.
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
    def suppressed(self) -> bool:
        """Tell whether its author alone is shown it: then it is incoming for nobody."""
        return self.seq not in (self.first_incoming_seq, self.second_incoming_seq)

    @property
    def was_withheld_last(self) -> bool:
        """Tell whether nothing has become of it since an edit that is withheld."""
        return (self.withheld_revision or 0) > (self.changed_revision or 0)

    def is_shown_to(self, user: str) -> bool:
        """Tell whether a participant is shown it."""
        return user == self.sender or not self.suppressed


TEXT = "text"
EVENT = "event"
"""A message whose text is the document of what happened to a service (`service_events.py`)."""


class Presence(NamedTuple):
    """What others are shown of a person, as it is stored; it is its own event.

    `last_seen` is until when the person was online, while online since when, and 0 before the
    first time. `invisible` is the person's own wish. `revision` is that of the last change that
    others could see.
    """

    user: str
    online: bool = False
    last_seen: int = 0
    invisible: bool = False
    revision: int = 0


def order(one: str, other: str) -> tuple[str, str]:
    """Put two participants into the order of their ids."""
    return (one, other) if one < other else (other, one)


# --- Arguments ------------------------------------------------------------------------------


def conversation_not_found() -> Refusal:
    """Refuse what does not exist, and in the same words what one may not see."""
    return Refusal(Reason.CONVERSATION_NOT_FOUND, "there is no such conversation for this user")


def check_text(text: str, limit: int) -> Refusal | None:
    """A message says something, in at most `limit` characters; it is kept as it is."""
    return check_not_blank("text", text) or rules.check_text("text", text, limit, "text_limit")


def check_subject(subject: str, limit: int) -> Refusal | None:
    """A subject may be empty; like a name it has no control characters."""
    return check_line("subject", subject, limit, "subject_limit")


def check_pair(participants: Sequence[str]) -> Refusal | None:
    """A conversation has exactly two different participants."""
    if len(participants) != 2:
        return invalid("participants", "must be exactly two")
    for user in participants:
        if refusal := check_user("participants", user):
            return refusal
    if participants[0] == participants[1]:
        return invalid("participants", "must be two different users")
    return None


def check_message(
    actor: str,
    conversation_id: str,
    to: str,
    subject: str,
    text: str,
    idempotency_key: str,
    limits: Limits,
) -> Refusal | None:
    """Check what can be said of a new message without looking anything up."""
    if refusal := check_user("actor", actor):
        return refusal
    if bool(conversation_id) == bool(to):
        return invalid("conversation_id", "or `to` must be given, and not both")
    if to:
        if refusal := check_user("to", to) or check_subject(subject, limits.subject):
            return refusal
        if to == actor:
            return invalid("to", "is the actor")
    elif subject:
        return invalid("subject", "goes with `to` only")
    elif not is_identifier(conversation_id):
        return conversation_not_found()
    return check_text(text, limits.text) or check_key(idempotency_key)


def check_mark(actor: str, conversation_id: str, seq: int) -> Refusal | None:
    """Check what can be said of a mark without looking anything up."""
    if refusal := check_user("actor", actor):
        return refusal
    if seq < 0:
        return invalid("seq", "is negative")
    return None if is_identifier(conversation_id) else conversation_not_found()


# --- Decisions ------------------------------------------------------------------------------


def sanctioned(why: str) -> Refusal:
    """Refuse what moderation does not allow."""
    return Refusal(Reason.SANCTIONED, why)


def decide_opening(openings: Sequence[int], now: int, limits: Limits) -> Refusal | None:
    """Decide whether an actor may open one more, having done so at the times of `openings`."""
    if limits.opening is Opening.INTERNAL:
        return Refusal(Reason.OPENING_NOT_ALLOWED, "only internal services open conversations here")
    recent = sorted(time for time in openings if time > now - HOUR)
    if len(recent) < limits.openings_per_hour:
        return None
    # The next is possible when the oldest that counts has left the window.
    retry_after = recent[len(recent) - limits.openings_per_hour] + HOUR - now
    return Refusal(
        Reason.OPENINGS_LIMIT_REACHED,
        f"more than {limits.openings_per_hour} new conversations in an hour",
        retry_after=max(1, retry_after),
        limit="openings_per_hour",
    )


def open_conversation(
    conversation_id: str,
    participants: tuple[str, str],
    subject: str,
    opened_by: str,
    now: int,
    revision: int,
    blocked: Mapping[str, int] | None = None,
) -> Conversation:
    """Open a conversation in which nothing was said yet.

    `blocked` has those who block the other, with the revision at which they did. They are not shown
    what the other opens.
    """
    blocked = blocked or {}

    def side(user: str) -> Side:
        if user not in blocked:
            return Side(user, activity=revision)
        shown = revision if opened_by in {"", user} else 0
        return Side(user, activity=shown, blocked_revision=blocked[user], held_seq=0)

    first, second = map(side, order(*participants))
    return Conversation(conversation_id, subject, opened_by, now, revision, 0, 0, first, second)


def add_message(
    conversation: Conversation,
    message_id: str,
    sender: str,
    text: str,
    idempotency_key: str | None,
    now: int,
    revision: int,
    kind: str = TEXT,
) -> tuple[Conversation, Message]:
    """Add what somebody says or did: the next seq, and one more incoming for all others.

    What nobody did, for time did it, has no sender and is incoming for both. What is said to one
    who blocks the sender changes nothing for that one; deeds reach both.
    """
    seq = conversation.last_seq + 1
    first, second = conversation.first, conversation.second
    is_text = kind == TEXT
    if sender == first.user:
        first = Side(sender, seq, revision, *first[3:])
    elif not (is_text and first.blocked_revision):
        first = Side(first.user, seq, revision, first.incoming_count + 1, seq, *first[5:])
    if sender == second.user:
        second = Side(sender, seq, revision, *second[3:])
    elif not (is_text and second.blocked_revision):
        second = Side(second.user, seq, revision, second.incoming_count + 1, seq, *second[5:])
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


def readers(conversation: Conversation, message: Message) -> tuple[str, ...]:
    """Tell who is shown a message, in the order of the participants."""
    if message.suppressed:
        return (message.sender,)
    return (conversation.first.user, conversation.second.user)


def incoming_at(conversation: Conversation, user: str, message: Message | None) -> tuple[int, int]:
    """Count the incoming messages of `user` up to `message` (None: all); also the newest seq."""
    if message is None:
        side = conversation.side(user)
        return side.incoming_count, side.incoming_seq
    if user == conversation.first.user:
        return message.first_incoming_count, message.first_incoming_seq
    return message.second_incoming_count, message.second_incoming_seq


def mark_read(side: Side, count: int, seq: int, now: int, revision: int) -> Side | None:
    """Move the read watermark to `seq`, the `count`th incoming one; None when it covers no more.

    What is read is delivered. One who blocks the other reads without the other being shown it; the
    next mark after that shows what was read meanwhile.
    """
    if seq > side.read_seq:
        side = side._replace(read_seq=seq, read_count=count, read_at=now, read_revision=revision)
        if side.blocks:
            return side
        if side.held_seq is not None:
            side = side._replace(held_seq=None, held_at=0, held_revision=0)
    elif side.held_seq is not None and not side.blocks and seq > side.held_seq:
        side = side._replace(held_seq=side.read_seq, held_at=now, held_revision=revision)
    else:
        return None
    return mark_delivered(side, side.read_seq, now, revision) or side


def mark_delivered(side: Side, seq: int, now: int, revision: int) -> Side | None:
    """Move the delivered watermark to `seq`; None when it covers no more than before.

    The other alone is shown it, and so it stands still while the other is blocked.
    """
    if seq <= side.delivered_seq or side.blocks:
        return None
    return side._replace(delivered_seq=seq, delivered_at=now, delivered_revision=revision)


def tells_delivered(side: Side) -> bool:
    """Tell whether the delivered watermark says anything that the read one, as shown, does not."""
    return side.delivered_seq > 0 and side.delivered_revision != side.shown_read[2]


def come_online(presence: Presence, at: int, revision: int) -> Presence | None:
    """Show that a person is there since `at`; None when that is no news, or nobody is to know."""
    if presence.online or presence.invisible:
        return None
    last_seen = max(presence.last_seen, at)
    return presence._replace(online=True, last_seen=last_seen, revision=revision)


def go_offline(presence: Presence, at: int, revision: int) -> Presence | None:
    """Show that a person was there until `at`, and no longer is; None when that is no news.

    Whoever has become invisible meanwhile goes as everybody goes, and then is not seen any more.
    """
    if not presence.online and (presence.invisible or at <= presence.last_seen):
        return None
    last_seen = max(presence.last_seen, at)
    return presence._replace(online=False, last_seen=last_seen, revision=revision)
