"""What restricts users, conversations and messages now, from the sanctions of all cases."""

from collections.abc import Collection

from sqlalchemy import Connection

from moderation_service import lookups, storage
from moderation_service.limits import Limits
from moderation_service.standing import is_locked, is_removed
from moderation_service.views import StandingView, show_standing


def read_standings(
    connection: Connection, users: Collection[str], now: int, limits: Limits
) -> dict[str, StandingView]:
    """Tell how users stand, by user."""
    found = lookups.find_sanctioning(connection, users, now)
    cases = storage.find_cases(connection, {case for of in found.values() for case in of})
    return {
        user: show_standing(user, [cases[one] for one in sorted(found[user])], now, limits)
        for user in users
    }


def read_locked(connection: Connection, conversations: Collection[str], now: int) -> set[str]:
    """Tell which of these conversations are locked."""
    found = lookups.find_locking(connection, conversations, now)
    cases = storage.find_cases(connection, found)
    sanctions = [one for case in cases.values() for one in case.sanctions]
    return {one for one in conversations if is_locked(one, sanctions, now)}


def read_removed(connection: Connection, messages: Collection[str], now: int) -> set[str]:
    """Tell which of these messages are removed."""
    found = lookups.find_removing(connection, messages, now)
    cases = storage.find_cases(connection, found)
    sanctions = [one for case in cases.values() for one in case.sanctions]
    return {one for one in messages if is_removed(one, sanctions, now)}
