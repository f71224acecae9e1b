"""Storing who is online and who wishes to be invisible, and reading what others are shown of it."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from messaging_service.domain.blocks import shown_presence
from messaging_service.domain.conversations import Conversation
from messaging_service.domain.presence import Presence, come_online, go_offline
from messaging_service.storage import presence as storage
from messaging_service.storage.blocks import find_blocks
from service_kit.rules import Refusal, check_user
from service_kit.storage.writer import Transaction


class Attend(NamedTuple):
    """A command: somebody is online since `at`, or was until `at` (milliseconds UTC)."""

    user: str
    here: bool
    at: int


class Attended(NamedTuple):
    """An answer: whether others were told, and whether the limit kept it from some of them."""

    told: bool
    cut: bool


def attend(
    conversations: int, transaction: Transaction, commands: Sequence[Attend]
) -> list[Attended]:
    """Store who is online, and tell the others of each one's newest `conversations`."""
    connection, revision = transaction.connection, transaction.revision
    found = storage.find_presence(connection, {one.user for one in commands})
    stored = frozenset(found)
    changed: set[str] = set()
    for user, here, at in commands:
        decide = come_online if here else go_offline
        presence = decide(found.get(user, Presence(user)), at, revision)
        if presence is not None:
            found[user] = presence
            changed.add(user)
    _store(transaction, stored, [found[user] for user in sorted(changed)])
    peers = storage.find_observers(connection, changed, conversations)
    for user, near in peers.items():
        transaction.emit(near.users, found[user])
    return [
        Attended(one.user in changed, one.user in peers and peers[one.user].more)
        for one in commands
    ]


class SetInvisible(NamedTuple):
    """A command: somebody wishes to be invisible, or no longer."""

    user: str
    invisible: bool


def set_invisible(
    transaction: Transaction, commands: Sequence[SetInvisible]
) -> list[Presence | Refusal]:
    """Store what people wish. What others are shown follows from who is online."""
    refusals = [check_user("actor", one.user) for one in commands]
    sound = [one for one, refusal in zip(commands, refusals, strict=True) if refusal is None]
    found = storage.find_presence(transaction.connection, {one.user for one in sound})
    stored = frozenset(found)
    changed: dict[str, Presence] = {}
    for user, invisible in sound:
        presence = found.setdefault(user, Presence(user))
        if presence.invisible != invisible:
            found[user] = changed[user] = presence._replace(invisible=invisible)
    _store(transaction, stored, list(changed.values()))
    return [refusal or found[one.user] for one, refusal in zip(commands, refusals, strict=True)]


def remember_presence(transaction: Transaction, times: Sequence[int]) -> list[None]:
    """Store until when (milliseconds UTC) it is known who is online."""
    storage.update_presence_known(transaction.connection, max(times))
    transaction.touch()
    return [None] * len(times)


def find_shown_presence(
    connection: Connection, conversations: Sequence[Conversation], actor: str
) -> dict[str, Presence]:
    """Find the presence that an actor is shown of the others in conversations, by user.

    Of one whom the actor blocks it is nothing, and of one who blocks the actor that this one left.
    """
    peers = [one.peer(actor) for one in conversations if not one.side(actor).blocks]
    shown = storage.find_presence(connection, {one.user for one in peers if not one.blocks})
    blocked_by = {(one.user, actor) for one in peers if one.blocks}
    for block in find_blocks(connection, blocked_by).values():
        if left := shown_presence(block):
            shown[block.blocker] = left
    return shown


def _store(transaction: Transaction, stored: Collection[str], changed: Sequence[Presence]) -> None:
    if changed:
        transaction.touch()
    connection = transaction.connection
    storage.insert_presence(connection, [one for one in changed if one.user not in stored])
    storage.update_presence(connection, [one for one in changed if one.user in stored])
