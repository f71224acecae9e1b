"""Storing who is online and who wishes to be invisible, and reading what others are shown of it."""

from collections.abc import Collection, Sequence
from enum import Enum
from typing import NamedTuple

from sqlalchemy import Connection

from messaging_service.domain.blocks import Block, shown_presence
from messaging_service.domain.conversations import Conversation
from messaging_service.domain.presence import Presence, come_online, go_offline
from messaging_service.storage import attendance
from messaging_service.storage import presence as storage
from messaging_service.storage.blocks import find_blocks
from messaging_service.storage.change_times import take_times
from service_kit.rules import Refusal, check_user
from service_kit.storage.writer import Transaction


class Wish(Enum):
    """The part of a change of attendance that is due to a person's wish."""

    NONE = "none"
    HIDDEN = "hidden"
    SHOWN = "shown"


class Attend(NamedTuple):
    """A command: somebody is here since `at`, or was until `at` (milliseconds UTC).

    `wish` HIDDEN is of somebody, here or not, who seems to leave; SHOWN of somebody who does no
    longer, and to whom another process attends.
    """

    user: str
    here: bool
    at: int
    wish: Wish = Wish.NONE


class Attended(NamedTuple):
    """An answer: whether others were told, and whether the limit kept it from some of them."""

    told: bool
    cut: bool


class Stays(NamedTuple):
    """An answer: nothing has changed, for the wish to seem to leave is no longer there."""


def attend(
    conversations: int,
    transaction: Transaction,
    commands: Sequence[Attend],
    *,
    strangers: bool = False,
    replica: str = "",
) -> list[Attended | Stays]:
    """Store who is online, and tell the others of each one's newest `conversations`; of those who
    were never answered, with `strangers` alone.

    Of several processes this is the `replica`: who leaves it stays online where others attend to
    them.
    """
    connection, revision = transaction.connection, transaction.revision
    users = {one.user for one in commands}
    found = storage.find_presence(connection, users)
    stored = frozenset(found)
    attended = attendance.find_attendance(connection, users) if replica else {}
    before = {user: dict(rows) for user, rows in attended.items()}
    changed: set[str] = set()
    stays: set[str] = set()
    # One for all, for of each person only the last change is told.
    (version,) = take_times(connection, transaction.now, 1)
    for one in commands:
        rows, presence = attended.setdefault(one.user, {}), found.get(one.user, Presence(one.user))
        if one.wish is Wish.HIDDEN and not presence.invisible:
            stays.add(one.user)
            continue
        moved = _move(one, rows, replica)
        if moved is None:
            continue
        decide = come_online if moved.here else go_offline
        presence_now = decide(presence, moved.at, revision, version)
        if presence_now is not None:
            found[one.user] = presence_now
            changed.add(one.user)
    if replica:
        if any(one.here for one in commands):
            attendance.ensure_attending(connection, replica, transaction.now)
        if attendance.store_attendance(connection, before, attended):
            transaction.touch()
    _store(transaction, stored, [found[user] for user in sorted(changed)])
    peers = storage.find_observers(connection, changed, conversations, strangers=strangers)
    for user, near in peers.items():
        transaction.emit(near.users, found[user])
    return [
        Stays()
        if one.user in stays
        else Attended(one.user in changed, one.user in peers and peers[one.user].more)
        for one in commands
    ]


def _move(one: Attend, rows: attendance.Rows, replica: str) -> Attend | None:
    """Move the rows of a person; gives what that makes of the command, None for nothing."""
    if one.wish is Wish.SHOWN:
        return one if rows else None
    if one.here:
        if replica:
            rows.setdefault(replica, 0)
        return one._replace(here=one.wish is Wish.NONE)
    at = max(one.at, rows.pop(replica, 0))
    if rows and one.wish is Wish.NONE:
        # Elsewhere they are there, and were here until now.
        rows |= {other: max(seen_at, at) for other, seen_at in rows.items()}
        return None
    return one._replace(at=at)


class SetInvisible(NamedTuple):
    """A command: somebody wishes to be invisible, or no longer."""

    user: str
    invisible: bool


def set_invisible(
    transaction: Transaction, commands: Sequence[SetInvisible], *, replica: str = ""
) -> list[Presence | Refusal]:
    """Store what people wish. What others are shown follows from who is online.

    Of several processes the `replica` attends from now on to whoever has to seem to leave.
    """
    connection = transaction.connection
    refusals = [check_user("actor", one.user) for one in commands]
    sound = [one for one, refusal in zip(commands, refusals, strict=True) if refusal is None]
    found = storage.find_presence(connection, {one.user for one in sound})
    stored = frozenset(found)
    changed: dict[str, Presence] = {}
    for user, invisible in sound:
        presence = found.setdefault(user, Presence(user))
        if presence.invisible != invisible:
            found[user] = changed[user] = presence._replace(invisible=invisible)
    _store(transaction, stored, list(changed.values()))
    leaving = [user for user, one in changed.items() if one.invisible and one.online]
    if replica and leaving:
        before = attendance.find_attendance(connection, leaving)
        after = {user: {replica: 0, **before.get(user, {})} for user in leaving}
        attendance.ensure_attending(connection, replica, transaction.now)
        attendance.store_attendance(connection, before, after)
    return [refusal or found[one.user] for one, refusal in zip(commands, refusals, strict=True)]


def remember_presence(
    transaction: Transaction, times: Sequence[int], *, replica: str = ""
) -> list[None]:
    """Store until when (milliseconds UTC) it is known who is online."""
    attendance.note_known(transaction.connection, replica, max(times))
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
