"""Restrictions of moderation in one's own database: its last word, each once, by the clock."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from parley.moderation.v1 import moderation_pb2, moderation_pb2_grpc
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine, MetaData, text

from service_kit.authentication.credentials import present
from service_kit.follow import sanctions
from service_kit.follow.follower import FollowerMetrics, Source
from service_kit.follow.positions import add_positions, read_followed
from service_kit.follow.sanctions_follower import sanctions_follower
from service_kit.process.background import background
from service_kit.resources import Resources
from service_kit.rules import Position
from service_kit.storage.clock import add_clock
from service_kit.storage.writer import Transaction
from tests.support.moderation import FAR, SECRET, ScriptedModeration, lock, removal, standing
from tests.support.plans import explain
from tests.support.serving import Database, opened
from tests.support.tally.running import run_tally
from tests.support.tally.service import TallySettings
from tests.support.waiting import until

LONG = 2**50


def user(name: str, ends: int | None) -> sanctions.Restriction:
    return sanctions.Restriction(sanctions.Kind.USER, name, ends)


def conversation(name: str, ends: int | None = None) -> sanctions.Restriction:
    return sanctions.Restriction(sanctions.Kind.CONVERSATION, name, ends)


def told(
    revision: int, *restrictions: sanctions.Restriction, epoch: str = "one"
) -> sanctions.RestrictionChanges:
    return sanctions.RestrictionChanges(Position(epoch, revision), restrictions)


# --- In one's own database ---------------------------------------------------------------------


@pytest.fixture
def engine(empty_database: str) -> Iterator[Engine]:
    metadata = MetaData()
    clock = add_clock(metadata)
    add_positions(metadata)
    sanctions.add_restrictions(metadata)
    with opened(empty_database) as made:
        with made.begin() as connection:
            metadata.create_all(connection)
            connection.execute(clock.insert().values(epoch="own", revision=0))
        yield made


@pytest.fixture
def database(engine: Engine) -> Database:
    """A database in which moderation is followed from its beginning."""
    made = Database(engine)
    assert took(made, told(0)) == [True]
    return made


def took(database: Database, *commands: sanctions.Command) -> list[bool]:
    def run(transaction: Transaction, items: Any) -> list[bool]:
        return [sanctions.take(transaction, one) for one in items]

    return database.run(run, *commands)


def rows(database: Database) -> int:
    return int(
        database.read(lambda c: c.execute(text("SELECT count(*) FROM restrictions")).scalar())
    )


def forbidden(database: Database, *names: str, now: int = 0) -> set[str]:
    """The users and conversations that are restricted, of those asked about."""
    found = database.read(sanctions.find_forbidden, names, names, now or database.now)
    return {*found.users, *(f"in {one}" for one in found.conversations)}


def test_what_it_says_now_is_so_whatever_was_before(database: Database) -> None:
    """Only the last word about each counts, also within one revision; the free have no row."""
    took(database, told(1, user("ann", LONG), user("bob", None), conversation("talk")))
    assert forbidden(database, "ann", "bob", "talk", "eve") == {"ann", "bob", "in talk"}
    took(database, told(2, user("ann", 0), conversation("talk", 0), user("bob", LONG)))
    assert forbidden(database, "ann", "bob", "talk") == {"bob"}
    took(database, told(3, user("bob", 0), user("eve", None), user("eve", 0)))
    assert forbidden(database, "ann", "bob", "eve", "talk") == set()
    assert rows(database) == 0


def test_what_is_told_again_takes_effect_once(database: Database) -> None:
    """A revision that was applied changes nothing, and spends no revision here."""
    assert took(database, told(3, user("ann", None))) == [True]
    assert took(database, told(4, user("ann", 0))) == [True]
    assert took(database, told(3, user("ann", None)), told(4, user("ann", None))) == [False, False]
    assert forbidden(database, "ann") == set()


def test_it_ends_by_the_clock_and_its_row_with_the_next_event(database: Database) -> None:
    """To the millisecond, without a job; until lifted is for ever."""
    ends = database.now + 1_000
    took(database, told(1, user("ann", ends), user("bob", None)))
    assert forbidden(database, "ann", "bob", now=ends - 1) == {"ann", "bob"}
    assert forbidden(database, "ann", "bob", now=ends) == {"bob"}
    assert rows(database) == 2
    database.now = ends
    took(database, told(2, user("eve", database.now)))
    assert rows(database) == 1


def test_a_user_is_not_the_conversation_of_that_name(database: Database) -> None:
    """Names of users are not ours to make."""
    took(database, told(1, conversation("same")))
    found = database.read(sanctions.find_forbidden, ["same"], ["same"], database.now)
    assert found == sanctions.Forbidden(conversations=frozenset({"same"}))
    assert not found.why("same", "another")
    assert "locked" in found.why("ann", "same")
    took(database, told(2, user("same", None), conversation("same", 0)))
    found = database.read(sanctions.find_forbidden, ["same"], ["same"], database.now)
    assert found == sanctions.Forbidden(users=frozenset({"same"}))
    assert found.why("same", "another")
    assert not found.why("ann", "same")


def test_another_epoch_lets_go_only_when_all_of_it_is_known(database: Database) -> None:
    """Nobody slips through while it is told from its beginning."""
    took(database, told(5, user("ann", None), user("bob", None), conversation("talk")))
    took(database, told(0, epoch="two"))
    assert forbidden(database, "ann", "bob", "talk") == {"ann", "bob", "in talk"}
    took(database, told(1, user("ann", None), user("bob", 0), epoch="two"))
    assert forbidden(database, "ann", "bob", "talk") == {"ann", "in talk"}
    assert took(database, sanctions.CaughtUp("one")) == [False]
    assert forbidden(database, "ann", "talk") == {"ann", "in talk"}
    assert took(database, sanctions.CaughtUp("two")) == [True]
    assert forbidden(database, "ann", "bob", "talk") == {"ann"}


def test_nothing_is_asked_about_nobody(database: Database) -> None:
    """And what is asked goes by the primary key, however many they are."""
    took(database, told(1, *(user(f"u{number}", None) for number in range(300))))
    assert database.read(sanctions.find_forbidden, (), (), 0) == sanctions.Forbidden()
    assert len(forbidden(database, *(f"u{number}" for number in range(500)))) == 300
    searches, bad = explain(database.engine, str(sanctions.FIND.compile(database.engine)))
    assert searches
    assert bad == []


# --- By its Watch ------------------------------------------------------------------------------


def _follow(
    transaction: Transaction, commands: Sequence[sanctions.Command]
) -> list[tuple[sanctions.Removal, ...]]:
    """Take commands in a service that stores nothing that can be removed."""
    for command in commands:
        sanctions.take(transaction, command)
    return [() for _ in commands]


class Refusing:
    """A service that keeps what is forbidden."""

    def __init__(self, resources: Resources[TallySettings]) -> None:
        self.resources = resources
        self.registry = CollectorRegistry()

    @asynccontextmanager
    async def following(self, target: str) -> AsyncIterator[None]:
        stub = moderation_pb2_grpc.ModerationServiceStub
        source = Source(sanctions.MODERATION, target, lambda: present(SECRET), moderation_pb2, stub)
        self.registry = CollectorRegistry()
        metrics = FollowerMetrics(self.registry)
        made = sanctions_follower("test", source, self.resources, metrics, _follow)
        run = self.resources.leases.under(sanctions.MODERATION, made.run)
        async with background({"moderation": run}, self.registry):
            yield

    async def knows(self, moderation: ScriptedModeration) -> None:
        position = moderation.position
        sample = self.registry.get_sample_value
        labels = {"source": sanctions.MODERATION}
        await until(
            lambda: (
                sample("follower_live", labels) == 1
                and sample("follower_revision", labels) == position.revision
            ),
            20,
        )

    async def forbidden(self, *names: str, now: int = 1) -> set[str]:
        found = await self.resources.readers.run(sanctions.find_forbidden, names, names, now)
        return {*found.users, *(f"in {one}" for one in found.conversations)}

    async def position(self) -> Position | None:
        return await self.resources.readers.run(read_followed, sanctions.MODERATION)


@pytest.fixture
async def service(new_settings: Callable[[], TallySettings]) -> AsyncIterator[Refusing]:
    async with run_tally(new_settings()) as started:
        yield Refusing(started.resources)


async def test_what_was_decided_and_what_is_decided_is_known(service: Refusing) -> None:
    """From the beginning, page by page, and then as it happens; other events are passed over."""
    moderation = ScriptedModeration()
    moderation.tell(standing("ann", muted=FAR + 5), removal("m1"))
    moderation.tell(standing("bob", muted=FAR + 5, suspended=FAR + 9))
    moderation.tell(standing("eve", banned=True), lock("talk"))
    async with moderation.serving(), service.following(moderation.target):
        await service.knows(moderation)
        everybody = ("ann", "bob", "eve", "talk")
        assert await service.forbidden(*everybody) == {"ann", "bob", "eve", "in talk"}
        assert await service.forbidden(*everybody, now=FAR + 5) == {"bob", "eve", "in talk"}
        assert await service.forbidden(*everybody, now=FAR + 9) == {"eve", "in talk"}
        moderation.tell(standing("eve"), lock("talk", False), standing("dan", banned=True))
        await service.knows(moderation)
        assert await service.forbidden(*everybody, "dan") == {"ann", "bob", "dan"}


async def test_while_moderation_is_away_what_was_known_stands(service: Refusing) -> None:
    """It is said by the metric; what was decided meanwhile is applied when it is back."""
    moderation = ScriptedModeration()
    moderation.tell(standing("ann", banned=True), standing("bob", muted=FAR + 5))
    async with service.following("127.0.0.1:1"):
        assert await service.forbidden("ann") == set()
    async with moderation.serving(), service.following(moderation.target):
        await service.knows(moderation)
    async with service.following(moderation.target):
        live = service.registry.get_sample_value("follower_live", {"source": sanctions.MODERATION})
        assert live == 0
        assert await service.forbidden("ann", "bob") == {"ann", "bob"}
        assert await service.forbidden("ann", "bob", now=FAR + 5) == {"ann"}
        moderation.tell(standing("ann"), standing("eve", banned=True))
        async with moderation.serving():
            await service.knows(moderation)
            assert await service.forbidden("ann", "bob", "eve") == {"bob", "eve"}


async def test_a_moderation_from_a_backup_is_believed(service: Refusing) -> None:
    """Restrictions that it no longer knows are over, others stand, and it goes on from there."""
    moderation = ScriptedModeration()
    moderation.tell(standing("ann", banned=True), lock("talk"))
    moderation.tell(standing("bob", banned=True))
    moderation.tell(lock("talk", False))
    async with moderation.serving(), service.following(moderation.target):
        await service.knows(moderation)
        assert await service.forbidden("ann", "bob", "talk") == {"ann", "bob"}
        moderation.go_back(1)
        await until(
            lambda: (
                service.registry.get_sample_value(
                    "follower_revision", {"source": sanctions.MODERATION}
                )
                == 1
            ),
            20,
        )
        await service.knows(moderation)
        assert await service.forbidden("ann", "bob", "talk") == {"ann", "in talk"}
        assert await service.position() == Position(moderation.epoch, 1)
        moderation.tell(standing("eve", banned=True))
        await service.knows(moderation)
        assert await service.forbidden("ann", "bob", "eve") == {"ann", "eve"}
