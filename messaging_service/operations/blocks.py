"""The writes of blocks, over lists of commands, as those of messages.

A block stands in its own row, and in the sides of all conversations of the two: so whoever writes
there learns of it with the conversation.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from messaging_service.domain import blocks, messages
from messaging_service.domain.blocks import Block
from messaging_service.domain.events import BlockChanged
from messaging_service.domain.messages import Conversation, Limits, Presence
from messaging_service.operations.messages import Changes
from messaging_service.storage import (
    blocks as block_storage,
)
from messaging_service.storage import (
    messages as storage,
)
from messaging_service.storage import (
    presence as presence_storage,
)
from service_kit.rules import Refusal
from service_kit.storage.writer import Operation, Transaction


class SetBlock(NamedTuple):
    """Block somebody, or no longer."""

    actor: str
    user: str
    blocked: bool
    origin: str


class _Run:
    """One run of set_blocks: what was found, and what comes of it."""

    def __init__(
        self, limits: Limits, transaction: Transaction, commands: Sequence[SetBlock]
    ) -> None:
        connection = transaction.connection
        self.limits = limits
        self.transaction = transaction
        pairs = {(one.actor, one.user) for one in commands}
        both = pairs | {(other, one) for one, other in pairs}
        self.blocks = block_storage.find_blocks(connection, both)
        self.stored = frozenset(self.blocks)
        self.counts = block_storage.count_blocks(connection, {one.actor for one in commands})
        couples = {messages.order(*pair) for pair in pairs}
        self.changes = Changes(transaction, storage.find_conversations_of(connection, couples))
        self.presence = presence_storage.find_presence(
            connection, {user for pair in pairs for user in pair}
        )
        self.changed: dict[tuple[str, str], None] = {}

    def set(self, command: SetBlock, *, presence: bool) -> BlockChanged | Refusal:
        """Decide one command, after all before it. What is so already changes nothing."""
        actor, user = command.actor, command.user
        answer = BlockChanged(actor, user, command.blocked, command.origin)
        if command.blocked == self.is_active(actor, user):
            return answer
        full = blocks.decide_block(self.counts[actor], self.limits)
        if command.blocked and full:
            return full
        now, revision = self.transaction.now, self.transaction.revision
        self.counts[actor] += 1 if command.blocked else -1
        last_seen = blocks.last_seen_at(self.presence.get(actor), now) if presence else 0
        block = Block(actor, user, command.blocked, now, revision, last_seen)
        self.blocks[actor, user] = block
        self.changed[actor, user] = None
        turn = blocks.block if command.blocked else blocks.unblock
        around = [
            one
            for one in self.changes.by_id.values()
            if {one.first.user, one.second.user} == {actor, user}
        ]
        for one in around:
            turned = one.with_side(turn(one.side(actor), revision), revision)
            self.changes.change(turned, blocks=True)
        self.transaction.emit((actor,), answer)
        if presence and not self.is_active(user, actor):
            self.tell_presence(block, around)
        return answer

    def is_active(self, blocker: str, blocked: str) -> bool:
        """Tell whether one blocks the other now."""
        block = self.blocks.get((blocker, blocked))
        return block is not None and block.active

    def tell_presence(self, block: Block, around: Sequence[Conversation]) -> None:
        """Let the blocker leave in the eyes of the blocked one, or both see each other again."""
        blocker, blocked = self.presence.get(block.blocker), self.presence.get(block.blocked)
        if block.active:
            if blocker is not None and blocker.online:
                self.tell(blocks.shown_presence(block), block.blocked, around)
            return
        self.tell(blocker, block.blocked, around)
        self.tell(blocked, block.blocker, around)

    def tell(self, presence: Presence | None, user: str, around: Sequence[Conversation]) -> None:
        """Tell of a person whom `user` sees in a conversation."""
        if presence and presence.revision and any(one.is_shown_to(user) for one in around):
            self.transaction.emit((user,), presence)

    def store(self) -> None:
        """Write all that is new."""
        connection = self.transaction.connection
        self.changes.store()
        changed = [self.blocks[pair] for pair in self.changed]
        pairs = self.stored
        block_storage.insert_blocks(
            connection, [one for one in changed if (one.blocker, one.blocked) not in pairs]
        )
        block_storage.update_blocks(
            connection, [one for one in changed if (one.blocker, one.blocked) in pairs]
        )


def set_blocks(
    limits: Limits, transaction: Transaction, commands: Sequence[SetBlock], *, presence: bool
) -> list[BlockChanged | Refusal]:
    """Set blocks in their order; each has its own outcome. `presence`: it is told at all."""
    refusals = [blocks.check_block(one.actor, one.user) for one in commands]
    sound = [one for one, refusal in zip(commands, refusals, strict=True) if refusal is None]
    run = _Run(limits, transaction, sound)
    outcomes = [
        run.set(command, presence=presence) if refusal is None else refusal
        for command, refusal in zip(commands, refusals, strict=True)
    ]
    run.store()
    return outcomes


def operation(limits: Limits, *, presence: bool) -> Operation[SetBlock, BlockChanged | Refusal]:
    """Bind the limits: made once, for the writer groups by identity."""
    return partial(set_blocks, limits, presence=presence)
