"""Storing who is online and who wishes to be invisible, and reading what others are shown of it."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from messaging_service.domain.blocks import Block, shown_presence
from messaging_service.domain.conversations import Conversation
from messaging_service.domain.presence import Presence, come_online, go_offline
from messaging_service.storage import presence as storage
from messaging_service.storage.blocks import find_blocks
from messaging_service.storage.change_times import take_times
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
    conversations: int,
    transaction: Transaction,
    commands: Sequence[Attend],
    *,
    strangers: bool = False,
) -> list[Attended]:
    """Store who is online, and tell the others of each one's newest `conversations`; of those who
    were never answered, with `strangers` alone.
    """
    connection, revision = transaction.connection, transaction.revision
    found = storage.find_presence(connection, {one.user for one in commands})
    stored = frozenset(found)
    changed: set[str] = set()
    # One for all, for of each person only the last change is told.
    (version,) = take_times(connection, transaction.now, 1)
    for user, here, at in commands:
        decide = come_online if here else go_offline
        presence = decide(found.get(user, Presence(user)), at, revision, version)
        if presence is not None:
            found[user] = presence
            changed.add(user)
    _store(transaction, stored, [found[user] for user in sorted(changed)])
    peers = storage.find_observers(connection, changed, conversations, strangers=strangers)
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


class ShownPerson(NamedTuple):
    """The presence of another person that an actor is shown, and the actor's block of that one."""

    presence: Presence | None
    block: Block | None


def find_shown_people(
    connection: Connection,
    conversations: Sequence[Conversation],
    actor: str,
    *,
    presence: bool,
    strangers: bool = False,
) -> dict[str, ShownPerson]:
    """Find what an actor is shown of the others in conversations, by user: with `presence`, and
    their own blocks. Of one who never answered that is no presence, except to `strangers`.
    """
    answered = {
        one.peer(actor).user for one in conversations if strangers or not one.is_stranger(actor)
    }
    peers = {one.peer(actor).user for one in conversations}
    turned = {one.peer(actor).user for one in conversations if one.turned_revision}
    pairs = {pair for peer in turned for pair in ((peer, actor), (actor, peer))}
    found = storage.find_presence(connection, answered) if presence else {}
    blocks = find_blocks(connection, pairs)
    shown: dict[str, ShownPerson] = {}
    for peer in peers:
        theirs, own = blocks.get((peer, actor)), blocks.get((actor, peer))
        sees = presence and peer in answered
        seen = shown_presence(found.get(peer), theirs, own) if sees else None
        shown[peer] = ShownPerson(seen, own)
    return shown


def tell_answered(
    transaction: Transaction, answered: Sequence[tuple[Conversation, Conversation]]
) -> None:
    """Tell those who were strangers until now the presence of who answered them; given each
    conversation before and after that.
    """
    for before, after in answered:
        stranger = after.opened_by
        if stranger and before.is_stranger(stranger) and not after.is_stranger(stranger):
            shown = find_shown_people(transaction.connection, [after], stranger, presence=True)
            (person,) = shown.values()
            if person.presence is not None:
                transaction.emit((stranger,), person.presence)


def _store(transaction: Transaction, stored: Collection[str], changed: Sequence[Presence]) -> None:
    if changed:
        transaction.touch()
    connection = transaction.connection
    storage.insert_presence(connection, [one for one in changed if one.user not in stored])
    storage.update_presence(connection, [one for one in changed if one.user in stored])
