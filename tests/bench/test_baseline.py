"""The version that one writes by hand does what it claims, or beating it would mean nothing."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from bench.baseline import Store


@pytest.fixture
async def store(empty_database: str) -> AsyncIterator[Store]:
    made = Store(empty_database.replace("sqlite:", "sqlite+aiosqlite:"))
    await made.open()
    yield made
    await made.close()


def message(to: str, key: str) -> dict[str, str]:
    return {"to": to, "text": "Hello", "idempotency_key": key}


async def test_messages_of_a_pair_are_numbered(store: Store) -> None:
    """Both write into one conversation, also when both open it at the same time."""
    stored = await asyncio.gather(
        *(store.store("alice", message("bob", f"{number}")) for number in range(10)),
        *(store.store("bob", message("alice", f"{number}")) for number in range(10)),
    )
    assert len({one["conversation"] for one, _ in stored}) == 1
    assert sorted(one["seq"] for one, _ in stored) == [*range(1, 21)]


async def test_a_key_stores_once(store: Store) -> None:
    """The second time it is the message of before."""
    first, known = await store.store("alice", message("bob", "key"))
    again, known_again = await store.store("alice", message("bob", "key"))
    assert (known, known_again) == (False, True)
    assert again == first


async def test_a_repeat_spends_no_number(store: Store) -> None:
    """What a refused insert had counted is rolled back with it."""
    await store.store("alice", message("bob", "key"))
    await store.store("alice", message("bob", "key"))
    third, _ = await store.store("alice", message("bob", "other"))
    assert third["seq"] == 2
