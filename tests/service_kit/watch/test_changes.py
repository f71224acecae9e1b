"""Pages of what was missed between two positions."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, MetaData, insert

from service_kit.pages import NEWEST
from service_kit.rules import Position, Refusal
from service_kit.storage.clock import add_clock
from service_kit.storage.engines import open_engine
from service_kit.watch.changes import (
    ChangedUsers,
    ChangePage,
    ReadList,
    RevisionEvents,
    list_changed_users,
    list_changes,
    read_first,
)

NOW = 10


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    metadata = MetaData()
    clock = add_clock(metadata)
    path = tmp_path_factory.mktemp("pages") / "clock.sqlite3"
    engine = open_engine(f"sqlite:///{path}", "writer")
    with engine.begin() as made:
        metadata.create_all(made)
        made.execute(insert(clock).values(epoch="e", revision=NOW))
        yield made
    engine.dispose()


@given(st.lists(st.integers(1, NOW), max_size=30).map(sorted), st.integers(1, 12))
def test_pages_of_changes_are_all_there_is(
    connection: Connection, revisions: list[int], size: int
) -> None:
    """In order, nothing twice, no revision on two pages, and none larger than it has to be."""
    entries = [(revision, number) for number, revision in enumerate(revisions)]

    def read(after: int, until: int, count: int | None) -> list[tuple[int, int]]:
        return [one for one in entries if after < one[0] <= until][:count]

    after, until, token = Position("e", 2), Position("e", NOW - 1), ""
    found: list[RevisionEvents[int]] = []
    for _ in range(len(entries) + 1):
        page = list_changes(connection, after, until, size, token, 100, read)
        assert isinstance(page, ChangePage)
        assert page.complete
        assert sum(len(one.events) for one in page.changes) <= size or len(page.changes) == 1
        found += page.changes
        if not (token := page.next_page_token):
            break
    assert not token
    told = [(change.revision, event) for change in found for event in change.events]
    assert told == [one for one in entries if 2 < one[0] < NOW]
    assert len({change.revision for change in found}) == len(found)


@pytest.mark.parametrize(
    ("after", "until"),
    [
        (Position("f", 1), Position("f", 2)),
        (Position("e", 1), Position("f", 2)),
        (Position("e", NOW + 1), Position("e", NOW + 2)),
    ],
)
def test_what_can_not_be_told_is_not_complete(
    connection: Connection, after: Position, until: Position
) -> None:
    """Another epoch, and a position that was not reached: whoever asks has to start over."""
    page = list_changes(connection, after, until, 0, "", 100, lambda *_: [(1, "never read")])
    assert page == ChangePage(complete=False, changes=[], next_page_token="")
    changed = list_changed_users(connection, ["u"], after, until, lambda *_: ["never read"])
    assert changed == ChangedUsers(complete=False, users=frozenset())


def test_changed_users_are_some_of_those_who_were_asked_about(connection: Connection) -> None:
    """What is found beyond them is not told, and what cannot be a name is not looked for."""
    looked_for: list[object] = []

    def find(users: object, after: int, until: int) -> list[str]:
        looked_for.append((users, after, until))
        return ["ann", "somebody else"]

    names = ["ann", "bob", "\0", "", "x" * 999]
    after, until = Position("e", 2), Position("e", 5)
    found = list_changed_users(connection, names, after, until, find)
    assert found == ChangedUsers(complete=True, users={"ann"})
    assert looked_for == [({"ann", "bob"}, 2, 5)]
    assert list_changed_users(connection, names, until, until, find) == ChangedUsers(
        complete=True, users=frozenset()
    )
    refused = list_changed_users(connection, names, until, after, find)
    assert isinstance(refused, Refusal)
    assert refused.field == "until"


class Entry(NamedTuple):
    """An entry of one of many lists."""

    revision: int
    name: str
    seq: int

    @property
    def order(self) -> tuple[int, str, int, int]:
        return *self, 0


@given(
    st.lists(st.sets(st.tuples(st.integers(1, 60), st.integers(1, 3))), max_size=9),
    st.integers(1, 40),
    st.integers(0, 60),
)
def test_many_lists_are_read_as_far_as_is_needed(
    lists: list[set[tuple[int, int]]], count: int, start: int
) -> None:
    """The first entries of all of them; no entry twice, and little more than was asked for."""
    asked: list[Entry] = []

    def reader(name: str, places: set[tuple[int, int]]) -> ReadList[Entry]:
        def read(place: tuple[int, int], most: int) -> list[Entry]:
            found = [Entry(revision, name, seq) for revision, seq in sorted(places)]
            past = [one for one in found if (one.revision, one.seq) > place][:most]
            asked.extend(past)
            return past

        return read

    readers = [reader(str(number), places) for number, places in enumerate(lists)]
    everything = sorted(
        Entry(revision, str(number), seq)
        for number, places in enumerate(lists)
        for revision, seq in places
        if revision > start
    )
    found = read_first(readers, (start, NEWEST), count)
    assert sorted(found) == everything[:count]
    assert len(asked) == len(set(asked))
    assert len(asked) <= 3 * count + 2 * len(lists)
    assert sorted(read_first(readers, (start, NEWEST), None)) == everything
