"""The writes of presence, over lists of commands, as those of messages.

What changes is told to those with whom the person shares a conversation.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from messaging_service.domain import messages
from messaging_service.domain.messages import Presence
from messaging_service.storage import presence as presence_storage
from service_kit.rules import Refusal, check_user
from service_kit.storage.writer import Transaction


class Attend(NamedTuple):
    """Somebody is there since `at`, or was there until `at` (milliseconds UTC)."""

    user: str
    here: bool
    at: int


class Attended(NamedTuple):
    """Whether others were told, and whether the limit kept it from some of them."""

    told: bool
    cut: bool


def attend(
    conversations: int, transaction: Transaction, commands: Sequence[Attend]
) -> list[Attended]:
    """Note who is there; to be told in the `conversations` of newest activity of each."""
    connection, revision = transaction.connection, transaction.revision
    found = presence_storage.find_presence(connection, {one.user for one in commands})
    stored = frozenset(found)
    changed: set[str] = set()
    for user, here, at in commands:
        decide = messages.come_online if here else messages.go_offline
        presence = decide(found.get(user, Presence(user)), at, revision)
        if presence is not None:
            found[user] = presence
            changed.add(user)
    _store(transaction, stored, [found[user] for user in sorted(changed)])
    peers = presence_storage.find_told(connection, changed, conversations)
    for user, near in peers.items():
        transaction.emit(near.users, found[user])
    return [
        Attended(one.user in changed, one.user in peers and peers[one.user].more)
        for one in commands
    ]


class SetInvisible(NamedTuple):
    """Somebody wants to be invisible, or no longer."""

    user: str
    invisible: bool


def set_invisible(
    transaction: Transaction, commands: Sequence[SetInvisible]
) -> list[Presence | Refusal]:
    """Store what people wish; what others are shown is left to those who know who is there."""
    refusals = [check_user("actor", one.user) for one in commands]
    sound = [one for one, refusal in zip(commands, refusals, strict=True) if refusal is None]
    found = presence_storage.find_presence(transaction.connection, {one.user for one in sound})
    stored = frozenset(found)
    changed: dict[str, Presence] = {}
    for user, invisible in sound:
        presence = found.setdefault(user, Presence(user))
        if presence.invisible != invisible:
            found[user] = changed[user] = presence._replace(invisible=invisible)
    _store(transaction, stored, list(changed.values()))
    return [refusal or found[one.user] for one, refusal in zip(commands, refusals, strict=True)]


def remember(transaction: Transaction, times: Sequence[int]) -> list[None]:
    """Store until when it has been known who is there."""
    presence_storage.remember(transaction.connection, max(times))
    transaction.touch()
    return [None] * len(times)


def _store(transaction: Transaction, stored: Collection[str], changed: Sequence[Presence]) -> None:
    if changed:
        transaction.touch()
    connection = transaction.connection
    presence_storage.insert_presence(connection, [one for one in changed if one.user not in stored])
    presence_storage.update_presence(connection, [one for one in changed if one.user in stored])
