"""Throughput and pages of a messaging service with many messages, beside one with few.

What both begin with is written through the service; then its rows are copied within the database,
under other names, until there are as many as wanted. So the rows are those that the service writes,
and a million takes less than a minute instead of many.
"""

import asyncio
import random
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, MetaData, create_engine, text
from sqlalchemy.engine import make_url

from bench.driver import Crowd, Person, Status
from bench.measurements import load
from bench.measurements.load import cost_figures
from bench.report.figures import Figure, latencies
from bench.systems.parley import databases, parley
from bench.systems.system import Database, System
from tests.support.system import SERVICES

# At the beginning everybody has a conversation with the five who follow, and the five who precede.
_PEOPLE = 20
_FOLLOWING = 5
MESSAGES = 50
"""Messages of each conversation."""
FIRST_MESSAGES = _PEOPLE * _FOLLOWING * MESSAGES
"""Messages of the smaller one."""

_NAME = "grown"
_FILLED_WITHIN_SECONDS = 300
_READERS = 20
# An id of a copy is that of its original but for the last digits of its random part.
_COPY_DIGITS = 8
_ID_DIGITS = 36
_IDS = ("id", "conversation_id")
_USERS = ("first_id", "second_id", "opened_by", "sender_id")
_COPIED = ("conversations", "messages")

Run = Callable[[Coroutine[Any, Any, None]], None]


class _Author(Person):
    """Writes to all of the others at the same time, until each has had its messages."""

    def __init__(self, number: int) -> None:
        super().__init__(user_of(number))
        self._others = [user_of((number + step + 1) % _PEOPLE) for step in range(_FOLLOWING)]
        self._to = self._others * MESSAGES
        self._stored = 0
        self.done = asyncio.Event()

    def begin(self) -> None:
        for _ in self._others:
            self._write_next()

    def on_status(self, status: Status) -> None:
        if status.status == "stored":
            self._stored += 1
            self._write_next()

    def _write_next(self) -> None:
        if self._to:
            self.write(self._to.pop(), f"Message {len(self._to)}, as long as people's are")
        elif self._stored == len(self._others) * MESSAGES:
            self.done.set()


def user_of(number: int, copy: int = 0) -> str:
    """A name that keeps the order of the two of a pair in each copy."""
    return f"{_NAME}{number:03}" + (f"-{copy}" if copy else "")


async def _fill(system: System) -> None:
    async with Crowd(system) as crowd:
        authors = [_Author(number) for number in range(_PEOPLE)]
        await crowd.join(authors)
        for author in authors:
            author.begin()
        for author in authors:
            await crowd.wait(author.done.wait(), _FILLED_WITHIN_SECONDS)


def _copy_rows(connection: Connection, table: str, columns: list[str], copies: int) -> None:
    own = f"first_{table}"
    kept = f"CREATE TEMPORARY TABLE {own} AS SELECT * FROM {table}"  # noqa: S608 - names of ours
    connection.execute(text(kept))
    changed = {
        **{name: f"substr({name}, 1, {_ID_DIGITS - _COPY_DIGITS}) || :digits" for name in _IDS},
        **{name: f"{name} || :suffix" for name in _USERS},
    }
    # The names are those of the tables; what a person could have chosen is a parameter.
    values = ", ".join(changed.get(name, name) for name in columns)
    statement = text(f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {own}")  # noqa: S608
    for copy in range(1, copies + 1):
        connection.execute(statement, {"digits": f"{copy:0{_COPY_DIGITS}x}", "suffix": f"-{copy}"})


def multiply(address: str, copies: int) -> None:
    """Copy all conversations of a database that nobody serves, so many times, to other people."""
    engine = create_engine(make_url(address))
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            # Until it is there nothing is lost if it is lost; and all of it fits into memory.
            for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -1000000"):
                connection.execute(text(f"PRAGMA {pragma}"))
            connection.commit()
        tables = MetaData()
        tables.reflect(connection, only=_COPIED)
        for name in _COPIED:
            columns = [column.name for column in tables.tables[name].columns]
            _copy_rows(connection, name, columns, copies)
        connection.commit()
    # As it would be some minutes later, by itself.
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine.dialect.name == "sqlite":
            connection.execute(text("PRAGMA journal_mode = WAL"))
        else:
            connection.execute(text("VACUUM ANALYZE"))
            connection.execute(text("CHECKPOINT"))
    engine.dispose()


@contextmanager
def grown(running: Database, folder: Path, run: Run, copies: int) -> Iterator[System]:
    """Parley with `FIRST_MESSAGES`, and as many again in each of so many copies."""
    with databases(running, folder, SERVICES) as addresses:
        for name in ("first", "then"):
            (folder / name).mkdir()
        with parley(running, folder / "first", addresses=addresses) as system:
            run(_fill(system))
        multiply(addresses["messaging"], copies)
        with parley(running, folder / "then", addresses=addresses) as system:
            yield system


class _Page(msgspec.Struct):
    conversations: list[dict[str, Any]] = msgspec.field(default_factory=list)
    messages: list[dict[str, Any]] = msgspec.field(default_factory=list)


_decode = msgspec.json.Decoder(_Page).decode


class _Reader(Person):
    """Asks for pages, one at a time."""

    def __init__(self, user: str) -> None:
        super().__init__(user)
        self._answer: asyncio.Future[_Page]

    def on_answer(self, re: int, d: msgspec.Raw) -> None:  # noqa: ARG002 - there is one at a time
        self._answer.set_result(_decode(d))

    async def read(self, op: int, question: Mapping[str, object]) -> _Page:
        self._answer = asyncio.get_running_loop().create_future()
        self.question(op, dict(question))
        return await self._answer


class _Pages:
    """How long pages took, by what they were of."""

    def __init__(self) -> None:
        self.delays_ns: dict[str, list[int]] = {"conversations": [], "history": []}

    async def read(self, readers: list[_Reader], seconds: float) -> None:
        """Let them read by turns; RuntimeError for a page that lacks what is there."""
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            reader = random.choice(readers)
            page = await self._timed("conversations", reader.read(0x05, {}))
            shown = [one["conversation"] for one in page.conversations]
            if len(shown) != 2 * _FOLLOWING:
                raise RuntimeError(f"{reader.user} is shown {len(shown)} conversations")
            question = {"conversation": random.choice(shown), "limit": MESSAGES}
            page = await self._timed("history", reader.read(0x0A, question))
            if len(page.messages) != MESSAGES:
                raise RuntimeError(f"{reader.user} is shown {len(page.messages)} messages")

    async def _timed(self, of: str, reading: Coroutine[Any, Any, _Page]) -> _Page:
        start_ns = time.perf_counter_ns()
        page = await reading
        self.delays_ns[of].append(time.perf_counter_ns() - start_ns)
        return page


async def measure(
    system: System,
    name: str,
    *,
    copies: int,
    seconds: float,
    pairs: int,
    window: int,
    text: int,
) -> list[Figure]:
    """One round: pages of people of any copy, one at a time, and then a load of pairs of some
    copies, who have a conversation; with fewer copies than pairs of new people.
    """
    copied = [
        (number, copy)
        for number in range(_PEOPLE)
        for copy in random.sample(range(copies + 1), min(copies + 1, _READERS))
    ]
    readers = [_Reader(user_of(*one)) for one in random.sample(copied, _READERS)]
    pages = _Pages()
    async with Crowd(system) as crowd:
        await crowd.join(readers)
        await crowd.wait(pages.read(readers, load.WARM_UP_SECONDS))
        for delays_ns in pages.delays_ns.values():
            delays_ns.clear()
        before = system.used()
        await crowd.wait(pages.read(readers, seconds))
        count = sum(map(len, pages.delays_ns.values()))
        cost_of_pages = cost_figures(system, before, count, "a page")
    figures = [
        figure
        for of, delays_ns in pages.delays_ns.items()
        for figure in (
            Figure(f"pages of {of}, one at a time", "/s", len(delays_ns) / sum(delays_ns) * 1e9),
            *latencies(f"page of {of}", delays_ns),
        )
    ]
    of = random.sample(range(1, copies + 1), pairs) if copies >= pairs else []
    known = [(user_of(0, copy), user_of(1, copy)) for copy in of]
    options = {"pairs": pairs, "window": window, "text": text}
    written = await load.measure(system, name, seconds=seconds, known=known, **options)
    return [*figures, *cost_of_pages, *written]
