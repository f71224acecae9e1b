"""Every due call of a dispute is made, whatever comes between, and takes effect once: with a
negotiation that serves, and a network that loses calls and answers.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest
from parley.negotiation.v1 import negotiation_pb2 as deals
from parley.negotiation.v1.negotiation_pb2_grpc import NegotiationServiceStub

from moderation_service.clients.negotiation import Negotiation
from moderation_service.domain.dispute.commands import HoldPlaced, HoldRefused
from moderation_service.domain.shared.limits import Limits
from moderation_service.workers.reconciler import Reconciler
from tests.moderation_service.peers import Peers, dial_peer, negotiation_settings, serve_negotiation
from tests.moderation_service.sagas import Sagas, migrated, sagas
from tests.support.proxy import Cut, Forward, Proxy, lose_answer, lose_call
from tests.support.system import free_port
from tests.support.waiting import PATIENCE, eventually

Make = Callable[..., Any]


@pytest.fixture
async def make(stored: Sagas, between: Proxy) -> AsyncIterator[Make]:
    """Make a reconciler; `run` has it look as well."""
    async with AsyncExitStack() as stack:

        async def made(
            *, run: bool = False, timeout_seconds: float = 5, target: str = "", **options: Any
        ) -> Reconciler:
            client = await stack.enter_async_context(
                dial_peer(target or between.target, NegotiationServiceStub, timeout_seconds)
            )
            options = {"interval_seconds": 0.2, "registry": stored.registry, **options}
            reconciler = Reconciler(
                stored.writer, stored.readers, stored.operation, Negotiation(client), **options
            )
            if run:
                task = asyncio.create_task(reconciler.run())

                async def end() -> None:
                    task.cancel()
                    await asyncio.wait({task})

                stack.push_async_callback(end)
            return reconciler

        yield made


async def test_a_push_places_the_hold_and_resolves_it(
    peers: Peers, stored: Sagas, make: Make
) -> None:
    """M7: the service is held exactly while the dispute is open."""
    told: list[int | None] = []
    reconciler = await make(stored=lambda answer: told.append(answer.next_due))
    agreed = await peers.agree()
    dispute = await stored.create(agreed)
    assert not (await peers.look(agreed.id)).HasField("hold")
    await reconciler.push(dispute, 30)
    found = await stored.find(dispute)
    assert (found.state, found.price) == ("open", 10_000)
    # Whoever keeps the time learns of the deadline.
    assert told == [found.due_at]
    hold = (await peers.look(agreed.id)).hold
    assert (hold.dispute, hold.opened_by) == (dispute, "bob")
    await stored.withdraw(dispute)
    assert (await peers.look(agreed.id)).HasField("hold")
    await reconciler.push(dispute, 30)
    assert (await stored.find(dispute)).state == "resolved"
    assert not (await peers.look(agreed.id)).HasField("hold")
    assert await peers.causes(agreed.id) == ["created", "agreed", "held", "resumed"]
    for call in ("PlaceHold", "ResolveHold"):
        assert stored.metric("saga_calls_total", call=call, result="done") == 1


async def test_a_push_of_what_needs_none_does_nothing(
    peers: Peers, stored: Sagas, make: Make, between: Proxy
) -> None:
    """As for a dispute that is open already, or that there is none of."""
    reconciler = await make()
    dispute = await stored.create(await peers.agree())
    await reconciler.push(dispute, 30)
    await reconciler.push(dispute, 30)
    await reconciler.push("0" * 36, 5)
    assert between.asked.count("PlaceHold") == 1


async def test_what_negotiation_refuses_ends_the_dispute(
    peers: Peers, stored: Sagas, make: Make
) -> None:
    """With its reason, and without another call."""
    reconciler = await make()
    proposed = await peers.propose()
    dispute = await stored.create(proposed)
    await reconciler.push(dispute, 30)
    found = await stored.find(dispute)
    assert (found.state, found.refusal) == ("refused", "INVALID_STATE")
    assert stored.metric("saga_calls_total", call="PlaceHold", result="refused") == 1


async def test_the_price_is_the_one_at_which_the_service_is_held(
    peers: Peers, stored: Sagas, make: Make
) -> None:
    """It may have been amended since the dispute was written down."""
    reconciler = await make()
    agreed = await peers.agree()
    stale = deals.Service.FromString(agreed.SerializeToString())
    stale.agreed.price.amount_minor = 5
    dispute = await stored.create(stale)
    await reconciler.push(dispute, 30)
    assert (await stored.find(dispute)).price == 10_000


# --- What is lost, hangs, or is away ------------------------------------------------------------


@pytest.mark.parametrize("how", [lose_call, lose_answer])
async def test_what_gets_lost_is_asked_again_and_takes_effect_once(
    peers: Peers, stored: Sagas, make: Make, between: Proxy, how: Any
) -> None:
    """The call or its answer: the push leaves it, and the look finds it."""
    reconciler = await make(run=True)
    agreed = await peers.agree()
    for call in ("PlaceHold", "ResolveHold"):
        between.interfering[call] = how
    dispute = await stored.create(agreed)
    await reconciler.push(dispute, 30)
    assert (await stored.find(dispute)).state == "pending_hold"
    held = (await peers.look(agreed.id)).HasField("hold")
    assert held is (how is lose_answer)
    del between.interfering["PlaceHold"]
    await stored.until(dispute, "open")
    await stored.withdraw(dispute)
    await reconciler.push(dispute, 30)
    assert (await stored.find(dispute)).state == "resolved_pending"
    del between.interfering["ResolveHold"]
    await stored.until(dispute, "resolved")
    assert (await peers.causes(agreed.id))[2:] == ["held", "resumed"]
    assert await stored.causes(dispute) == [
        "created", "hold_placed", "withdrawn", "hold_resolved"
    ]  # fmt: skip


async def test_a_negotiation_that_hangs_costs_a_push_its_time_and_no_more(
    peers: Peers, stored: Sagas, make: Make, between: Proxy
) -> None:
    """The caller is answered, and what comes through later is as good."""
    let_go = asyncio.Event()

    async def hang(forward: Forward) -> bytes:
        await let_go.wait()
        return await forward()

    between.interfering["PlaceHold"] = hang
    reconciler = await make(run=True)
    agreed = await peers.agree()
    dispute = await stored.create(agreed)
    async with asyncio.timeout(PATIENCE):
        await reconciler.push(dispute, 0.1)
    assert (await stored.find(dispute)).state == "pending_hold"
    let_go.set()
    await stored.until(dispute, "open")
    assert (await peers.causes(agreed.id))[2:] == ["held"]


async def test_disputes_wait_for_a_negotiation_that_is_down(
    peers: Peers, stored: Sagas, make: Make, tmp_path: Path
) -> None:
    """At the opening and at the end; when it is back all are finished, in both directions."""
    port = free_port()
    (tmp_path / "second").mkdir()
    settings = negotiation_settings(
        peers.folder, peers.messaging_target, listen=f"127.0.0.1:{port}"
    )
    target = f"127.0.0.1:{port}"
    reconciler = await make(run=True, target=target, timeout_seconds=1)
    agreed = [await peers.agree(f"ann{n}", f"bob{n}") for n in range(12)]
    opening = [await stored.create(one, one.client) for one in agreed]
    await asyncio.gather(*(reconciler.push(one, 1) for one in opening))
    await eventually(lambda: stored.metric("saga_pending") == 12)
    assert stored.metric("saga_oldest_seconds") > 0
    async with serve_negotiation(settings):
        for one in opening:
            await stored.until(one, "open")
    for dispute, service in zip(opening, agreed, strict=True):
        await stored.withdraw(dispute, service.client)
    await asyncio.gather(*(reconciler.push(one, 1) for one in opening))
    await eventually(lambda: stored.metric("saga_pending") == 12)
    async with serve_negotiation(settings):
        for one in opening:
            await stored.until(one, "resolved")
    for service in agreed:
        assert (await peers.causes(service.id))[2:] == ["held", "resumed"]
    await eventually(lambda: stored.metric("saga_pending") == 0)
    assert stored.metric("saga_oldest_seconds") == 0


async def test_an_outage_is_not_asked_about_by_each_dispute(
    peers: Peers, stored: Sagas, make: Make, between: Proxy
) -> None:
    """After as many failures as calls are under way, a look leaves the rest for the next one."""
    between.interfering["PlaceHold"] = lose_call
    agreed = [await peers.agree(f"ann{n}", f"bob{n}") for n in range(30)]
    disputes = [await stored.create(one, one.client) for one in agreed]
    await make(run=True, calls=2, batch=7, interval_seconds=3_600)
    await eventually(lambda: stored.metric("saga_pending") == 30)
    await eventually(lambda: between.asked.count("PlaceHold") >= 2)
    assert between.asked.count("PlaceHold") <= 6
    between.interfering.clear()
    for one in disputes:
        await stored.until(one, "open")
    assert all([(await peers.look(one.id)).HasField("hold") for one in agreed])


async def test_one_that_fails_for_ever_stops_no_other(
    peers: Peers, stored: Sagas, make: Make, between: Proxy
) -> None:
    """For any reason that negotiation may have."""
    first = True

    async def refuse_the_first(forward: Forward) -> bytes:
        nonlocal first
        if first:
            metadata = grpc.aio.Metadata()
            raise grpc.aio.AioRpcError(grpc.StatusCode.INTERNAL, metadata, metadata, "a defect")
        return await forward()

    between.interfering["PlaceHold"] = refuse_the_first
    broken = await stored.create(await peers.agree("zoe", "zed"), "zed")
    reconciler = await make(run=True)
    await eventually(
        lambda: stored.metric("saga_calls_total", call="PlaceHold", result="failed") >= 2
    )
    first = False
    await stored.until(broken, "open")

    async def refuse_one(forward: Forward) -> bytes:
        if between.asked.count("ResolveHold") % 2:
            raise Cut
        return await forward()

    between.interfering["ResolveHold"] = refuse_one
    others = [await stored.create(await peers.agree(f"a{n}", f"b{n}"), f"b{n}") for n in range(9)]
    for n, one in enumerate(others):
        await reconciler.push(one, 5)
        await stored.withdraw(one, f"b{n}")
    for one in others:
        await stored.until(one, "resolved")


async def test_a_flood_of_disputes_is_worked_off_a_few_at_a_time(
    peers: Peers, stored: Sagas, make: Make, between: Proxy
) -> None:
    """No more calls are under way than may be, and pages are read until the end."""
    under_way = most = 0

    async def count(forward: Forward) -> bytes:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        try:
            return await forward()
        finally:
            under_way -= 1

    between.interfering["PlaceHold"] = count
    agreed = [await peers.agree(f"ann{n}", f"bob{n}") for n in range(60)]
    disputes = [await stored.create(one, one.client) for one in agreed]
    reached: list[str] = []
    await make(run=True, calls=3, batch=10, reached=reached.append)
    for one in disputes:
        await stored.until(one, "open")
    assert most == 3
    assert set(reached) == {"saga_batch"}
    assert between.asked.count("PlaceHold") == 60


async def test_a_wake_up_needs_no_interval(
    peers: Peers, stored: Sagas, make: Make, between: Proxy
) -> None:
    """A dispute that time has ended is resolved at once; with nothing to do nobody is asked."""
    due = asyncio.Event()
    await make(run=True, interval_seconds=3_600, due=due)
    dispute = await stored.create(await peers.agree())
    due.set()
    await stored.until(dispute, "open")
    asked = len(between.asked)
    for _ in range(5):
        due.set()
        await asyncio.sleep(0.01)
    assert len(between.asked) == asked


async def test_replicas_ask_twice_and_hold_once(peers: Peers, stored: Sagas, make: Make) -> None:
    """Two that look at the same time: each call takes effect once, each answer is heard once."""
    agreed = [await peers.agree(f"ann{n}", f"bob{n}") for n in range(20)]
    disputes = [await stored.create(one, one.client) for one in agreed]
    for _ in range(2):
        await make(run=True, registry=None, interval_seconds=0.05)
    for dispute, service in zip(disputes, agreed, strict=True):
        await stored.until(dispute, "open")
        await stored.withdraw(dispute, service.client)
    for dispute, service in zip(disputes, agreed, strict=True):
        await stored.until(dispute, "resolved")
        assert (await peers.causes(service.id))[2:] == ["held", "resumed"]
        assert await stored.causes(dispute) == [
            "created", "hold_placed", "withdrawn", "hold_resolved"
        ]  # fmt: skip


async def test_a_silence_of_all_ends_in_negotiation(
    peers: Peers, empty_database: str, between: Proxy
) -> None:
    """The default at the deadline is resolved there as any other outcome."""
    limits = Limits(statements=50, review=50)
    async with (
        sagas(migrated(empty_database), limits) as stored,
        dial_peer(between.target, NegotiationServiceStub) as client,
    ):
        reconciler = Reconciler(
            stored.writer, stored.readers, stored.operation, Negotiation(client)
        )
        agreed = await peers.agree()
        dispute = await stored.create(agreed)
        await reconciler.push(dispute, 30)
        await eventually(
            lambda: stored.fire(dispute), lambda fired: fired.target.state == "resolved_pending"
        )
        await reconciler.push(dispute, 30)
        assert (await stored.find(dispute)).state == "resolved"
        assert (await peers.causes(agreed.id))[2:] == ["held", "resumed"]
        assert (await stored.causes(dispute))[2:] == [
            "review_started", "moderators_silent", "hold_resolved"
        ]  # fmt: skip


async def test_a_late_answer_of_another_replica_is_let_go(
    peers: Peers, stored: Sagas, make: Make
) -> None:
    """Refused here, held there: with the news of it the hold ends by itself."""
    reconciler = await make()
    agreed = await peers.agree()
    dispute = await stored.create(agreed)
    await stored.carry_out(HoldRefused(dispute, "INVALID_STATE"))
    await peers.negotiation.call(
        "PlaceHold",
        deals.PlaceHoldRequest(service_id=agreed.id, dispute=dispute, opened_by="bob"),
    )
    await stored.carry_out(HoldPlaced(dispute, 10_000))
    await reconciler.push(dispute, 30)
    assert (await stored.find(dispute)).state == "resolved"
    assert not (await peers.look(agreed.id)).HasField("hold")
