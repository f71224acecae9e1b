"""The rules of blocks between people.

What a block does to messages stands in the rules of those: `messages.add_message` and
`message_changes.edit_message`.
"""

from typing import NamedTuple

from messaging_service.domain.conversations import Side
from messaging_service.domain.limits import Limits
from messaging_service.domain.presence import Presence
from messaging_service.domain.refusals import Reason, blocked
from service_kit.rules import Refusal, check_user, invalid


class SetBlock(NamedTuple):
    """A command to block somebody, or to end the block."""

    actor: str
    user: str
    blocked: bool
    origin: str


class Block(NamedTuple):
    """A block of one person by another, `active` or ended at `changed_at` and `revision`.

    The other goes on being shown that the blocker was there until `last_seen`; 0 for never. Times
    are milliseconds UTC.
    """

    blocker: str
    blocked: str
    active: bool
    changed_at: int
    revision: int
    last_seen: int = 0


def check_set_block(command: SetBlock) -> Refusal | None:
    """Check the arguments of a block."""
    if refusal := check_user("actor", command.actor) or check_user("user", command.user):
        return refusal
    return invalid("user", "is the actor") if command.user == command.actor else None


def decide_block(blocks: int, limits: Limits) -> Refusal | None:
    """Decide whether a person who has so many blocks may have one more."""
    if blocks < limits.blocks_per_user:
        return None
    problem = f"a user blocks at most {limits.blocks_per_user} others"
    return Refusal(Reason.TOO_MANY_BLOCKS, problem, limit="blocks_per_user")


def may_write(side: Side) -> Refusal | None:
    """Refuse a text of a writer who blocks the other; the side is the writer's."""
    return blocked() if side.blocks else None


def block(side: Side, revision: int) -> Side:
    """Begin a block: from now on the other is shown the read watermark as it stands."""
    seq, at, shown = side.shown_read
    return side._replace(blocked_revision=revision, held_seq=seq, held_at=at, held_revision=shown)


def unblock(side: Side, revision: int) -> Side:
    """End a block. What was read meanwhile is shown with the next mark."""
    return side._replace(blocked_revision=0, unblocked_revision=revision)


def last_seen_at(presence: Presence | None, now: int) -> int:
    """Give when a person who blocks another now was last there, as that other is shown for good."""
    if presence is None:
        return 0
    return max(presence.last_seen, now) if presence.online else presence.last_seen


def shown_presence(block: Block) -> Presence | None:
    """Give the presence of a blocker as the blocked one is shown it: offline."""
    if not block.last_seen:
        return None
    return Presence(block.blocker, last_seen=block.last_seen, revision=block.revision)
