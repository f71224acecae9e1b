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

    The other goes on being shown that the blocker was there until `last_seen`; 0 for never. What is
    shown became so at `shown_version` and `shown_revision`: with the block, unless that has changed
    nothing of it. Times are milliseconds UTC.
    """

    blocker: str
    blocked: str
    active: bool
    changed_at: int
    revision: int
    last_seen: int = 0
    shown_version: int = 0
    shown_revision: int = 0


def check_set_block(command: SetBlock) -> Refusal | None:
    """Check the arguments of a block."""
    if refusal := check_user("actor", command.actor) or check_user("user", command.user):
        return refusal
    return invalid("user", "is the user's own name") if command.user == command.actor else None


def decide_block(blocks: int, rows: int, limits: Limits) -> Refusal | None:
    """Decide whether a person who has so many blocks may have one more; in as many `rows` stand
    those that have ended as well and are not forgotten.
    """
    if blocks < limits.blocks_per_user and rows < 2 * limits.blocks_per_user:
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


def turn_block(
    before: Block, presence: Presence | None, now: int, revision: int, *, active: bool
) -> Block:
    """Begin a block or end one, at a time of its own, given the presence of the blocker.

    To the other the blocker leaves with it, and is there again after it. Of one who is away all the
    while nothing changes, and so nothing tells.
    """
    turned = before._replace(active=active, changed_at=now, revision=revision)
    presence = presence or Presence(before.blocker)
    if not active:
        if (presence.online, presence.last_seen) == (False, before.last_seen):
            return turned
        return turned._replace(shown_version=now, shown_revision=revision)
    if presence.online:
        left = max(presence.last_seen, now)
        return turned._replace(last_seen=left, shown_version=now, shown_revision=revision)
    return turned._replace(
        last_seen=presence.last_seen,
        shown_version=max(presence.version, before.shown_version),
        shown_revision=max(presence.revision, before.shown_revision),
    )


def shown_presence(
    presence: Presence | None, theirs: Block | None, own: Block | None
) -> Presence | None:
    """Give the presence of a person as a reader is shown it; None: nothing.

    `theirs` is the block of the reader by the person, if there ever was one, and `own` the reader's
    of the person. Its `revision` and `version` are those of the last change for this reader.
    """
    if own is not None and own.active:
        return None
    if theirs is not None and theirs.active:
        presence = Presence(theirs.blocker, last_seen=theirs.last_seen)
    if presence is None or not (presence.revision or presence.last_seen):
        # Nothing was ever told of this person.
        return None
    turns = []
    if theirs is not None:
        turns.append((theirs.shown_revision, theirs.shown_version))
    if own is not None:
        turns.append((own.revision, own.changed_at))
    for revision, version in turns:
        presence = presence._replace(
            revision=max(presence.revision, revision), version=max(presence.version, version)
        )
    return presence
