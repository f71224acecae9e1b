"""Restrictions of users, conversations and messages now, from the sanctions of all cases."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from moderation_service.domain.case.entities import Case
from moderation_service.domain.case.show import show_standing
from moderation_service.domain.case.views import StandingView
from moderation_service.domain.sanctions.entities import SanctionKind
from moderation_service.domain.sanctions.standing import is_locked, removed_authors
from moderation_service.domain.sessions import NOTHING_REVOKED, Revocations
from moderation_service.domain.shared.limits import Limits
from moderation_service.storage import indexes, targets
from moderation_service.storage.indexes import InForce
from service_kit.rules import Position


@dataclass(frozen=True, slots=True)
class PlacedStanding:
    """A standing, the position at which it was read, and for edges which tokens are refused."""

    view: StandingView
    position: Position
    revocations: Revocations = NOTHING_REVOKED


# Whoever is reported by thousands may be warned or banned as often. What somebody may do follows
# from the sanctions that last longest; more words than anybody reads are not sent to every edge.
MOST_CASES = 50


def read_standings(
    connection: Connection, users: Collection[str], now: int, limits: Limits
) -> dict[str, StandingView]:
    """Tell how users stand, by user."""
    against = find_cases_against(connection, users, now)
    return {user: show_standing(user, against[user], now, limits) for user in users}


def find_cases_against(
    connection: Connection, users: Collection[str], now: int
) -> dict[str, list[Case]]:
    """Give the cases that say how users stand, by user: of each at most `MOST_CASES`."""
    found = indexes.find_sanctioning(connection, users, now)
    telling = {user: _telling(found[user]) for user in users}
    cases = targets.find_cases(connection, {case for of in telling.values() for case in of})
    return {user: [cases[one] for one in sorted(of)] for user, of in telling.items()}


def _telling(found: Sequence[InForce]) -> list[str]:
    """Name the cases of what restricts longest, of each kind; then the newest, warnings last."""
    longest = {one.kind: one for one in sorted(found, key=lambda one: one.until)}
    warning = SanctionKind.WARNING
    rest = sorted(found, key=lambda one: (one.kind is warning, -one.revision))
    first = [one for one in longest.values() if one.kind is not warning]
    return list(dict.fromkeys(one.case for one in (*first, *rest)))[:MOST_CASES]


def read_locked(connection: Connection, conversations: Collection[str], now: int) -> set[str]:
    """Tell which of these conversations are locked."""
    found = indexes.find_locking(connection, conversations, now)
    cases = targets.find_cases(connection, found)
    sanctions = [one for case in cases.values() for one in case.sanctions]
    return {one for one in conversations if is_locked(one, sanctions, now)}


def read_removed(
    connection: Connection, things: Collection[str], now: int
) -> dict[str, frozenset[str]]:
    """Name those whose words in each of these messages and statements are removed."""
    found = indexes.find_removing(connection, things, now)
    cases = targets.find_cases(connection, found)
    sanctions = [one for case in cases.values() for one in case.sanctions]
    return {one: removed_authors(one, sanctions, now) for one in things}
