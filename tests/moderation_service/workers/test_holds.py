"""No service stays held without an open dispute, as negotiation's Watch shows it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from parley.negotiation.v1 import negotiation_pb2 as deals
from parley.negotiation.v1.negotiation_pb2_grpc import NegotiationServiceStub

from moderation_service.clients.negotiation import Negotiation
from moderation_service.domain.dispute.commands import HoldRefused, HoldUnresolvable
from moderation_service.operations.tasks import AnyAnswer
from moderation_service.workers.holds import NEGOTIATION, Holds, concerns
from moderation_service.workers.reconciler import Reconciler
from service_kit.authentication.callers import Caller
from service_kit.follow.follower import Follower, FollowerMetrics, Source
from service_kit.follow.positions import read_followed
from tests.moderation_service.peers import Peers, dial_peer
from tests.moderation_service.sagas import Sagas
from tests.support.callers import as_caller, metadata_of
from tests.support.proxy import Proxy, lose_call
from tests.support.waiting import eventually

Following = Callable[[], Any]


@pytest.fixture
async def following(stored: Sagas, between: Proxy) -> Following:
    """Follow negotiation while a context lasts, and make the calls that come of it."""
    is_first = True

    @asynccontextmanager
    async def follow() -> AsyncIterator[list[AnyAnswer]]:
        nonlocal is_first
        # Metrics are those of one process, which a second one has for itself.
        registry = stored.registry if is_first else type(stored.registry)()
        is_first = False
        answers: list[AnyAnswer] = []
        async with dial_peer(between.target, NegotiationServiceStub) as client:
            negotiation, due = Negotiation(client), asyncio.Event()
            reconciler = Reconciler(
                stored.writer,
                stored.readers,
                stored.operation,
                negotiation,
                due=due,
                interval_seconds=3_600,
            )

            def heard(answer: AnyAnswer) -> None:
                answers.append(answer)
                due.set()

            holds = Holds(
                stored.writer, stored.readers, stored.operation, negotiation, heard, registry
            )
            source = Source(
                NEGOTIATION,
                between.target,
                as_caller(Caller.MODERATION),
                deals,
                NegotiationServiceStub,
            )
            follower = Follower(
                "moderation",
                source,
                stored.readers,
                holds.apply,
                FollowerMetrics(registry),
                concerns=concerns,
                # A mere position at once, by which the tests tell how far it has come.
                progress_revisions=1,
            )
            tasks = [asyncio.create_task(one) for one in (follower.run(), reconciler.run())]
            try:
                yield answers
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)

    return follow


async def place(peers: Peers, service: str, dispute: str) -> None:
    """Hold a service, as a call does that nobody waits for any more."""
    request = deals.PlaceHoldRequest(service_id=service, dispute=dispute, opened_by="bob")
    await peers.negotiation.call("PlaceHold", request)


async def let_go(peers: Peers, service: str) -> None:
    await eventually(lambda: is_free(peers, service))


async def is_free(peers: Peers, service: str) -> bool:
    return not (await peers.look(service)).HasField("hold")


async def caught_up(stored: Sagas, peers: Peers) -> None:
    """Wait until all of negotiation that there is has been applied."""
    watched = peers.negotiation._stub.Watch(
        deals.WatchRequest(watcher_name="test", everything=True),
        metadata=metadata_of(Caller.MODERATION),
    )
    position = (await watched.read()).position
    watched.cancel()

    async def reached() -> bool:
        found = await stored.readers.run(read_followed, NEGOTIATION)
        return found is not None and tuple(found) >= (position.epoch, position.revision)

    await eventually(reached)


async def test_a_hold_of_a_dispute_that_waits_opens_it(
    peers: Peers, stored: Sagas, following: Following
) -> None:
    """As when the answer to the call got lost; the news is as good."""
    agreed = await peers.agree()
    dispute = await stored.create(agreed)
    async with following() as answers:
        await place(peers, agreed.id, dispute)
        await stored.until(dispute, "open")
        await eventually(lambda: len(answers) == 1)
        assert answers[0].next_due is not None
    assert await stored.causes(dispute) == ["created", "hold_placed"]


async def test_a_hold_of_a_refused_dispute_ends(
    peers: Peers, stored: Sagas, following: Following
) -> None:
    """M7: an early call came through after a later one was refused."""
    agreed = await peers.agree()
    dispute = await stored.create(agreed)
    await stored.carry_out(HoldRefused(dispute, "INVALID_STATE"))
    async with following():
        await place(peers, agreed.id, dispute)
        await stored.until(dispute, "resolved")
        assert await is_free(peers, agreed.id)
    assert (await stored.causes(dispute))[2:] == ["held_late", "hold_resolved"]


async def test_what_happened_while_nobody_followed_is_found(
    peers: Peers, stored: Sagas, following: Following
) -> None:
    """From the beginning the first time, and from where it was left after that."""
    first, second = [await peers.agree(f"ann{n}", "bob") for n in range(2)]
    disputes = [await stored.create(one) for one in (first, second)]
    for dispute in disputes:
        await stored.carry_out(HoldRefused(dispute, "INVALID_STATE"))
    await place(peers, first.id, disputes[0])
    async with following():
        await stored.until(disputes[0], "resolved")
    await place(peers, second.id, disputes[1])
    async with following() as answers:
        await stored.until(disputes[1], "resolved")
        await caught_up(stored, peers)
        assert [one.target.id for one in answers] == [disputes[1]]
    assert (await peers.causes(first.id))[2:] == ["held", "resumed"]
    assert (await peers.causes(second.id))[2:] == ["held", "resumed"]


async def test_a_hold_of_a_dispute_that_nobody_knows_ends(
    peers: Peers, stored: Sagas, following: Following
) -> None:
    """A deal is never stuck because moderation's database is older than it was."""
    agreed = await peers.agree()
    async with following():
        await place(peers, agreed.id, "a-dispute-of-yesterday")
        await let_go(peers, agreed.id)
        await eventually(lambda: stored.metric("saga_holds_released_total") == 1)
    assert (await peers.causes(agreed.id))[2:] == ["held", "resumed"]


async def test_a_hold_of_a_dispute_that_has_ended_ends_as_it_did(
    peers: Peers, stored: Sagas, following: Following
) -> None:
    """A negotiation whose database is older than it was learns of the outcome again."""
    agreed = await peers.agree()
    dispute = await stored.create(agreed)
    async with following():
        await stored.until(dispute, "open")
    await stored.withdraw(dispute)
    # As if it had been resolved there, and then forgotten.
    await stored.carry_out(HoldUnresolvable(dispute, "HOLD_NOT_FOUND"))
    other = await peers.agree("zoe", "bob")
    await place(peers, other.id, dispute)
    async with following():
        await let_go(peers, other.id)
    assert (await peers.causes(other.id))[2:] == ["held", "resumed"]


async def test_a_hold_of_an_open_dispute_stays(
    peers: Peers, stored: Sagas, following: Following
) -> None:
    """Through any other events, and however often they are told."""
    agreed = await peers.agree()
    dispute = await stored.create(agreed)
    async with following():
        await stored.until(dispute, "open")
        await caught_up(stored, peers)
    assert not await is_free(peers, agreed.id)
    assert await stored.causes(dispute) == ["created", "hold_placed"]
    assert stored.metric("saga_holds_released_total") == 0


async def test_what_cannot_be_asked_is_not_passed_over(
    peers: Peers, stored: Sagas, following: Following, between: Proxy
) -> None:
    """While negotiation does not answer, the news of a hold is not counted as heard."""
    for method in ("GetService", "ResolveHold"):
        between.interfering[method] = lose_call
    agreed = await peers.agree()
    async with following():
        await place(peers, agreed.id, "a-dispute-of-yesterday")
        for method in ("GetService", "ResolveHold"):
            between.asked.clear()
            await eventually(lambda method=method: between.asked.count(method) >= 2)  # type: ignore[misc]  # bound
            assert not await is_free(peers, agreed.id)
            del between.interfering[method]
        await let_go(peers, agreed.id)
