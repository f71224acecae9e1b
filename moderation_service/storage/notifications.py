"""What was told at which revision, and to whom."""

from collections.abc import Sequence

from sqlalchemy import Connection

from moderation_service.domain.notifications import NewsKind
from moderation_service.operations.history import ChangedKind, Note, StoredNote
from moderation_service.storage import statements
from moderation_service.storage.tables import news
from service_kit.storage.engines import bulk_insert, fetch


def insert_notes(connection: Connection, told: Sequence[Note], revision: int) -> None:
    """Store what is told at a revision, in its order."""
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
        )
        for ordinal, one in enumerate(told)
    ]
    bulk_insert(connection, news, tuple(news.c.keys()), rows)


def changed_notes(
    connection: Connection, user: str, after: int, until: int, count: int
) -> list[StoredNote]:
    """The first `count` notes of a user, or without one of all, with after < revision <= until."""
    given = {"user": user, "after": after, "until": until, "count": count}
    rows = [
        row
        for name in (("first", "second") if user else ("everything",))
        for row in fetch(connection, statements.NEWS[name], given)
    ]
    rows.sort(key=lambda row: (row.revision, row.ordinal))
    return [
        StoredNote(
            row.revision,
            Note(
                tuple(one for one in (row.first_id, row.second_id) if one is not None),
                _KINDS[row.kind],
                row.target_id,
                row.seq,
                row.about_id,
            ),
        )
        for row in rows[:count]
    ]


_KINDS: dict[str, NewsKind | ChangedKind] = {
    **{one.value: one for one in NewsKind},
    **{one.value: one for one in ChangedKind},
}
