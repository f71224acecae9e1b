"""Texts of deals that moderation holds removed, by the event that they belong to."""

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, select

from negotiation_service.storage.tables import removed_texts
from service_kit.storage.bulk_statements import bulk_insert

_COLUMNS = tuple(column.name for column in removed_texts.columns)


class Place(NamedTuple):
    """The words that an author said with the event `number` of a service."""

    service: str
    number: int
    author: str


_BY_OTHERS = select(
    removed_texts.c.service_id, removed_texts.c.number, removed_texts.c.author_id
).where(removed_texts.c.epoch != bindparam("the_epoch"))
_LET_GO = delete(removed_texts).where(
    removed_texts.c.service_id == bindparam("the_service"),
    removed_texts.c.number == bindparam("the_number"),
    removed_texts.c.author_id == bindparam("the_author"),
)


def update_removed(connection: Connection, held: Mapping[Place, bool], epoch: str) -> None:
    """Store for each place whether moderation, in that epoch, holds it removed."""
    if not held:
        return
    names = ("the_service", "the_number", "the_author")
    connection.execute(_LET_GO, [dict(zip(names, place, strict=True)) for place in held])
    rows = [(*place, epoch) for place, is_held in held.items() if is_held]
    bulk_insert(connection, removed_texts, _COLUMNS, rows)


def find_removed_by_others(connection: Connection, epoch: str) -> list[Place]:
    """Find what another epoch of moderation has removed."""
    return [Place(*row) for row in connection.execute(_BY_OTHERS, {"the_epoch": epoch})]
