"""The versions that one writes by hand do what they claim, or beating them would mean nothing."""

import asyncio
from typing import Any

import msgspec
import pytest
from picows import WSInvalidStatusError

from bench.driver import Crowd, Person
from bench.systems.system import System
from tests.bench.conftest import ON_SYSTEMS_BY_HAND, Run
from tests.support.waiting import PATIENCE


class Writer(Person):
    """Writes with keys of the test's own, and keeps what it is answered and told."""

    def __init__(self, user: str) -> None:
        super().__init__(user)
        self._told: asyncio.Queue[str] = asyncio.Queue()
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}

    async def store(self, to: str, key: str) -> dict[str, Any]:
        packet: dict[str, object] = {"to": to, "text": f"{self.user} {key}", "idempotency_key": key}
        answer = asyncio.get_running_loop().create_future()
        self._answers[self.question(0x07, packet)] = answer
        async with asyncio.timeout(PATIENCE):
            return dict(await answer)

    def on_answer(self, re: int, d: msgspec.Raw) -> None:
        self._answers.pop(re).set_result(msgspec.json.decode(d))

    def on_alert(self, sender: str, text: str, cursor: str | None) -> None:  # noqa: ARG002
        self._told.put_nowait(text)

    async def told(self, count: int) -> list[str]:
        """The next alerts; and no more than so many may be there."""
        async with asyncio.timeout(PATIENCE):
            found = [await self._told.get() for _ in range(count)]
        assert self._told.empty()
        return found


@ON_SYSTEMS_BY_HAND
def test_messages_of_a_pair_are_numbered(system: System, bench_runner: Run) -> None:
    """Both write into one conversation, also when both open it at the same time; and are told."""

    async def write() -> None:
        ann, bob = Writer("ann"), Writer("bob")
        async with Crowd(system) as crowd:
            await crowd.join([ann, bob])
            stored = await asyncio.gather(
                *(ann.store("bob", f"{number}") for number in range(10)),
                *(bob.store("ann", f"{number}") for number in range(10)),
            )
            assert len({one["conversation"] for one in stored}) == 1
            assert sorted(one["seq"] for one in stored) == [*range(1, 21)]
            assert sorted(await ann.told(10)) == sorted(f"bob {number}" for number in range(10))
            assert sorted(await bob.told(10)) == sorted(f"ann {number}" for number in range(10))

    bench_runner(write())


@ON_SYSTEMS_BY_HAND
def test_a_key_stores_once_and_spends_no_number(system: System, bench_runner: Run) -> None:
    """A repeat gives the message of before, tells nobody, and what it had counted is undone."""

    async def write() -> None:
        carl, dora = Writer("carl"), Writer("dora")
        async with Crowd(system) as crowd:
            await crowd.join([carl, dora])
            first = await carl.store("dora", "key")
            again = await carl.store("dora", "key")
            assert (first["duplicate"], again["duplicate"]) == (False, True)
            assert again | {"duplicate": False} == first
            other = await carl.store("dora", "other")
            assert other["seq"] == 2
            assert await dora.told(2) == ["carl key", "carl other"]

    bench_runner(write())


@ON_SYSTEMS_BY_HAND
def test_who_has_no_good_token_is_refused(system: System, bench_runner: Run) -> None:
    """A token is read, and its signature is checked."""

    async def connect() -> None:
        other = system._replace(key="another key, of as many letters as it takes")
        async with Crowd(other) as crowd:
            await crowd.connect(Person("eve"))

    with pytest.raises(WSInvalidStatusError):
        bench_runner(connect())
