"""The smallest service: named numbers that are added up, and that can follow another of its kind.

It has what a service has of its own (rules, tables, operations, queries, contract, translation) and
no line of what the kit gives.
"""

import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import grpc
from pydantic_settings import SettingsConfigDict
from sqlalchemy import BigInteger, Column, Connection, MetaData, Table, bindparam, select

from service_kit.authentication.callers import Caller
from service_kit.follow.follower import Follower, FollowerMetrics, read_source
from service_kit.follow.positions import add_positions, advance
from service_kit.follow.sanctions import add_restrictions
from service_kit.leases.table import add_leases
from service_kit.process.background import background
from service_kit.process.settings import ServiceSettings
from service_kit.resources import Resources
from service_kit.rpc.failures import Failures
from service_kit.rpc.servicer import WatchMixin, accepted, write_one
from service_kit.rules import Position, Refusal, check_user, invalid
from service_kit.service import Service, main
from service_kit.storage.announcements import add_announcements
from service_kit.storage.bulk_statements import bulk_insert
from service_kit.storage.clock import add_clock
from service_kit.storage.engines import TEXT
from service_kit.storage.migrations import add_served_by
from service_kit.storage.writer import Transaction
from service_kit.watch import changes
from service_kit.watch.changes import ChangedUsers, ChangePage

messages: Any
methods: Any
messages, methods = grpc.protos_and_services("tests/support/tally/tally.proto")

SOURCE = "another tally"


class TallySettings(ServiceSettings):
    """With a target it follows another tally."""

    model_config = SettingsConfigDict(env_prefix="PARLEY_TALLY_")

    follow_target: str = ""
    follow_credential_file: Path | None = None


# --- Rules -------------------------------------------------------------------------------------


class Tally(NamedTuple):
    """A name and its sum."""

    name: str
    sum: int


class Added(NamedTuple):
    """An amount was added, which is the event."""

    name: str
    amount: int


class Add(NamedTuple):
    """Add an amount, if `base` is the sum or None."""

    name: str
    amount: int
    base: int | None = None


def decide(command: Add, tally: Tally) -> Tally | Refusal:
    """Add, unless the sum is another one than the command was meant for."""
    if command.base not in {None, tally.sum}:
        return Refusal("STALE_SUM", "the sum is another one by now", current=tally)
    return Tally(tally.name, tally.sum + command.amount)


# --- Tables ------------------------------------------------------------------------------------

metadata = MetaData()
add_clock(metadata)
add_leases(metadata)
add_announcements(metadata)
add_served_by(metadata)
add_positions(metadata)
add_restrictions(metadata)
additions = Table(
    "additions",
    metadata,
    Column("revision", BigInteger, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("name", TEXT, nullable=False),
    Column("amount", BigInteger, nullable=False),
)
_OF_NAME = select(additions.c.amount).where(additions.c.name == bindparam("name"))
_CHANGED = (
    select(additions)
    .where(additions.c.revision > bindparam("after"), additions.c.revision <= bindparam("until"))
    .order_by(additions.c.revision, additions.c.number)
)


# --- Operations and queries --------------------------------------------------------------------


def find_sum(connection: Connection, name: str) -> int:
    """Add up."""
    return sum(connection.execute(_OF_NAME, {"name": name}).scalars())


def store(transaction: Transaction, found: Sequence[Added]) -> None:
    """Store what is added, after all that this transaction has added before."""
    numbers = count(len(transaction.events))
    rows = [(transaction.revision, next(numbers), *added) for added in found]
    bulk_insert(transaction.connection, additions, tuple(additions.c.keys()), rows)
    for added in found:
        transaction.emit((added.name,), added)


def add(transaction: Transaction, commands: Sequence[Add]) -> list[Tally | Refusal]:
    """Add amounts, one after the other."""
    outcomes: list[Tally | Refusal] = []
    for command in commands:
        refusal = check_user("name", command.name)
        if refusal is None and command.amount == 0:
            refusal = invalid("amount", "is zero")
        if refusal is not None:
            outcomes.append(refusal)
            continue
        sum_ = find_sum(transaction.connection, command.name)
        outcome = decide(command, Tally(command.name, sum_))
        if isinstance(outcome, Tally):
            store(transaction, [Added(command.name, command.amount)])
        outcomes.append(outcome)
    return outcomes


class Followed(NamedTuple):
    """The events of one revision of another tally."""

    position: Position
    found: Sequence[Added]


def follow(transaction: Transaction, commands: Sequence[Followed]) -> list[bool]:
    """Add what was added elsewhere, once; tells whether it was the first time."""
    outcomes: list[bool] = []
    for position, found in commands:
        first = advance(transaction, SOURCE, position)
        if first:
            store(transaction, found)
        outcomes.append(first)
    return outcomes


def list_changes(
    connection: Connection,
    name: str | None,
    after: Position,
    until: Position,
    page_size: int,
    page_token: str,
    most: int,
) -> ChangePage[Added] | Refusal:
    """List the changes of a name, or of any."""
    read = partial(_changes, connection, name)
    return changes.list_changes(connection, after, until, page_size, page_token, most, read)


def _changes(
    connection: Connection, name: str | None, after: int, until: int, most: int | None
) -> list[tuple[int, Added]]:
    rows = connection.execute(_CHANGED, {"after": after, "until": until})
    return [
        (row.revision, Added(row.name, row.amount)) for row in rows if name in {None, row.name}
    ][:most]


def list_changed_users(
    connection: Connection, names: Iterable[str], after: Position, until: Position
) -> ChangedUsers | Refusal:
    """List those of many names that have changes."""

    def find(_wanted: AbstractSet[str], start: int, end: int) -> set[str]:
        return {one.name for _, one in _changes(connection, None, start, end, None)}

    return changes.list_changed_users(connection, names, after, until, find)


# --- Translation -------------------------------------------------------------------------------


def _position(given: Position) -> Any:
    return messages.Position(**given._asdict())


def _tally(given: Any) -> Any:
    return messages.Tally(**given._asdict())


def _event(recipients: tuple[str, ...], given: Any) -> Any:
    return messages.Event(recipients=recipients, added=messages.Added(**given._asdict()))


FAILURES = Failures(
    "tally.parley", {"STALE_SUM": grpc.StatusCode.FAILED_PRECONDITION}, {Tally: _tally}
)


class TallyServicer(WatchMixin):
    """Serves the contract."""

    _contract = messages

    def __init__(self, resources: Resources[TallySettings]) -> None:
        self._resources = resources
        self._changes_bytes = resources.settings.changes_bytes
        self._reached = resources.limits
        self._failures = resources.failures
        self._hub = resources.hub
        self._writer = resources.writer
        self._most_users = resources.settings.max_batch

    async def Add(self, request: Any, _context: Any) -> Any:  # noqa: N802, the contract's name
        base = request.base if request.HasField("base") else None
        command = Add(request.name, request.amount, base)
        return messages.AddResponse(
            tally=_tally(await write_one(self._resources.writer, add, command))
        )

    async def _read_changes(
        self, request: Any, after: Position, until: Position
    ) -> ChangePage[Any] | Refusal:
        return await self._resources.readers.run(
            list_changes,
            None if request.everything else request.user,
            after,
            until,
            request.page_size,
            request.page_token,
            self._resources.settings.changes_page,
        )

    async def _find_changed_users(
        self, users: Sequence[str], after: Position, until: Position
    ) -> ChangedUsers | Refusal:
        return await self._resources.readers.run(list_changed_users, users, after, until)

    def _encode_changes(self, events: list[Any], user: str) -> list[Any]:  # noqa: ARG002
        return [_event((), event) for event in events]


# --- The process -------------------------------------------------------------------------------


@asynccontextmanager
async def servicer(resources: Resources[TallySettings]) -> AsyncIterator[TallyServicer]:
    """Give what serves the calls, and follow another tally if there is one."""
    settings = resources.settings
    works = {}
    if settings.follow_target:

        async def apply(position: Position, events: Sequence[Any]) -> None:
            found = [Added(one.added.name, one.added.amount) for one in events]
            accepted(*await resources.writer.submit(follow, [Followed(position, found)]))

        source = replace(
            read_source(
                settings, "follow", messages, methods.TallyServiceStub, resources.connections
            ),
            name=SOURCE,
        )
        metrics = FollowerMetrics(resources.registry)
        works["follow"] = Follower("tally", source, resources.readers, apply, metrics).run
    async with background(works, resources.registry):
        yield TallyServicer(resources)


SERVICE = Service(
    name="tally",
    settings=TallySettings,
    contract=messages.DESCRIPTOR.services_by_name["TallyService"],
    migrations=Path(__file__).parent / "migrations",
    failures=FAILURES,
    encode=_event,
    servicer=servicer,
    add_servicer=methods.add_TallyServiceServicer_to_server,
    callers={
        "Add": {Caller.EDGE},
        "Watch": {Caller.EDGE, Caller.BACKEND},
        "UpdateWatch": {Caller.EDGE},
        "ListChanges": {Caller.EDGE, Caller.BACKEND},
        "BatchListChanges": {Caller.EDGE},
        "ListChangedUsers": {Caller.EDGE},
    },
)

if __name__ == "__main__":
    sys.exit(main(SERVICE))
