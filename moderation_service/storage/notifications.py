"""Notifications as they are stored, by revision."""

from collections.abc import Sequence

from sqlalchemy import Connection, delete

from moderation_service.domain.notifications import PRESENT, Notification, NotificationKind
from moderation_service.storage import statements
from moderation_service.storage.statements import SUPERSEDE, SUPERSEDE_OF_USER
from moderation_service.storage.tables import notifications
from service_kit.storage.bulk_statements import bulk_insert, fetch


def insert_notifications(
    connection: Connection,
    told: Sequence[Notification],
    revision: int,
    now: int,
    first_ordinal: int = 0,
) -> None:
    """Store notifications of a revision, in their order, `now` (milliseconds UTC).

    The last word of a case about what services hold takes the place of the one before.
    """
    for one in told:
        if not _is_last_word(one):
            continue
        given = {"what": one.kind, "about": one.about, "now": now}
        if one.recipients:
            connection.execute(SUPERSEDE_OF_USER, given | {"user": one.recipients[0]})
        else:
            connection.execute(SUPERSEDE, given)
    rows = [
        (
            revision,
            ordinal,
            one.recipients[0] if one.recipients else None,
            one.recipients[1] if len(one.recipients) > 1 else None,
            one.kind,
            one.target,
            one.seq,
            one.about,
            None if _is_last_word(one) else now,
        )
        for ordinal, one in enumerate(told, first_ordinal)
    ]
    bulk_insert(connection, notifications, tuple(notifications.c.keys()), rows)


def _is_last_word(told: Notification) -> bool:
    """Tell whether services need it until something newer is said, unlike what is of sessions."""
    return told.kind in PRESENT and told.target != ""


def delete_without_target(connection: Connection, user: str) -> int:
    """Delete those of a user that are about no case or dispute; gives how many there were."""
    return connection.execute(
        delete(notifications).where(
            notifications.c.first_id == user, notifications.c.target_id == ""
        )
    ).rowcount


def find_notifications(
    connection: Connection, user: str, after: int, until: int, count: int
) -> list[tuple[int, Notification]]:
    """The first `count` of a user, or without one of all, with after < revision <= until."""
    given = {"user": user, "after": after, "until": until, "count": count}
    rows = [
        row
        for name in (("first", "second") if user else ("everything",))
        for row in fetch(connection, statements.NOTIFICATIONS[name], given)
    ]
    rows.sort(key=lambda row: (row.revision, row.ordinal))
    return [
        (
            row.revision,
            Notification(
                tuple(one for one in (row.first_id, row.second_id) if one is not None),
                NotificationKind(row.kind),
                row.target_id,
                row.seq,
                row.about_id,
            ),
        )
        for row in rows[:count]
    ]
