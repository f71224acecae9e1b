"""The rules of blocks between people: pure functions, as those of conversations.

What a block does to messages stands where messages are made: `domain.add_message`, and
`message_changes.edit`.
"""

from typing import NamedTuple

from messaging_service.domain.messages import Limits, Presence, Reason, Side
from service_kit.rules import Refusal, check_user, invalid


class Block(NamedTuple):
    """Whether one person blocks another, since `changed_at` (milliseconds UTC) and `revision`.

    `last_seen` is until when the blocker was there, as the other goes on being shown; 0 for none.
    """

    blocker: str
    blocked: str
    active: bool
    changed_at: int
    revision: int
    last_seen: int = 0


def check_block(actor: str, user: str) -> Refusal | None:
    """Check what can be said of a block without looking anything up."""
    if refusal := check_user("actor", actor) or check_user("user", user):
        return refusal
    return invalid("user", "is the actor") if user == actor else None


def decide_block(blocks: int, limits: Limits) -> Refusal | None:
    """Decide whether a person who has so many blocks may have one more."""
    if blocks < limits.blocks_per_user:
        return None
    problem = f"a user blocks at most {limits.blocks_per_user} others"
    return Refusal(Reason.TOO_MANY_BLOCKS, problem, limit="blocks_per_user")


def may_write(side: Side) -> Refusal | None:
    """Whoever blocks the other does not write to the other."""
    return blocked() if side.blocks else None


def blocked() -> Refusal:
    """Refuse what would reach one whom the actor blocks."""
    return Refusal(Reason.BLOCKED, "this user is blocked by the actor, who can not write there")


def block(side: Side, revision: int) -> Side:
    """Begin a block: from now on the other is shown the read watermark as it stands."""
    seq, at, shown = side.shown_read
    return side._replace(blocked_revision=revision, held_seq=seq, held_at=at, held_revision=shown)


def unblock(side: Side, revision: int) -> Side:
    """End a block. What was read meanwhile is shown with the next mark."""
    return side._replace(blocked_revision=0, unblocked_revision=revision)


def last_seen_at(presence: Presence | None, now: int) -> int:
    """Until when a person who blocks another now was there, as the other is shown for good."""
    if presence is None:
        return 0
    return max(presence.last_seen, now) if presence.online else presence.last_seen


def shown_presence(block: Block) -> Presence | None:
    """The presence of a blocker as the blocked one is shown it: of one who has left."""
    if not block.last_seen:
        return None
    return Presence(block.blocker, last_seen=block.last_seen, revision=block.revision)
