"""ListChanges and ListChangedUsers of every service: what happened between two positions."""

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from sqlalchemy import Connection

from service_kit.pages import NEWEST, bounded_size, decode_token, encode_token
from service_kit.rules import Position, Refusal, check_user, invalid
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
    asked = ask_for_page(after, until, page_size, page_token, most)
    if isinstance(asked, Refusal):
        return asked
    return make_page(asked, read_position(connection), read)


class AskedPage(NamedTuple):
    """A page that is asked for: of about `size` changes with start < revision <= until.revision,
    of a time that begins with `after`.
    """

    after: Position
    until: Position
    start: int
    size: int


def ask_for_page(
    after: Position, until: Position, page_size: int, page_token: str, most: int
) -> AskedPage | Refusal:
    """Check what a caller says of a page, and find where it begins."""
    count = bounded_size(page_size, most)
    if isinstance(count, Refusal):
        return count
    if negative := _negative(after, until):
        return negative
    start = after.revision
    if page_token:
        place = decode_token(page_token, 1)
        if isinstance(place, Refusal):
            return place
        start, _ = place
        if not after.revision <= start <= until.revision:
            return invalid("page_token", "belongs to another request")
    return AskedPage(after, until, start, count)


def make_page(
    asked: AskedPage, now: Position, read: Read[EventType]
) -> ChangePage[EventType] | Refusal:
    """As `list_changes`, where the transaction sees this position."""
    until = asked.until
    can_tell = _can_tell(now, asked.after, until)
    if isinstance(can_tell, Refusal):
        return can_tell
    if not can_tell:
        return INCOMPLETE
    entries, end = _page(read, asked.start, until.revision, asked.size)
    changes: list[RevisionEvents[EventType]] = []
    for revision, event in entries:
        if not changes or changes[-1].revision != revision:
            changes.append(RevisionEvents(revision, []))
        changes[-1].events.append(event)
    token = page_token_after(end) if end < until.revision else ""
    return ChangePage(complete=True, changes=changes, next_page_token=token)


INCOMPLETE: ChangePage[Any] = ChangePage(complete=False, changes=[], next_page_token="")
"""The page of what can not be told."""


class ChangedUsers(NamedTuple):
    """Those of many users for whom there may be changes; `complete` as of a page of changes."""

    complete: bool
    users: AbstractSet[str]


def list_changed_users(
    connection: Connection,
    users: Iterable[str],
    after: Position,
    until: Position,
    find: Callable[[AbstractSet[str], int, int], Iterable[str]],
) -> ChangedUsers | Refusal:
    """Give those of `users` whom `find(users, after, until)` finds, which may find others too.

    What cannot be the name of a user has no changes.
    """
    can_tell = _negative(after, until) or _can_tell(read_position(connection), after, until)
    if isinstance(can_tell, Refusal):
        return can_tell
    wanted = {user for user in users if check_user("users", user) is None}
    if not can_tell or not wanted or after == until:
        return ChangedUsers(can_tell, frozenset())
    return ChangedUsers(
        complete=True, users=wanted & set(find(wanted, after.revision, until.revision))
    )


def _negative(after: Position, until: Position) -> Refusal | None:
    for field, position in (("after", after), ("until", until)):
        if position.revision < 0:
            return invalid(field, "is negative")
    return None


def _can_tell(now: Position, after: Position, until: Position) -> bool | Refusal:
    """Tell whether what lies between two positions can be told. Refuses what makes no sense."""
    if {after.epoch, until.epoch} != {now.epoch} or after.revision > now.revision:
        return False
    if not after.revision <= until.revision <= now.revision:
        return invalid("until", "lies before `after`, or was not reached yet")
    return True


def page_token_after(revision: int) -> str:
    """Make the token of the page that begins after a revision."""
    return encode_token(revision)


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


class Placed(Protocol):
    """An entry of an ordered list."""

    @property
    def revision(self) -> int: ...
    @property
    def seq(self) -> int: ...
    @property
    def order(self) -> tuple[int, str, int, int]: ...


PlacedType = TypeVar("PlacedType", bound=Placed)

ReadList = Callable[[tuple[int, int], int], list[PlacedType]]
"""Reads the first entries, so many at most, of a list past a place (revision, seq)."""


def read_first(
    lists: Sequence[ReadList[PlacedType]],
    place: tuple[int, int],
    count: int | None,
    begun: Sequence[list[PlacedType]] = (),
) -> list[PlacedType]:
    """Read the first `count` entries of many ordered lists, or all, past a place; in any order.
    `begun` are the first `read_at_once` entries of each, if they have been read.

    Each list is read a little way at first, and on only where what was not read yet may belong to
    them: so about twice as much is read as is given, and an entry of each list, however much is
    left in them.
    """
    most = read_at_once(lists, count)
    found: list[PlacedType] = []
    to_read = dict.fromkeys(range(len(lists)), place)
    last: dict[int, PlacedType] = {}
    while to_read:
        for index, beyond in to_read.items():
            entries = begun[index] if begun else lists[index](beyond, most)
            found += entries
            last.pop(index, None)
            if len(entries) == most:
                last[index] = entries[-1]
        end = None
        if count is not None and len(found) >= count:
            found = sorted(found, key=lambda one: one.order)[:count]
            end = found[-1].order
        to_read = {
            index: (one.revision, one.seq)
            for index, one in last.items()
            if end is None or one.order < end
        }
        most, begun = min(2 * most, NEWEST), ()
    return found


def read_at_once(lists: Sequence[Any], count: int | None) -> int:
    """Give the number of entries of each list that are read at first, where `count` are wanted."""
    return NEWEST if count is None else count // max(1, len(lists)) + 1
