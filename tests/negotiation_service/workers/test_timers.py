"""Time acts by itself: due, late, after a restart, by two replicas, and past what is broken."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

import pytest
from parley.negotiation.v1 import negotiation_pb2 as pb
from sqlalchemy import Engine, text

from negotiation_service import __main__
from negotiation_service.domain.events import Cause
from negotiation_service.domain.limits import HOUR
from service_kit.process.background import background
from tests.negotiation_service import deals
from tests.support.metrics import read_sample
from tests.support.serving import Database, locked
from tests.support.system import free_port
from tests.support.waiting import eventually

# An offer stands for a third of a second, and half of it before that its end is announced.
SHORT = {
    "offer_hours": 0.3 / 3_600,
    "offer_reminder_hours": 0.15 / 3_600,
    "min_offer_minutes": 0.001,
    # Nothing but what is committed here wakes the loop earlier.
    "timers_max_sleep_seconds": 3_600,
}


def causes(events: list[tuple[int, Any]]) -> list[str]:
    return [event.service_changed.event.cause for _, event in events]


async def test_an_offer_is_reminded_of_and_expires_by_itself(serve: Any) -> None:
    """The loop sleeps until a commit sets an earlier time; both parties are told, at the time."""
    async with serve(**SHORT) as client:
        stream = await client.watch(["ann", "bob"])
        shown = await client.create()
        told = await stream.events(3)
        assert causes(told) == ["created", "reminder", "expired"]
        reminder, expired = (event.service_changed for _, event in told[1:])
        assert (reminder.event.timer, reminder.event.by) == ("offer", "")
        assert reminder.views[0].state == pb.STATE_OFFERED
        assert expired.event.create_time == shown.offer.expire_time
        assert {one.state for one in expired.views} == {pb.STATE_CLOSED}
        assert [list(event.recipients) for _, event in told] == [["ann", "bob"]] * 3


async def test_each_waiting_has_its_reminder_and_its_end(serve: Any) -> None:
    """A delivery that nobody confirms, a request to cancel that nobody answers, notes."""
    short = {
        "completion_days": 0.3 / 86_400,
        "completion_reminder_hours": 0.2 / 3_600,
        "cancellation_hours": 0.3 / 3_600,
        "cancellation_reminder_hours": 0.2 / 3_600,
        "notes_days": 0.3 / 86_400,
        "dispute_days": 0.3 / 86_400,
    }
    async with serve(**short) as client:
        stream = await client.watch(["bob"])
        agreed = await client.accept("bob", await client.create())
        await client.terminate("ann", agreed.id, "CANCELLED", reason="no time")
        told = await stream.events(5)
        assert causes(told)[2:] == ["cancellation_requested", "reminder", "cancellation_lapsed"]
        assert told[3][1].service_changed.event.timer == "cancellation"
        await client.terminate("ann", agreed.id, "DELIVERED")
        told = await stream.events(5)
        assert causes(told)[:3] == ["delivered", "reminder", "auto_completed"]
        assert told[1][1].service_changed.event.timer == "completion"
        assert set(causes(told)[3:]) == {"dispute_window_closed", "notes_revealed"}


async def test_what_became_due_while_nobody_ran_happens_at_the_start(
    serve: Any, database: Database
) -> None:
    """However late, with the time at which it was due."""
    command = deals.proposed()
    database.run(deals.carry_out, command)
    made_at = database.now
    async with serve(timers_max_sleep_seconds=3_600):
        await eventually(lambda: not deals.stored_timers(database))
    # The offer expired in 1970, long after its reminder, which nobody needs any more.
    events = deals.stored_events(database)[command.service]
    assert [(one.cause, one.at) for one in events[1:]] == [
        (Cause.EXPIRED, made_at + deals.LIMITS.offer_ttl)
    ]


async def test_more_than_a_batch_is_fired(serve: Any, database: Database) -> None:
    """All that is due happens in one look, whatever a batch may hold."""
    commands = [deals.proposed(f"c{number}") for number in range(25)]
    database.run(deals.carry_out, *commands)
    async with serve(timers_batch=4, timers_max_sleep_seconds=3_600):
        await eventually(lambda: not deals.stored_timers(database))
    causes = {
        tuple(event.cause for event in events) for events in deals.stored_events(database).values()
    }
    assert causes == {(Cause.CREATED, Cause.EXPIRED)}


async def test_replicas_share_the_timers(
    serve: Any, database: Database, kind: str, metrics: Any
) -> None:
    """Two loops on one database: each due thing happens once, and none of them fails."""
    count = 60
    async with AsyncExitStack() as stack:
        served = [await stack.enter_async_context(metrics(**SHORT)) for _ in range(2)]
        clients = [client for client, _ in served]
        made = await asyncio.gather(
            *(clients[n % 2].create(f"ann{n}", f"bob{n}") for n in range(count))
        )
        await eventually(lambda: not deals.stored_timers(database))
        totals = [
            sum([await metric("timers_fired_total", timer=timer) or 0 for _, metric in served])
            for timer in ("offer_reminder", "offer")
        ]
        for _, metric in served:
            assert await metric("timers_failed_total") == 0
            assert await metric("background_failures_total", work="timers") == 0
    events = deals.stored_events(database)
    assert set(events) == {one.id for one in made}
    happened = [event.cause for history in events.values() for event in history]
    assert happened.count(Cause.EXPIRED) == totals[1] == count
    # Whoever is late enough to fire both at once has nothing to remind of.
    assert happened.count(Cause.REMINDER) == totals[0] <= count


async def test_a_timer_of_another_replica_is_noticed(
    serve: Any, database: Database, settings: Any
) -> None:
    """A timer that no commit here has told of is found after the longest sleep."""
    async with serve(timers_max_sleep_seconds=0.05):
        # As another replica would: now, and with an offer that is soon over.
        database.now = time.time_ns() // 1_000_000 - deals.LIMITS.offer_ttl + 100
        command = deals.proposed()
        database.run(deals.carry_out, command)
        await eventually(lambda: not deals.stored_timers(database))
    last = deals.stored_events(database)[command.service][-1]
    assert last.cause == Cause.EXPIRED


async def test_a_broken_deal_stops_no_other(
    metrics: Any, database: Database, engine: Engine
) -> None:
    """A row that nobody can read fails alone and is counted."""
    broken, whole = deals.proposed("c1"), deals.proposed("c2")
    database.run(deals.carry_out, broken, whole)
    with engine.begin() as connection:
        spoilt = text("UPDATE services SET deal = replace(deal, '\"seq\"', '\"x\"') WHERE id = :id")
        connection.execute(spoilt, {"id": broken.service})
    async with metrics(timers_max_sleep_seconds=3_600) as (_, metric):
        await eventually(lambda: whole.service not in deals.stored_timers(database))
        await eventually(lambda: metric("timers_failed_total"))
        assert await metric("timers_due") == 2
        assert await metric("timers_late_seconds_count") == 1
    assert deals.stored_events(database)[whole.service][-1].cause == Cause.EXPIRED
    assert len(deals.stored_events(database)[broken.service]) == 1


async def test_the_loop_goes_on_after_the_database_was_locked(
    metrics: Any, database: Database, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While another process holds the lock nothing is fired; afterwards all of it is."""
    monkeypatch.setattr(__main__, "background", partial(background, pause_seconds=0.05))
    options = {"database_lock_timeout_seconds": 0.05, "timers_max_sleep_seconds": 2}
    async with metrics(**options) as (_, metric):
        # The loop has looked and sleeps. A start with the lock in other hands would wait for it.
        database.run(deals.carry_out, deals.proposed())
        with locked(settings.database_url) as holder:
            await eventually(lambda: metric("background_failures_total", work="timers"))
            assert holder.execute(text("SELECT count(*) FROM service_timers")).scalar() == 2
            holder.rollback()
            await eventually(lambda: not deals.stored_timers(database))


def test_reminders_leave_time_to_act() -> None:
    """By default each comes hours before the deadline."""
    assert (
        min(
            deals.LIMITS.offer_reminder,
            deals.LIMITS.delivery_reminder,
            deals.LIMITS.completion_reminder,
            deals.LIMITS.cancellation_reminder,
        )
        >= 6 * HOUR
    )


Metric = Callable[..., Awaitable[float | None]]


@pytest.fixture
def metrics(serve: Any) -> Any:
    """Start a service with changed settings; gives a client, and a way to read its metrics."""

    @asynccontextmanager
    async def start(**changes: Any) -> AsyncIterator[tuple[Any, Metric]]:
        port = free_port()
        async with serve(metrics_port=port, **changes) as client:
            yield client, partial(read_sample, port)

    return start
