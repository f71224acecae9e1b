"""Beginning and ending blocks, and listing them.

A block stands in its own row, and in the sides of all conversations of the two, where those who
write there find it with the conversation.
"""

from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import quote, unquote

from sqlalchemy import Connection

from messaging_service.domain import blocks
from messaging_service.domain.blocks import Block, SetBlock
from messaging_service.domain.conversations import Conversation, order, renumber
from messaging_service.domain.events import BlockChanged
from messaging_service.domain.limits import Limits
from messaging_service.operations.working_set import WorkingSet
from messaging_service.storage import blocks as storage
from messaging_service.storage.change_times import take_times
from messaging_service.storage.conversations import find_conversations_between
from messaging_service.storage.presence import find_presence
from service_kit.pages import NEWEST, bounded_size, decode_token, encode_token
from service_kit.rules import Refusal, check_user, invalid
from service_kit.storage.writer import Transaction


class BlockPage(NamedTuple):
    """Blocks, the newest first; an empty token ends the list."""

    blocks: list[Block]
    next_page_token: str


class _Run:
    """One run of set_block: what was found, and what comes of it."""

    def __init__(
        self, limits: Limits, transaction: Transaction, commands: Sequence[SetBlock]
    ) -> None:
        connection = transaction.connection
        self.limits = limits
        self.transaction = transaction
        pairs = {(one.actor, one.user) for one in commands}
        both = pairs | {(other, one) for one, other in pairs}
        self.blocks = storage.find_blocks(connection, both)
        self.stored = frozenset(self.blocks)
        actors = {one.actor for one in commands}
        self.counts = storage.count_blocks(connection, actors)
        self.rows = storage.count_all_blocks(connection, actors)
        couples = {order(*pair) for pair in pairs}
        self.working_set = WorkingSet(transaction, find_conversations_between(connection, couples))
        self.presence = find_presence(connection, {user for pair in pairs for user in pair})
        self.times = iter(take_times(connection, transaction.now, len(commands)))
        self.changed: dict[tuple[str, str], None] = {}

    def set(self, command: SetBlock, *, presence: bool) -> BlockChanged | Refusal:
        """Decide one command, after all before it. What is so already changes nothing."""
        actor, user = command.actor, command.user
        before = self.blocks.get((actor, user)) or Block(
            actor, user, active=False, changed_at=0, revision=0
        )
        if command.blocked == before.active:
            return BlockChanged(actor, user, before.active, before.changed_at, command.origin)
        is_new = (actor, user) not in self.blocks
        full = blocks.decide_block(
            self.counts[actor], self.rows[actor] if is_new else 0, self.limits
        )
        if command.blocked and full:
            return full
        self.rows[actor] += is_new
        now, revision = next(self.times), self.transaction.revision
        self.counts[actor] += 1 if command.blocked else -1
        there = self.presence.get(actor) if presence else None
        block = blocks.turn_block(before, there, now, revision, active=command.blocked)
        answer = BlockChanged(actor, user, command.blocked, now, command.origin)
        self.blocks[actor, user] = block
        self.changed[actor, user] = None
        turn = blocks.block if command.blocked else blocks.unblock
        around = [
            one
            for one in self.working_set.by_id.values()
            if {one.first.user, one.second.user} == {actor, user}
        ]
        for one in around:
            turned = one.with_side(turn(one.side(actor), revision), revision)
            self.working_set.change(renumber(one, turned))
        self.transaction.emit((actor,), answer, command)
        if presence:
            self.tell(actor, user, block, around)
            self.tell(user, actor, block, around)
        return answer

    def tell(self, person: str, reader: str, block: Block, around: Sequence[Conversation]) -> None:
        """Tell a reader of a person whom they see otherwise since a block began or ended."""
        theirs, own = self.blocks.get((person, reader)), self.blocks.get((reader, person))
        shown = blocks.shown_presence(self.presence.get(person), theirs, own)
        if shown is None or shown.version != block.changed_at:
            return
        if any(self.sees(reader, one) for one in around):
            self.transaction.emit((reader,), shown)

    def sees(self, reader: str, conversation: Conversation) -> bool:
        """Tell whether a reader sees in a conversation who is there."""
        strangers = self.limits.presence_to_strangers
        return conversation.is_shown_to(reader) and (
            strangers or not conversation.is_stranger(reader)
        )

    def store(self) -> None:
        """Write all that is new."""
        connection = self.transaction.connection
        self.working_set.store()
        changed = [self.blocks[pair] for pair in self.changed]
        pairs = self.stored
        storage.insert_blocks(
            connection, [one for one in changed if (one.blocker, one.blocked) not in pairs]
        )
        storage.update_blocks(
            connection, [one for one in changed if (one.blocker, one.blocked) in pairs]
        )


def set_block(
    limits: Limits, transaction: Transaction, commands: Sequence[SetBlock], *, presence: bool
) -> list[BlockChanged | Refusal]:
    """Set blocks in their order; each has its own outcome. With `presence` that is told as well."""
    refusals = [blocks.check_set_block(one) for one in commands]
    sound = [one for one, refusal in zip(commands, refusals, strict=True) if refusal is None]
    run = _Run(limits, transaction, sound)
    outcomes = [
        run.set(command, presence=presence) if refusal is None else refusal
        for command, refusal in zip(commands, refusals, strict=True)
    ]
    run.store()
    return outcomes


def list_blocks(
    connection: Connection, actor: str, page_size: int, page_token: str, most: int
) -> BlockPage | Refusal:
    """Read a page of the blocks of an actor."""
    count = bounded_size(page_size, most)
    if isinstance(count, Refusal):
        return count
    if refusal := check_user("actor", actor):
        return refusal
    below = (NEWEST, "")
    if page_token:
        last = decode_token(page_token, 2)
        if isinstance(last, Refusal):
            return last
        below = (last[0], unquote(last[1][0]))
        if check_user("page_token", below[1]):
            return invalid("page_token", "is not one that was given out")
    found = storage.find_block_page(connection, actor, below, count + 1)
    page = found[:count]
    more = len(found) > count
    # What people are called may hold anything.
    token = encode_token(page[-1].revision, quote(page[-1].blocked, safe="")) if more else ""
    return BlockPage(page, token)
