"""Presence over real gRPC: from the users that watchers follow to what others are told."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any, cast

import grpc
import pytest
from parley.messaging.v1 import messaging_pb2 as pb
from prometheus_client import CollectorRegistry
from sqlalchemy import delete, insert, select, update

from messaging_service.__main__ import SERVICE
from messaging_service.domain.presence import Presence
from messaging_service.operations.presence import Attend, Attended, Wish
from messaging_service.settings import MessagingSettings
from messaging_service.storage.attendance import (
    find_attendance,
    find_gone_attenders,
    find_unattended,
)
from messaging_service.storage.tables import attendance, attending
from messaging_service.storage.tables import presence as presence_table
from messaging_service.workers.presence import PresenceTracker
from service_kit.leases.leases import Leases
from service_kit.process.background import background
from service_kit.process.limit_counters import ReachedLimits
from service_kit.resources import Resources
from service_kit.rules import Position
from service_kit.storage.readers import Readers
from service_kit.storage.writer import Events, Writer
from service_kit.watch.hub import WatchHub
from tests.messaging_service.commands import said
from tests.messaging_service.conftest import TalkingDatabase
from tests.support.serving import locked, opened
from tests.support.waiting import PATIENCE, until

ABSENCE = 1.0
# One process alone serves an SQLite.
SEVERAL = pytest.mark.parametrize("kind", ["postgresql"])


@pytest.fixture
async def service(serve: Any) -> AsyncIterator[Any]:
    """A service with a short absence, in which b shares a conversation with a, c and d each."""
    async with serve(presence=True, presence_absence_seconds=ABSENCE) as client:
        await talk(client, "b", "acd")
        yield client


async def talk(client: Any, user: str, others: str) -> None:
    """Let somebody write to others, who answer."""
    for other in others:
        await client.say(user, to=other)
        await client.say(other, to=user)


async def presence(stream: Any) -> tuple[str, bool]:
    """Read the next change that is told: (user, online)."""
    ((_, event),) = await stream.events(1)
    assert event.WhichOneof("event") == "presence"
    shown = event.presence
    assert list(event.recipients) == ["b"]
    assert shown.HasField("last_seen_time") is not shown.online
    return shown.user, shown.online


async def listed(client: Any, actor: str = "b") -> dict[str, bool]:
    """Read the presence in the list of conversations: (user, online)."""
    answer = await client.call("ListConversations", actor=actor)
    shown = [one.presence for one in answer.conversations if one.HasField("presence")]
    return {one.user: one.online for one in shown}


async def set_invisible(client: Any, user: str, *, invisible: bool) -> None:
    await client.call("SetInvisible", actor=user, invisible=invisible)


async def test_being_followed_makes_online_and_not_being_followed_does_not_for_long(
    service: Any,
) -> None:
    """Told to the other at once and after the absence, and shown in the list, both ways."""
    b = await service.watch(["b"])
    a = await service.watch(["a"])
    assert await presence(b) == ("a", True)
    assert await listed(service) == {"a": True}
    assert await listed(service, "a") == {"b": True}
    a.call.cancel()
    assert await presence(b) == ("a", False)
    assert await listed(service) == {"a": False}


async def test_a_short_absence_tells_nothing(service: Any) -> None:
    """Another who left later and stayed away is told first."""
    b = await service.watch(["b"])
    edge = await service.watch(["a", "c"])
    assert {await presence(b), await presence(b)} == {("a", True), ("c", True)}
    await edge.update(remove_users=["a"])
    await edge.update(add_users=["a"])
    await edge.update(remove_users=["c"])
    assert await presence(b) == ("c", False)
    assert await listed(service) == {"a": True, "c": False}


async def test_two_watchers_are_one_presence(service: Any) -> None:
    b = await service.watch(["b"])
    one, other = await service.watch(["a"]), await service.watch(["a", "c"])
    assert {await presence(b), await presence(b)} == {("a", True), ("c", True)}
    one.call.cancel()
    await other.update(remove_users=["c"])
    assert await presence(b) == ("c", False)
    other.call.cancel()
    assert await presence(b) == ("a", False)


async def test_update_watch_with_invisible_users_shows_who_is_visible_to_one(service: Any) -> None:
    """One watcher that shows a person is enough; one that no longer does is as if it left."""
    b = await service.watch(["b"])
    one = await service.watch(["a", "c"], invisible_users=["a"])
    assert await presence(b) == ("c", True)
    await set_invisible(service, "d", invisible=True)
    assert await listed(service) == {"c": True}
    await set_invisible(service, "d", invisible=False)
    await one.update(add_users=["a"])
    assert await presence(b) == ("a", True)
    other = await service.watch(["a", "d"])
    assert await presence(b) == ("d", True)
    await one.update(add_users=["a"], invisible_users=["a"])
    await other.update(remove_users=["d"])
    assert await presence(b) == ("d", False)
    await other.update(remove_users=["a"])
    assert await presence(b) == ("a", False)


async def test_who_wishes_to_be_invisible_goes_and_comes_unseen(service: Any) -> None:
    """Goes as everybody goes, stays unseen in every way, and is back with the word."""
    b = await service.watch(["b"])
    a = await service.watch(["a"])
    assert await presence(b) == ("a", True)
    await set_invisible(service, "a", invisible=True)
    ((_, event),) = await b.events(1)
    assert (event.presence.user, event.presence.online) == ("a", False)
    shown = event.presence
    a.call.cancel()
    a = await service.watch(["a"])
    c = await service.watch(["c"])
    assert await presence(b) == ("c", True)
    c.call.cancel()
    a.call.cancel()
    assert await presence(b) == ("c", False)
    answer = await service.call("ListConversations", actor="b")
    assert shown in [one.presence for one in answer.conversations]
    await service.watch(["a"])
    await set_invisible(service, "a", invisible=False)
    assert await presence(b) == ("a", True)


async def test_a_wish_that_is_taken_back_in_time_was_never_told(service: Any) -> None:
    """As an absence that was short."""
    b = await service.watch(["b"])
    edge = await service.watch(["a", "c"])
    assert {await presence(b), await presence(b)} == {("a", True), ("c", True)}
    await set_invisible(service, "a", invisible=True)
    await set_invisible(service, "a", invisible=False)
    await edge.update(remove_users=["c"])
    assert await presence(b) == ("c", False)
    assert await listed(service) == {"a": True, "c": False}


async def test_a_bad_name_has_no_wish(service: Any, refused: Any) -> None:
    code = grpc.StatusCode.INVALID_ARGUMENT
    await refused(set_invisible(service, "", invisible=True), code, "INVALID_ARGUMENT", "actor")


async def test_turned_off_nothing_is_written_told_or_shown(serve: Any) -> None:
    """Not what was stored before either; but what a person wishes is kept for later."""
    async with serve(presence=True) as client:
        await talk(client, "a", "b")
        b = await client.watch(["b"])
        await client.watch(["a"])
        assert (await b.events(1))[0][1].HasField("presence")
    async with serve(presence=False) as client:
        watching = await client.watch(["a", "b"])
        start = watching.first.position.revision
        await set_invisible(client, "b", invisible=True)
        stored = await client.say("a", to="b")
        ((revision, event),) = await watching.events(1)
        assert event.message_created.message.id == stored.id
        assert revision == start + 2
        assert await listed(client) == {}
        beginning = pb.Position(epoch=watching.first.position.epoch)
        changes = (await client.changes("b", beginning, revision)).changes
        kinds = {one.WhichOneof("event") for change in changes for one in change.events}
        assert kinds == {"message_created"}
    async with serve(presence=True, presence_absence_seconds=ABSENCE) as client:
        a = await client.watch(["a"])
        ((_, event),) = await a.events(1)
        assert (event.presence.user, event.presence.online) == ("b", False)


async def test_a_restart_is_a_short_absence_for_who_returns(serve: Any) -> None:
    """One who does not return was there until the service last knew, and not until now."""
    async with serve(presence=True) as client:
        await talk(client, "b", "ac")
        b = await client.watch(["b"])
        await client.watch(["a", "c"])
        assert {await presence(b), await presence(b)} == {("a", True), ("c", True)}
        stopped = asyncio.get_running_loop().time()
    async with serve(presence=True, presence_absence_seconds=ABSENCE) as client:
        started = asyncio.get_running_loop().time()
        b = await client.watch(["a", "b"])
        assert await presence(b) == ("c", False)
        now = asyncio.get_running_loop().time()
        answer = await client.call("ListConversations", actor="b")
        shown = {one.presence.user: one.presence for one in answer.conversations}
        assert shown["a"].online
        seen = shown["c"].last_seen_time.ToMilliseconds() / 1000
        since = pb.Presence().last_seen_time
        since.GetCurrentTime()
        assert since.ToMilliseconds() / 1000 - seen >= now - started
        assert since.ToMilliseconds() / 1000 - seen <= now - stopped + 5


async def test_a_restart_shows_nobody_who_has_become_invisible(serve: Any) -> None:
    """The wish was stored and not yet told when the service ended."""
    async with serve(presence=True, presence_absence_seconds=60) as client:
        await talk(client, "b", "a")
        b = await client.watch(["b"])
        await client.watch(["a"])
        assert await presence(b) == ("a", True)
        await set_invisible(client, "a", invisible=True)
    async with serve(presence=True, presence_absence_seconds=ABSENCE) as client:
        b = await client.watch(["a", "b"])
        assert await presence(b) == ("a", False)


async def test_a_database_that_is_away_loses_no_change(
    service: Any, settings: MessagingSettings
) -> None:
    """While another process holds the write lock changes wait, and the latest of each is told."""
    b = await service.watch(["b"])
    c = await service.watch(["c"])
    assert await presence(b) == ("c", True)
    with locked(settings.database_url):
        await service.watch(["a"])
        await c.update(remove_users=["c"])
        # The lock is waited for, a second in these tests, so that the first try has failed.
        with pytest.raises(grpc.aio.AioRpcError):
            await set_invisible(service, "d", invisible=True)
    assert {await presence(b), await presence(b)} == {("a", True), ("c", False)}
    assert await listed(service) == {"a": True, "c": False}


class Process:
    """One of several processes on a database, with nothing but its presence."""

    def __init__(self, stack: AsyncExitStack, settings: MessagingSettings) -> None:
        url = settings.database_url
        writing, reading, leasing = (
            stack.enter_context(opened(url, role)) for role in ("writer", "reader", "leases")
        )
        self.reading = reading
        self.told: list[tuple[str, bool]] = []
        self.leases = Leases(leasing, settings.lease_seconds)
        self.readers = Readers(reading, 1)
        self.writer = Writer(writing, self._deliver, lambda _revision: None)
        registry, hub = CollectorRegistry(), cast("WatchHub", None)
        limits = ReachedLimits(SERVICE.limits, registry)
        resources = Resources(
            settings,
            self.writer,
            self.readers,
            hub,
            registry,
            SERVICE.failures,
            limits,
            self.leases,
        )
        self.tracker = PresenceTracker(resources)
        for close in (self.readers.close, self.writer.close, self.leases.close):
            stack.push_async_callback(close)

    def _deliver(self, _position: Position, events: Events) -> None:
        self.told += [(one.user, one.online) for _, one in events if isinstance(one, Presence)]

    async def start(self, stack: AsyncExitStack) -> None:
        await self.tracker.start()
        stack.push_async_callback(self.tracker.close)
        works = self.tracker.works()
        await stack.enter_async_context(background(works, CollectorRegistry()))


async def started(stack: AsyncExitStack, settings: MessagingSettings) -> Process:
    process = Process(stack, settings)
    await process.start(stack)
    return process


@pytest.fixture
async def processes(
    settings: MessagingSettings, database: TalkingDatabase
) -> AsyncIterator[tuple[Process, Process, AsyncExitStack]]:
    """Two processes with a short absence on a database where b talks with a, c and d; and what ends
    the second.
    """
    for other in "acd":
        database.say(said("b", to=other), said(other, to="b"))
    changed = settings.model_copy(update={"presence": True, "presence_absence_seconds": ABSENCE})
    async with AsyncExitStack() as stack:
        first = await started(stack, changed)
        ending = await stack.enter_async_context(AsyncExitStack())
        yield first, await started(ending, changed), ending


def attended(process: Process) -> dict[str, set[str]]:
    """Who attends to whom."""
    with process.reading.connect() as connection:
        return {user: {*rows} for user, rows in find_attendance(connection, "acd").items()}


@SEVERAL
async def test_who_moves_to_another_process_never_goes(
    processes: tuple[Process, Process, AsyncExitStack],
) -> None:
    """Whoever stays away goes, and is told as gone once, by whichever lets them go last."""
    first, second, _ = processes
    first.tracker.observe(["a", "c"], [])
    await until(lambda: first.told == [("a", True), ("c", True)])
    second.tracker.observe(["a", "d"], [])
    await until(lambda: second.told == [("d", True)])
    first.tracker.observe([], ["a", "c"])
    await until(lambda: ("c", False) in first.told)
    replica = second.leases.replica
    assert attended(first) == {"a": {replica}, "d": {replica}}
    second.tracker.observe([], ["a"])
    await until(lambda: ("a", False) in second.told)
    assert first.told == [("a", True), ("c", True), ("c", False)]
    assert second.told == [("d", True), ("a", False)]


@SEVERAL
async def test_the_people_of_a_process_that_is_gone_are_let_go_by_another(
    processes: tuple[Process, Process, AsyncExitStack],
) -> None:
    """As if they had just left; and not a word is told of those who come to the other in time."""
    first, second, ending = processes
    second.tracker.observe(["a", "c", "d"], [])
    await until(lambda: len(second.told) == 3)
    first.tracker.observe(["a"], [])
    # It does not say that they have left, as one that is killed does not.
    await ending.aclose()
    mine = {first.leases.replica}
    await until(lambda: attended(first) == {"a": mine, "c": mine, "d": mine})
    first.tracker.observe(["d"], [])
    await until(lambda: first.told == [("c", False)])
    assert attended(first) == {"a": mine, "d": mine}
    with first.reading.connect() as connection:
        assert find_gone_attenders(connection, first.leases.replica) == []


@SEVERAL
async def test_a_wish_that_another_process_stores_hides_and_shows(
    processes: tuple[Process, Process, AsyncExitStack],
) -> None:
    """Calls go to any process, whichever attends to the person."""
    first, second, _ = processes
    first.tracker.observe(["a"], [])
    await until(lambda: first.told == [("a", True)])
    await second.tracker.set_invisible("a", invisible=True)
    await until(lambda: second.told == [("a", False)])
    await second.tracker.set_invisible("a", invisible=False)
    await until(lambda: second.told == [("a", False), ("a", True)])
    # Taken back in time by the other: the first finds out when it would have hidden them.
    await second.tracker.set_invisible("a", invisible=True)
    await first.tracker.set_invisible("a", invisible=False)
    first.tracker.observe(["c"], [])
    await until(lambda: ("c", True) in first.told)
    first.tracker.observe([], ["c"])
    await until(lambda: ("c", False) in first.told)
    assert len(second.told) == 2
    first.tracker.observe([], ["a"])
    await until(lambda: ("a", False) in [*first.told, *second.told[2:]])
    await until(lambda: attended(first) == {})


class Counted:
    def __init__(self) -> None:
        self.batches: list[int] = []

    async def submit(self, _operation: Any, items: Any, _heard: Any = None) -> list[Any]:
        self.batches.append(len(items))
        await asyncio.sleep(0)
        return [Attended(told=True, cut=False) for _ in items]


class Nobody:
    moves = 0

    async def run(self, function: Any) -> Any:
        assert function is find_unattended
        return 0, []


class Late:
    """A writer that stores a wish when its caller has gone."""

    def __init__(self) -> None:
        self.heard: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.stored: list[Attend] = []

    async def submit(self, _operation: Any, items: Any, heard: Any = None) -> list[Any]:
        if heard is not None:
            self.heard.set_result(heard)
            await asyncio.Event().wait()
        self.stored += [one for one in items if isinstance(one, Attend)]
        return [Attended(told=True, cut=False) for _ in items]


async def test_a_wish_that_is_stored_when_its_caller_has_gone_takes_effect(
    settings: MessagingSettings,
) -> None:
    """Otherwise others would see a person online who is not shown to anybody else."""
    late = Late()
    writer: Any = late
    readers: Any = Nobody()
    no_hub: Any = None
    changed = settings.model_copy(update={"presence": True, "presence_absence_seconds": 0.01})
    registry = CollectorRegistry()
    limits = ReachedLimits(SERVICE.limits, registry)
    resources = Resources(
        changed, writer, readers, no_hub, registry, SERVICE.failures, limits, Leases(None, 1)
    )
    tracker = PresenceTracker(resources)
    await tracker.start()
    tracker.observe(["a"], [])
    asking = asyncio.create_task(tracker.set_invisible("a", invisible=True))
    async with asyncio.timeout(PATIENCE):
        stored = await late.heard
        asking.cancel()
        await asyncio.wait({asking})
        stored([Presence("a", invisible=True)])
        await until(lambda: len(late.stored) == 2)
    came, hidden = late.stored
    assert (came.here, came.wish, hidden.wish) == (True, Wish.NONE, Wish.HIDDEN)
    await tracker.close()


async def test_a_burst_is_a_few_transactions_and_its_metrics_tell(
    settings: MessagingSettings,
) -> None:
    """Thousands at once travel in batches, one at a time; beyond the limit people are left out."""
    writer: Any = Counted()
    nobody: Any = Nobody()
    registry = CollectorRegistry()
    changed = settings.model_copy(
        update={"presence": True, "presence_people": 5_000, "presence_batch": 2_000}
    )
    limits = ReachedLimits(SERVICE.limits, registry)
    hub: Any = None
    resources = Resources(
        changed, writer, nobody, hub, registry, SERVICE.failures, limits, Leases(None, 1)
    )
    keeper = PresenceTracker(resources)
    await keeper.start()
    for edge in range(6):
        keeper.observe([f"{edge} {number}" for number in range(1_000)], [])
    await keeper.close()
    assert writer.batches == [2_000, 2_000, 1_000, 1]
    assert registry.get_sample_value("presence_people") == 5_000
    labels = {"limit": "presence_people"}
    assert registry.get_sample_value("limit_reached_total", labels) == 1_000
    assert registry.get_sample_value("presence_waiting_changes") == 0
    assert registry.get_sample_value("presence_changes_total", {"to": "online"}) == 5_000


async def test_until_when_it_is_known_is_stored_while_people_are_there(
    serve: Any, settings: MessagingSettings, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Again and again, without a word to anybody."""
    monkeypatch.setattr("messaging_service.workers.presence.REMEMBER_SECONDS", 0.05)
    before = time.time_ns() // 1_000_000
    async with serve(presence=True, presence_absence_seconds=0.2) as client:
        await client.watch(["a"])
        nobody = await client.watch(["nobody"], invisible_users=["nobody"])
        async with asyncio.timeout(PATIENCE):
            while (response := await nobody.call.read()).position.revision < 4:
                assert not response.events
    with opened(settings.database_url, "reader") as engine, engine.connect() as connection:
        at, online = find_unattended(connection)
        if kind == "postgresql":
            # There it is known of this process, which attends to them.
            ((_, at),) = connection.execute(select(attending))
            online += [(user, False) for user in find_attendance(connection, ["a", "nobody"])]
    assert before < at <= time.time_ns() // 1_000_000
    assert online == [("a", False)]


@SEVERAL
async def test_a_database_that_went_back_hears_again_who_is_here(
    processes: tuple[Process, Process, AsyncExitStack], database: TalkingDatabase
) -> None:
    """It lacks that somebody came, and that somebody left; both are stored and told once more."""
    first, _, _ = processes
    first.tracker.observe(["a", "c"], [])
    await until(lambda: first.told == [("a", True), ("c", True)])
    first.tracker.observe([], ["c"])
    await until(lambda: ("c", False) in first.told)
    mine = {"user_id": "c", "replica": first.leases.replica, "seen_at": 0}
    with database.engine.begin() as connection:
        connection.execute(delete(attendance).where(attendance.c.user_id == "a"))
        connection.execute(insert(attendance), mine)
        for user, online in (("a", False), ("c", True)):
            away = update(presence_table).where(presence_table.c.user_id == user)
            connection.execute(away.values(online=online))
    first.readers.move()
    await until(lambda: first.told[3:] == [("a", True), ("c", False)])
    assert attended(first) == {"a": {first.leases.replica}}
