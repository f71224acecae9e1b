"""Lists of values as parameters, and many rows in one statement, on both databases."""

from collections.abc import Iterator

import pytest
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Engine,
    LargeBinary,
    MetaData,
    Table,
    delete,
    literal,
    null,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from service_kit.storage import engines
from service_kit.storage.bulk_statements import (
    Insertion,
    Lookup,
    Update,
    among_given,
    bulk_insert,
    bulk_update,
    bulk_write,
    change,
    fetch,
    give_rows,
    give_values,
    given_rows,
    look_up_all,
)
from tests.support.serving import opened

words = Table(
    "words",
    MetaData(),
    Column("word", engines.TEXT, primary_key=True),
    Column("number", BigInteger, nullable=False),
)
# What the two ways of writing a list down could take for their own signs.
AWKWARD = ("", "NULL", "{a,b}", '"', "\\", "a,b", "'", "%s", "?", ":x", "[1]", "\n", "\U0001f408")


@pytest.fixture
def engine(empty_database: str) -> Iterator[Engine]:
    """A database with a table of awkward words, each with its place among them."""
    with opened(empty_database) as made:
        with made.begin() as connection:
            words.create(connection)
            rows = [(word, number) for number, word in enumerate(AWKWARD)]
            bulk_insert(connection, words, ("word", "number"), rows)
        yield made


def test_lists_of_values_are_parameters(engine: Engine) -> None:
    """Each value of a list is found as it is, whatever signs are in it, and nothing besides."""
    statement = select(words.c.word).where(among_given(words.c.word, "wanted"))
    with engine.connect() as connection, connection.begin():
        for wanted in ([], ["\\"], ["absent", "NULL"], list(AWKWARD)):
            given = give_values("wanted", wanted)
            found = connection.execute(statement, given).scalars().all()
            assert set(found) == set(wanted) - {"absent"}
        numbers = select(words.c.number).where(among_given(words.c.number, "wanted"))
        wide = give_values("wanted", [1, -1, 2**63 - 1])
        assert connection.execute(numbers, wide).scalars().all() == [1]


def test_lists_of_rows_are_parameters(engine: Engine) -> None:
    given, match = given_rows("rows", (words.c.word, words.c.number))
    statement = select(words.c.word).select_from(given.join(words, match))
    rows = [(word, number) for number, word in enumerate(AWKWARD)]
    crossed = [(word, number + 1) for word, number in rows]
    with engine.connect() as connection, connection.begin():
        for wanted, expected in ((rows, set(AWKWARD)), (crossed, set()), (rows[3:4], {AWKWARD[3]})):
            found = connection.execute(statement, give_rows("rows", wanted))
            assert set(found.scalars()) == expected


def test_queries_that_are_asked_together_find_what_each_finds_alone(engine: Engine) -> None:
    """Every sign, the widest numbers, truth and nothing come as they are, each to its own query."""
    among = among_given(words.c.word, "wanted")
    rows, match = given_rows("rows", (words.c.word, words.c.number))
    large = literal(2**63 - 1, BigInteger)
    of_words = select(words.c.word, large, words.c.number > 0, null()).where(among)
    of_rows = select(words.c.number).select_from(rows.join(words, match))
    with engine.connect() as connection, connection.begin():
        found = look_up_all(
            connection,
            Lookup(of_words, give_values("wanted", AWKWARD), sorted),
            Lookup(of_words, None, list),
            Lookup(of_words, give_values("wanted", ["absent"]), list),
            Lookup(of_rows, give_rows("rows", [("", 0), ("a,b", 5)]), sorted),
        )
    assert found == [
        sorted((word, 2**63 - 1, number > 0, None) for number, word in enumerate(AWKWARD)),
        [],
        [],
        [(0,), (5,)],
    ]


def test_bulk_updates_change_each_row_to_its_own(engine: Engine) -> None:
    with engine.begin() as connection:
        rows = [(-number, word) for number, word in enumerate(AWKWARD)]
        bulk_update(connection, words, "word", ("number",), rows)
        found = connection.execute(select(words.c.word, words.c.number))
        assert {(-number, word) for word, number in found} == {
            (number, word) for number, word in enumerate(AWKWARD)
        }


@pytest.mark.parametrize("count", [1, 2])
def test_writes_to_several_tables_are_made_together(engine: Engine, count: int) -> None:
    """Each row of each table, and none by a write that has none."""
    more = words.to_metadata(MetaData(), name="more")
    rows = [(word, -number) for number, word in enumerate(AWKWARD[:count], 1)]
    with engine.begin() as connection:
        more.create(connection)
        bulk_write(
            connection,
            Insertion(more, ("word", "number"), rows),
            Update(words, "word", ("number",), [(number, word) for word, number in rows]),
            Insertion(more, ("word", "number"), []),
        )
        for table in (words, more):
            found = connection.execute(
                select(table.c.word, table.c.number).where(table.c.number < 0)
            )
            assert {(word, number) for word, number in found} == set(rows)


def test_each_type_of_value_comes_back_as_it_went(engine: Engine) -> None:
    """Bytes, truth, nothing, the widest numbers and every sign, inserted and updated, of a few rows
    and of many.
    """
    kinds = Table(
        "kinds",
        MetaData(),
        Column("key", BigInteger, primary_key=True, autoincrement=False),
        Column("octets", LargeBinary),
        Column("truth", Boolean),
        Column("word", engines.TEXT),
    )
    columns = tuple(kinds.c.keys())
    octets, truths = (bytes(range(256)), b"", b"\0", None), (True, False, None)
    words = (*AWKWARD, None, "\x7f\u2028", "x" * 100_000)
    keys = [-(2**63), 2**63 - 1, *range(300)]
    rows = [
        (key, octets[place % 4], truths[place % 3], words[place % len(words)])
        for place, key in enumerate(keys)
    ]
    turned = [(*row[1:], key) for key, row in zip(keys, reversed(rows), strict=True)]
    with engine.begin() as connection:
        kinds.create(connection)
        bulk_insert(connection, kinds, columns, rows[:1])
        bulk_insert(connection, kinds, columns, rows[1:])
        assert {tuple(row) for row in fetch(connection, select(kinds), {})} == set(rows)
        bulk_update(connection, kinds, "key", columns[1:], turned)
        found = {tuple(row) for row in fetch(connection, select(kinds), {})}
        assert found == {(key, *values) for *values, key in turned}


def test_of_several_updates_of_a_row_the_last_counts(engine: Engine) -> None:
    with engine.begin() as connection:
        rows = [(number, "NULL") for number in range(100, 200)]
        bulk_update(connection, words, "word", ("number",), rows)
        assert (199, "NULL") in [
            (row.number, row.word) for row in fetch(connection, select(words), {})
        ]


def test_changes_count_their_rows(engine: Engine) -> None:
    """A statement that deletes or changes rows, with a list of values and one that is fixed."""
    some = among_given(words.c.word, "wanted")
    with engine.connect() as connection, connection.begin():
        given = give_values("wanted", ["", '"', "absent"])
        assert change(connection, update(words).where(some).values(number=-1), given) == 2
        assert change(connection, delete(words).where(some, words.c.number == -1), given) == 2
        assert change(connection, delete(words).where(some), given) == 0
        assert len(fetch(connection, select(words.c.word), {})) == len(AWKWARD) - 2


def test_a_failure_does_not_tell_its_parameters(engine: Engine) -> None:
    """A statement that failed is told, and logged, without the values that it was given."""
    with engine.connect() as connection, connection.begin():
        with pytest.raises(IntegrityError) as caught:
            bulk_insert(connection, words, ("word", "number"), [("one", 1), ("one", 1)])
        assert "[SQL parameters hidden" in str(caught.value)
        assert engines.why_unavailable(caught.value) is None


def test_what_no_database_can_hold_equals_no_row(engine: Engine) -> None:
    """It is left out of the list, and what is beside it is found."""
    values = select(words.c.word).where(among_given(words.c.word, "wanted"))
    given, match = given_rows("rows", (words.c.word, words.c.number))
    rows = select(words.c.word).select_from(given.join(words, match))
    with engine.connect() as connection, connection.begin():
        for bad in ("\0", "NULL\0", "\ud800", "{a,b}\udfff"):
            wanted = give_values("wanted", [bad, "NULL"])
            assert connection.execute(values, wanted).scalars().all() == ["NULL"]
            wanted = give_rows("rows", [(bad, 1), ("NULL", 1)])
            assert connection.execute(rows, wanted).scalars().all() == ["NULL"]
            wanted = give_rows("rows", [(bad, 1)])
            assert connection.execute(rows, wanted).scalars().all() == []
