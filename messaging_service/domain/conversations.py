"""Conversations between two people, and the rules of opening them.

Rules are pure functions of state, command and time. They give the new state or a `Refusal`. Times
are milliseconds UTC.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from messaging_service.domain.limits import HOUR, Limits, Opening
from messaging_service.domain.refusals import Reason
from service_kit.rules import Refusal, check_line, check_user, invalid


class CreateConversation(NamedTuple):
    """A command to open or find the conversation of two people about a subject."""

    participants: tuple[str, ...]
    subject: str


class Side(NamedTuple):
    """The state of a conversation for one participant.

    `last_seq` is the newest message that this one is shown, and `activity` its revision or that of
    the opening; 0 while this one is not shown the conversation at all. `version` grows whenever
    this one is shown something else of it.
    `incoming_*`: how many messages of the other there are, and the seq of the newest; what time did
    to a service counts as the other's. A watermark stands at such a message; `read_count` is the
    incoming count there.
    `blocked_revision` is that at which this one blocked the other, 0 when it does not, and
    `unblocked_revision` that of the last end of a block. `held_*` is the read watermark as the
    other is shown it instead, from a block on until the next move after it; None: the real one.
    `tombstone_count`: how many of the incoming messages after the read watermark are not there any
    more. `spoke_revision` is that of the first message of this one that the other was shown, 0
    before it.
    """

    user: str
    last_seq: int = 0
    activity: int = 0
    version: int = 0
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
    tombstone_count: int = 0
    spoke_revision: int = 0

    @property
    def unread(self) -> int:
        """Messages of the other after the read watermark, those alone that are still there."""
        return self.incoming_count - self.read_count - self.tombstone_count

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

    def is_stranger(self, user: str) -> bool:
        """Tell whether `user` has opened it by writing, and the other never answered."""
        return user == self.opened_by and not self.peer(user).spoke_revision

    @property
    def blocked(self) -> bool:
        """Tell whether either blocks the other."""
        return self.first.blocks or self.second.blocks

    @property
    def turned_revision(self) -> int:
        """The revision at which either last blocked the other, or ceased to; 0 for never."""
        return max(self.first.turned_revision, self.second.turned_revision)

    @property
    def blockers(self) -> tuple[str, ...]:
        """Those who block the other."""
        return tuple(side.user for side in (self.first, self.second) if side.blocks)

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


def renumber(before: Conversation, after: Conversation) -> Conversation:
    """Give each side another version that is shown something else of the conversation than before.

    What is said needs no comparison: `messages.add_message` counts it by itself.
    """
    first, second = after.first, after.second
    if _shown(before, first.user) != _shown(after, first.user):
        after = after._replace(first=first._replace(version=first.version + 1))
    if _shown(before, second.user) != _shown(after, second.user):
        after = after._replace(second=second._replace(version=second.version + 1))
    return after


def _shown(conversation: Conversation, user: str) -> tuple[int | bool, ...]:
    """List what a participant is shown of a conversation, but for its messages and people."""
    own, peer = conversation.side(user), conversation.peer(user)
    return own.last_seq, own.activity, own.unread, own.read_seq, own.blocks, peer.shown_read[0]


def order(one: str, other: str) -> tuple[str, str]:
    """Put two participants into the order of their ids."""
    return (one, other) if one < other else (other, one)


def check_pair(participants: Sequence[str]) -> Refusal | None:
    """Check that there are exactly two different participants."""
    if len(participants) != 2:
        return invalid("participants", "must be exactly two")
    for user in participants:
        if refusal := check_user("participants", user):
            return refusal
    if participants[0] == participants[1]:
        return invalid("participants", "must be two different users")
    return None


def check_create_conversation(command: CreateConversation, limits: Limits) -> Refusal | None:
    """Check the arguments of a new conversation."""
    return check_pair(command.participants) or check_subject(command.subject, limits.subject)


def check_subject(subject: str, limit: int) -> Refusal | None:
    """Check a subject. It may be empty; like a name it has no control characters."""
    return check_line("subject", subject, limit, "subject_limit")


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

    `blocked` maps those who block the other to the revision at which the block began. They are not
    shown a conversation that the other opens.
    """
    blocked = blocked or {}

    def side(user: str) -> Side:
        if user not in blocked:
            return Side(user, activity=revision, version=1)
        shown = opened_by in {"", user}
        activity, version = (revision, 1) if shown else (0, 0)
        return Side(
            user,
            activity=activity,
            version=version,
            blocked_revision=blocked[user],
            held_seq=0,
        )

    first, second = map(side, order(*participants))
    return Conversation(conversation_id, subject, opened_by, now, revision, 0, 0, first, second)
