"""The table of leases: one statement takes what is free and renews what is held."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, MetaData, text

from service_kit.leases.table import add_leases, let_go, stands, take_leases
from tests.support.serving import opened


@pytest.fixture
def connection(database_on_postgresql: str) -> Iterator[Connection]:
    """Of those who lease, to a database with leases and nothing else."""
    metadata = MetaData()
    add_leases(metadata)
    with opened(database_on_postgresql, "migrator") as engine:
        metadata.create_all(engine)
    with opened(database_on_postgresql, "leases") as engine, engine.connect() as made:
        yield made


def row(connection: Connection, name: str) -> object:
    """Where the row of a lease lies and who locked it last, which any touch changes."""
    return connection.execute(
        text("SELECT ctid, xmax FROM leases WHERE name = :name"), {"name": name}
    ).one()


def test_what_is_free_is_taken_and_what_is_held_is_renewed(connection: Connection) -> None:
    """One statement does both, and gives nothing that stands for another."""
    assert take_leases(connection, {"one", "two"}, "first", 60) == {"one", "two"}
    before = row(connection, "one")
    assert take_leases(connection, {"one", "three"}, "first", 60) == {"one", "three"}
    assert row(connection, "one") != before
    assert take_leases(connection, {"two", "four"}, "second", 60) == {"four"}
    let_go(connection, ["two"], "first")
    assert take_leases(connection, {"two", "four"}, "second", 60) == {"two", "four"}
    assert take_leases(connection, set(), "second", 60) == set()


def test_what_stands_for_another_is_not_touched(connection: Connection) -> None:
    """A replica that asks in vain, again and again, neither writes nor locks the row."""
    take_leases(connection, {"one"}, "first", 60)
    before = row(connection, "one")
    assert take_leases(connection, {"one"}, "second", 60) == set()
    assert row(connection, "one") == before


def test_what_was_not_renewed_is_taken_by_another(connection: Connection) -> None:
    """Its end is on the clock of the database."""
    take_leases(connection, {"one"}, "first", 0)
    assert not stands(connection, "one")
    assert take_leases(connection, {"one"}, "second", 60) == {"one"}
    assert stands(connection, "one")
    assert take_leases(connection, {"one"}, "first", 60) == set()
