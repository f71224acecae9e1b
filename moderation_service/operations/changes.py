"""ListChanges and ListChangedUsers: what was missed between two revisions, and by whom."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection

from moderation_service.domain.case.events import evolve
from moderation_service.domain.dispute.events import evolve_dispute
from moderation_service.domain.dispute.removals import with_removals_of
from moderation_service.domain.notifications import PRESENT, Notification, NotificationKind
from moderation_service.domain.shared.limits import Limits
from moderation_service.operations import restrictions
from moderation_service.operations.notifications import (
    Content,
    ConversationLockChanged,
    Past,
    StandingChanged,
    State,
    describe_case,
    describe_dispute,
    removal_changed,
)
from moderation_service.operations.paging import Page
from moderation_service.operations.restrictions import PlacedStanding
from moderation_service.operations.sessions import read_revocations
from moderation_service.storage import notifications, targets
from moderation_service.storage.statements import CHANGED_USERS
from service_kit.pages import NEWEST
from service_kit.rules import Position, Refusal, check_user, invalid
from service_kit.storage.changed_users import find_changed_users
from service_kit.storage.clock import read_position
from service_kit.storage.horizon import is_beyond_horizon
from service_kit.watch import changes
from service_kit.watch.changes import INCOMPLETE, ChangedUsers, ChangePage

Addressed = tuple[tuple[str, ...], Content]
"""The recipients of a notification, and what it says."""


def list_changes(
    connection: Connection,
    user: str,
    after: Position,
    until: Position,
    page: Page,
    now: int,
    limits: Limits,
    *,
    everything: bool,
) -> ChangePage[Addressed] | Refusal:
    """The notifications that `user` missed, or all without one: after < revision <= until.

    A service can always be told: of what is long ago it learns the last word alone.
    """
    if user and (refusal := check_user("user", user)):
        return refusal
    if everything and user:
        return invalid("everything", "is not what a user is told")
    if user and is_beyond_horizon(connection, after):
        return INCOMPLETE
    read = partial(_changes, connection, user, now, limits)
    return changes.list_changes(connection, after, until, page.size, page.token, page.most, read)


def list_changed_users(
    connection: Connection, users: Iterable[str], after: Position, until: Position
) -> ChangedUsers | Refusal:
    """Those of `users` for whom `list_changes` may have something."""
    if is_beyond_horizon(connection, after):
        return ChangedUsers(complete=False, users=frozenset())
    find = partial(find_changed_users, connection, CHANGED_USERS)
    return changes.list_changed_users(connection, users, after, until, find)


def _changes(
    connection: Connection,
    user: str,
    now: int,
    limits: Limits,
    start: int,
    until: int,
    count: int | None,
) -> list[tuple[int, Addressed]]:
    most = NEWEST if count is None else count
    found = notifications.find_notifications(connection, user, start, until, most)
    present = _Present(connection, [one for _, one in found if one.kind in PRESENT], now, limits)
    histories = targets.find_histories(
        connection, {one.target for _, one in found if one.kind not in PRESENT}
    )
    happened = {
        target: [(one.revision, one.event) for one in history]
        for target, history in histories.items()
    }
    told: list[tuple[int, Addressed]] = []
    cases, disputes = _Pasts(evolve, happened), _Pasts(evolve_dispute, happened)
    for revision, one in found:
        content: Content | None
        if one.kind in PRESENT:
            content = present.describe(one)
        elif one.kind is NotificationKind.DISPUTE_CHANGED:
            past = disputes[one.target]
            dispute, at = past.at(revision)
            shown = with_removals_of(dispute, past.latest)
            content = describe_dispute(one, shown, at, limits)
        else:
            content = describe_case(one, *cases[one.target].at(revision), limits)
        if content is not None:
            told.append((revision, ((user,) if user else one.recipients, content)))
    return told


class _Pasts(dict[str, Past[State]]):
    """The pasts of cases, or of disputes, as far as they are asked for."""

    def __init__(
        self, evolve: Callable[[State | None, Any], State], happened: Mapping[str, list[Any]]
    ) -> None:
        self._evolve = evolve
        self._happened = happened

    def __missing__(self, target: str) -> Past[State]:
        past = self[target] = Past(self._evolve, self._happened[target])
        return past


class _Present:
    """The present standings, locks and removals that notifications are about."""

    def __init__(
        self, connection: Connection, found: Sequence[Notification], now: int, limits: Limits
    ) -> None:
        def of(kind: NotificationKind) -> list[Notification]:
            return [one for one in found if one.kind is kind]

        users = {one.recipients[0] for one in of(NotificationKind.STANDING_CHANGED)}
        self._standings = restrictions.read_standings(connection, users, now, limits)
        self._revoked = read_revocations(connection, users, now)
        locks = {one.about for one in of(NotificationKind.CONVERSATION_LOCK_CHANGED)}
        self._locked = restrictions.read_locked(connection, locks, now)
        removals = of(NotificationKind.MESSAGE_REMOVAL_CHANGED)
        self._removed = restrictions.read_removed(connection, {one.about for one in removals}, now)
        self._cases = targets.find_cases(connection, {one.target for one in removals})
        self._position = read_position(connection)

    def describe(self, one: Notification) -> Content:
        """Say how it is now."""
        match one.kind:
            case NotificationKind.STANDING_CHANGED:
                user = one.recipients[0]
                placed = PlacedStanding(self._standings[user], self._position, self._revoked[user])
                return StandingChanged(placed)
            case NotificationKind.CONVERSATION_LOCK_CHANGED:
                return ConversationLockChanged(one.about, one.about in self._locked)
        case = self._cases.get(one.target)
        return removal_changed(case, one.about, self._removed[one.about])
