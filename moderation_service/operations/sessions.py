"""Ends sessions and revokes tokens, forgets what is over, and tells it as a change of standing."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from moderation_service.domain import sessions
from moderation_service.domain.notifications import Notification, NotificationKind
from moderation_service.domain.sessions import (
    NOTHING_REVOKED,
    EndSessions,
    Revocations,
    SessionCommand,
)
from moderation_service.domain.shared.limits import Limits
from moderation_service.operations import restrictions
from moderation_service.operations.notifications import StandingChanged
from moderation_service.operations.restrictions import PlacedStanding
from moderation_service.storage import notifications
from moderation_service.storage import revocations as storage
from service_kit.rules import Refusal
from service_kit.storage.clock import read_position
from service_kit.storage.writer import Transaction

# In one revision with what becomes of cases, which are told by another operation.
_FIRST_ORDINAL = 2**31


@dataclass(frozen=True, slots=True)
class Revoked:
    """The tokens refused now, and whether that was so before."""

    revocations: Revocations
    duplicate: bool


def revoke(
    limits: Limits, transaction: Transaction, commands: Sequence[SessionCommand]
) -> list[Revoked | Refusal]:
    """Carry out commands in their order, and tell each user's edges once."""
    connection, now = transaction.connection, transaction.now
    refusals = [sessions.check_arguments(one, now) for one in commands]
    users = {one.user for one, refusal in zip(commands, refusals, strict=True) if refusal is None}
    found = storage.find_revocations(connection, users, now)
    changed: dict[str, None] = {}
    outcomes: list[Revoked | Refusal] = []
    for command, refusal in zip(commands, refusals, strict=True):
        if refusal is not None:
            outcomes.append(refusal)
            continue
        standing = found[command.user]
        if isinstance(command, EndSessions):
            made = sessions.end_sessions(command, standing, now, limits)
        else:
            decided = sessions.revoke_token(command, standing, now, limits)
            if isinstance(decided, Refusal):
                outcomes.append(decided)
                continue
            made = decided
        if made is not None:
            storage.put_revocation(connection, command.user, made, transaction.revision)
            found[command.user] = [
                *(one for one in standing if one.token_id != made.token_id),
                made,
            ]
            changed[command.user] = None
        outcomes.append(Revoked(sessions.add_up(found[command.user]), duplicate=made is None))
    _tell(transaction, changed, limits)
    return outcomes


def _tell(transaction: Transaction, users: Collection[str], limits: Limits) -> None:
    if not users:
        return
    connection = transaction.connection
    told = [Notification((user,), NotificationKind.STANDING_CHANGED, "", 0, "") for user in users]
    notifications.insert_notifications(
        connection, told, transaction.revision, transaction.now, first_ordinal=_FIRST_ORDINAL
    )
    standings = restrictions.read_standings(connection, users, transaction.now, limits)
    revoked = read_revocations(connection, users, transaction.now)
    position = read_position(connection)
    for user in users:
        placed = PlacedStanding(standings[user], position, revoked[user])
        transaction.emit((user,), StandingChanged(placed))


def read_revocations(
    connection: Connection, users: Collection[str], now: int
) -> dict[str, Revocations]:
    """Tell which tokens of users are refused, by user."""
    found = storage.find_revocations(connection, users, now)
    return {
        user: sessions.add_up(found[user]) if user in found else NOTHING_REVOKED for user in users
    }


def forget_revocations(batch: int, transaction: Transaction, times: Sequence[int]) -> list[int]:
    """Delete revocations that were over by these times; gives how many there were, for each."""
    counts = [storage.forget_revocations(transaction.connection, one, batch) for one in times]
    if any(counts):
        transaction.touch()
    return counts


def erase_sessions(transaction: Transaction, users: Sequence[str]) -> list[None]:
    """Erase users from what was told of their sessions; what is refused stays so, by no name."""
    for user in users:
        if notifications.delete_without_target(transaction.connection, user):
            transaction.touch()
    return [None] * len(users)
