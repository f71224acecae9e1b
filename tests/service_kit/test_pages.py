"""Pages and their tokens, and the pages of what was missed."""

from base64 import urlsafe_b64encode
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, MetaData, insert

from service_kit.pages import NEWEST, bounded_size, decode_token, encode_token
from service_kit.rules import Position, Refusal
from service_kit.storage.clock import add_clock
from service_kit.storage.engines import open_engine
from service_kit.watch.changes import Change, ChangePage, list_changes

NOW = 10


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """A database whose clock stands at 10."""
    metadata = MetaData()
    clock = add_clock(metadata)
    path = tmp_path_factory.mktemp("pages") / "clock.sqlite3"
    engine = open_engine(f"sqlite:///{path}", "writer")
    with engine.begin() as made:
        metadata.create_all(made)
        made.execute(insert(clock).values(epoch="e", revision=NOW))
        yield made
    engine.dispose()


def test_a_size_is_bounded() -> None:
    """0 is what the service likes, too much is less, and a negative one is a mistake."""
    assert (bounded_size(0, 200), bounded_size(7, 200), bounded_size(201, 200)) == (50, 7, 200)
    assert bounded_size(0, 20) == 20
    assert isinstance(bounded_size(-1, 200), Refusal)


@given(st.integers(0, NEWEST), st.lists(st.text("abc-", max_size=5), max_size=2))
def test_a_token_comes_back_as_it_was(number: int, rest: list[str]) -> None:
    """A place is a number and what else tells it from others."""
    assert decode_token(encode_token(number, *rest), 1 + len(rest)) == (number, rest)


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "\N{CAT FACE}",
        "====",
        encode_token(1, "x"),
        encode_token(NEWEST + 1),
        encode_token(-1),
        # More digits than Python reads at all.
        urlsafe_b64encode(b"9" * 5_000).decode(),
    ],
)
def test_a_token_that_nobody_gave_out_is_refused(token: str) -> None:
    """Other bytes, other parts, and numbers that no database holds."""
    refusal = decode_token(token, 1)
    assert isinstance(refusal, Refusal)
    assert refusal.field == "page_token"


def test_a_token_with_what_no_database_holds_is_refused() -> None:
    """PostgreSQL knows no NUL in a text."""
    assert isinstance(decode_token(encode_token(1, "a\0b"), 2), Refusal)


@given(st.lists(st.integers(1, NOW), max_size=30).map(sorted), st.integers(1, 12))
def test_pages_of_changes_are_all_there_is(
    connection: Connection, revisions: list[int], size: int
) -> None:
    """In order, nothing twice, no revision on two pages, and none larger than it has to be."""
    entries = [(revision, number) for number, revision in enumerate(revisions)]

    def read(after: int, until: int, count: int | None) -> list[tuple[int, int]]:
        return [one for one in entries if after < one[0] <= until][:count]

    after, until, token = Position("e", 2), Position("e", NOW - 1), ""
    found: list[Change[int]] = []
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
