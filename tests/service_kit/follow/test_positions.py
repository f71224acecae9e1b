"""Positions of followed services move only forward, and only from a beginning."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, MetaData

from service_kit.follow.positions import add_positions, advance, read_followed
from service_kit.rules import Position
from service_kit.storage.writer import StorageUnavailable, Transaction
from tests.support.serving import opened


@pytest.fixture
def transaction(empty_database: str) -> Iterator[Transaction]:
    """A transaction on a database that has the table."""
    metadata = MetaData()
    add_positions(metadata)
    with opened(empty_database) as engine, engine.begin() as connection:
        metadata.create_all(connection)
        yield Transaction(connection, 1, 0)


def stored(transaction: Transaction, source: str = "one") -> Position | None:
    connection: Connection = transaction.connection
    return read_followed(connection, source)


def test_what_was_never_followed_has_no_position(transaction: Transaction) -> None:
    """And can not be gone on with from the middle, for nobody knows what came before."""
    assert stored(transaction) is None
    with pytest.raises(StorageUnavailable, match="beginning"):
        advance(transaction, "one", Position("e", 3))
    assert not transaction.changed


def test_a_position_moves_forward_only(transaction: Transaction) -> None:
    """A repeat and an earlier one say False and write nothing."""
    assert advance(transaction, "one", Position("e", 0))
    assert advance(transaction, "one", Position("e", 3))
    transaction.changed = False
    for revision in (3, 2, 0):
        assert not advance(transaction, "one", Position("e", revision))
    assert not transaction.changed
    assert stored(transaction) == Position("e", 3)


def test_another_epoch_is_begun_at_its_beginning(transaction: Transaction) -> None:
    """Not from the middle, and then the earlier epoch does not come back."""
    for position in (Position("e", 0), Position("e", 3)):
        advance(transaction, "one", position)
    with pytest.raises(StorageUnavailable, match="beginning"):
        advance(transaction, "one", Position("f", 4))
    assert advance(transaction, "one", Position("f", 0))
    assert transaction.changed
    with pytest.raises(StorageUnavailable, match="beginning"):
        advance(transaction, "one", Position("e", 4))
    assert stored(transaction) == Position("f", 0)


def test_each_source_has_a_position_of_its_own(transaction: Transaction) -> None:
    advance(transaction, "one", Position("e", 0))
    advance(transaction, "other", Position("f", 0))
    advance(transaction, "other", Position("f", 9))
    assert stored(transaction) == Position("e", 0)
    assert stored(transaction, "other") == Position("f", 9)
