"""ListChanges of every service: pages of the events between two positions."""

from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from sqlalchemy import Connection

from service_kit.pages import bounded_size, decode_token, encode_token
from service_kit.rules import Position, Refusal, invalid
from service_kit.storage.clock import read_position

EventType = TypeVar("EventType")

Read = Callable[[int, int, int | None], Sequence[tuple[int, EventType]]]
"""Reads (revision, event) with after < revision <= until in order: the first `count`, or all."""


class RevisionEvents(NamedTuple, Generic[EventType]):
    """The events of one revision."""

    revision: int
    events: list[EventType]


class ChangePage(NamedTuple, Generic[EventType]):
    """A page of changes; `complete` is false when what lies between can not be told."""

    complete: bool
    changes: list[RevisionEvents[EventType]]
    next_page_token: str


def list_changes(
    connection: Connection,
    after: Position,
    until: Position,
    page_size: int,
    page_token: str,
    most: int,
    read: Read[EventType],
) -> ChangePage[EventType] | Refusal:
    """Give a page of what `read` finds with after < revision <= until; it ends between revisions.

    `page_size` is what the caller wishes, and `most` what it may be.
    """
    count = bounded_size(page_size, most)
    if isinstance(count, Refusal):
        return count
    for field, position in (("after", after), ("until", until)):
        if position.revision < 0:
            return invalid(field, "is negative")
    now = read_position(connection)
    if {after.epoch, until.epoch} != {now.epoch} or after.revision > now.revision:
        return ChangePage(complete=False, changes=[], next_page_token="")
    if not after.revision <= until.revision <= now.revision:
        return invalid("until", "lies before `after`, or was not reached yet")
    start = after.revision
    if page_token:
        place = decode_token(page_token, 1)
        if isinstance(place, Refusal):
            return place
        start, _ = place
        if not after.revision <= start <= until.revision:
            return invalid("page_token", "belongs to another request")
    entries, end = _page(read, start, until.revision, count)
    changes: list[RevisionEvents[EventType]] = []
    for revision, event in entries:
        if not changes or changes[-1].revision != revision:
            changes.append(RevisionEvents(revision, []))
        changes[-1].events.append(event)
    token = encode_token(end) if end < until.revision else ""
    return ChangePage(complete=True, changes=changes, next_page_token=token)


def _page(
    read: Read[EventType], start: int, until: int, count: int
) -> tuple[Sequence[tuple[int, EventType]], int]:
    """About `count` entries in order, and the revision up to which they are all there are."""
    entries = read(start, until, count + 1)
    if len(entries) <= count:
        return entries, until
    # The first entry too many tells where to end: before its revision, or, when this one revision
    # alone is larger than a page, after it.
    end = entries[count][0] - 1
    if entries[0][0] <= end:
        return [entry for entry in entries if entry[0] <= end], end
    return read(start, end + 1, None), end + 1
