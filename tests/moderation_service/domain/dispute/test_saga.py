"""A dispute from its opening to its end, over gRPC, beside messaging and negotiation that serve."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import grpc
import pytest
from parley.moderation.v1 import moderation_pb2 as pb
from parley.negotiation.v1 import negotiation_pb2 as deals

from service_kit.rpc.client import reason_of
from tests.moderation_service.moderation import Moderation, moderation_settings, serve_moderation
from tests.moderation_service.peers import Peers
from tests.moderation_service.sagas import migrated
from tests.support.proxy import Proxy, lose_answer, lose_call, proxy
from tests.support.waiting import eventually

DAY = 24 * 60 * 60
HOUR = 60 * 60


@pytest.fixture
async def between(peers: Peers) -> AsyncIterator[Proxy]:
    async with proxy(peers.negotiation_target) as made:
        yield made


Serve = Callable[..., AbstractAsyncContextManager[Moderation]]


@pytest.fixture
def serve(peers: Peers, between: Proxy, empty_database: str, tmp_path: Path) -> Serve:
    """Serve moderation with changed settings, again and again on the same database."""
    url = migrated(empty_database)

    def start(**changes: Any) -> AbstractAsyncContextManager[Moderation]:
        return serve_moderation(
            moderation_settings(tmp_path, url, peers.messaging_target, between.target, **changes)
        )

    return start


async def reached(moderation: Moderation, dispute: str, state: int) -> pb.Dispute:
    found = await eventually(lambda: moderation.get(dispute), lambda found: found.state == state)
    assert isinstance(found, pb.Dispute)
    return found


async def is_held(peers: Peers, service: str) -> bool:
    return (await peers.look(service)).HasField("hold")


async def reason(awaitable: Awaitable[Any]) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await awaitable
    return reason_of(caught.value, "moderation.parley")


async def test_a_settlement_ends_a_dispute_and_the_deal(peers: Peers, serve: Serve) -> None:
    """Opened, held, offered, accepted, resolved; each answer shows what has come of it."""
    agreed = await peers.agree()
    async with serve() as moderation:
        opened = await moderation.create(agreed.id)
        assert (opened.state, opened.price.amount_minor) == (pb.DISPUTE_STATE_OPEN, 10_000)
        assert await is_held(peers, agreed.id)
        parts = pb.Settlement(provider_minor=7_000, client_minor=3_000)
        offered = await moderation.submit(opened.id, "ann", text="not so crooked", propose=parts)
        accepting = pb.SubmitDisputeStatementRequest.Acceptance(offer=1, settlement=parts)
        assert offered.offers[0].settlement == parts
        settled = await moderation.submit(opened.id, "bob", accept=accepting)
        assert settled.state == pb.DISPUTE_STATE_RESOLVED
        assert settled.resolution.cause == "settled"
    service = await peers.look(agreed.id)
    assert not service.HasField("hold")
    assert service.state == deals.STATE_COMPLETED
    assert (service.settlement.provider_minor, service.settlement.client_minor) == (7_000, 3_000)
    assert (await peers.causes(agreed.id))[2:] == ["held", "decided"]


async def test_a_refused_hold_is_told_at_once(peers: Peers, serve: Serve) -> None:
    """Too many disputes of a service, which negotiation alone knows."""
    agreed = await peers.agree()
    async with serve() as moderation:
        for _ in range(5):
            opened = await moderation.create(agreed.id)
            await moderation.submit(opened.id, "bob", withdraw=True)
        refused = await moderation.create(agreed.id)
        assert refused.state == pb.DISPUTE_STATE_REFUSED
        assert refused.refusal == "TOO_MANY_DISPUTES"
    assert not await is_held(peers, agreed.id)


async def test_one_dispute_about_a_service_at_a_time(peers: Peers, serve: Serve) -> None:
    """P9: however many ask at once, by whichever party."""
    agreed = await peers.agree()
    async with serve() as moderation:
        outcomes = await asyncio.gather(
            *(moderation.create(agreed.id, by) for by in ("ann", "bob") * 5),
            return_exceptions=True,
        )
        opened = [one for one in outcomes if isinstance(one, pb.Dispute)]
        assert len(opened) == 1
        assert {
            reason_of(one, "moderation.parley")
            for one in outcomes
            if isinstance(one, grpc.aio.AioRpcError)
        } == {"OPEN_DISPUTE_EXISTS"}
        hold = (await peers.look(agreed.id)).hold
        assert hold.dispute == opened[0].id
    assert (await peers.causes(agreed.id))[2:] == ["held"]


@pytest.mark.parametrize("how", [lose_call, lose_answer])
async def test_negotiation_down_at_the_opening_is_no_matter(
    peers: Peers, serve: Serve, between: Proxy, how: Any
) -> None:
    """The dispute is stored and answered as pending, and open when negotiation is back."""
    agreed = await peers.agree()
    between.interfering["PlaceHold"] = how
    async with serve() as moderation:
        opened = await moderation.create(agreed.id, idempotency_key="k")
        # Of a hold whose answer got lost the Watch may have told already.
        expected = {pb.DISPUTE_STATE_PENDING_HOLD}
        if how is lose_answer:
            expected |= {pb.DISPUTE_STATE_OPEN}
        assert opened.state in expected
        assert await reason(moderation.create(agreed.id)) == "OPEN_DISPUTE_EXISTS"
        between.interfering.clear()
        await reached(moderation, opened.id, pb.DISPUTE_STATE_OPEN)
    assert (await peers.causes(agreed.id))[2:] == ["held"]


async def test_negotiation_down_before_the_opening_refuses_it(
    peers: Peers, serve: Serve, between: Proxy
) -> None:
    """Nobody can say whose service it is; nothing is stored."""
    agreed = await peers.agree()
    between.interfering["GetService"] = lose_call
    async with serve() as moderation:
        assert await reason(moderation.create(agreed.id)) == "NEGOTIATION_UNAVAILABLE"
        between.interfering.clear()
        assert (await moderation.create(agreed.id)).state == pb.DISPUTE_STATE_OPEN


@pytest.mark.parametrize("how", [lose_call, lose_answer])
async def test_negotiation_down_at_the_end_is_no_matter(
    peers: Peers, serve: Serve, between: Proxy, how: Any
) -> None:
    """The outcome is stored, and carried out when negotiation is back; M7 in between as well."""
    agreed = await peers.agree()
    async with serve() as moderation:
        opened = await moderation.create(agreed.id)
        between.interfering["ResolveHold"] = how
        ended = await moderation.submit(opened.id, "bob", withdraw=True)
        assert ended.state == pb.DISPUTE_STATE_RESOLVED_PENDING
        assert await is_held(peers, agreed.id) is (how is lose_call)
        between.interfering.clear()
        await reached(moderation, opened.id, pb.DISPUTE_STATE_RESOLVED)
    assert (await peers.causes(agreed.id))[2:] == ["held", "resumed"]


async def test_an_interrupted_dispute_is_finished_after_a_restart(
    peers: Peers, serve: Serve, between: Proxy
) -> None:
    """Nothing but its state says what is due."""
    agreed = await peers.agree()
    between.interfering["PlaceHold"] = lose_call
    async with serve() as moderation:
        opened = await moderation.create(agreed.id)
    between.interfering.clear()
    async with serve() as moderation:
        await reached(moderation, opened.id, pb.DISPUTE_STATE_OPEN)
        between.interfering["ResolveHold"] = lose_answer
        await moderation.submit(opened.id, "bob", withdraw=True)
    between.interfering.clear()
    async with serve() as moderation:
        await reached(moderation, opened.id, pb.DISPUTE_STATE_RESOLVED)
    assert (await peers.causes(agreed.id))[2:] == ["held", "resumed"]


async def test_silence_ends_a_dispute_by_itself(peers: Peers, serve: Serve) -> None:
    """Statements, review, and the default of the moderators, each at its time; no one asks."""
    agreed = await peers.agree()
    short = {"statements_hours": 0.3 / HOUR, "review_days": 0.3 / DAY}
    async with serve(timers_max_sleep_seconds=3_600, saga_seconds=3_600, **short) as moderation:
        opened = await moderation.create(agreed.id)
        ended = await reached(moderation, opened.id, pb.DISPUTE_STATE_RESOLVED)
        assert ended.resolution.cause == "moderators_silent"
    assert (await peers.causes(agreed.id))[2:] == ["held", "resumed"]


async def test_a_silent_respondent_grants_the_claim(peers: Peers, serve: Serve) -> None:
    """An installation may choose that."""
    agreed = await peers.agree()
    short = {"statements_hours": 0.3 / HOUR, "respondent_silence": "claim"}
    async with serve(timers_max_sleep_seconds=3_600, saga_seconds=3_600, **short) as moderation:
        refund = pb.Money(amount_minor=4_000, currency="EUR")
        opened = await moderation.create(agreed.id, refund=refund)
        ended = await reached(moderation, opened.id, pb.DISPUTE_STATE_RESOLVED)
        assert ended.resolution.cause == "respondent_silent"
    settlement = (await peers.look(agreed.id)).settlement
    assert (settlement.provider_minor, settlement.client_minor) == (6_000, 4_000)


async def test_what_fell_due_while_nobody_served_happens_at_the_start(
    peers: Peers, serve: Serve
) -> None:
    """The deadline, and the call that comes of it."""
    agreed = await peers.agree()
    short = {"statements_hours": 0.2 / HOUR, "review_days": 0.1 / DAY}
    async with serve(**short) as moderation:
        opened = await moderation.create(agreed.id)
    await asyncio.sleep(0.35)
    async with serve(timers_max_sleep_seconds=3_600, saga_seconds=3_600, **short) as moderation:
        await reached(moderation, opened.id, pb.DISPUTE_STATE_RESOLVED)
    assert not await is_held(peers, agreed.id)


async def test_a_moderators_ruling_is_carried_out(peers: Peers, serve: Serve) -> None:
    """Under review, by version; the parties are told the reasons, and the deal is cancelled."""
    agreed = await peers.agree()
    async with serve(statements_hours=0.2 / HOUR) as moderation:
        opened = await moderation.create(agreed.id)
        await reached(moderation, opened.id, pb.DISPUTE_STATE_UNDER_REVIEW)
        seen = await moderation.look(opened.id)
        kinds = {one.kind for one in seen.evidence}
        assert len(kinds) == 2
        ruled = await moderation.decide(seen, outcome=pb.DISPUTE_OUTCOME_CANCELLED)
        assert ruled.state == pb.DISPUTE_STATE_RESOLVED
        assert (await moderation.get(opened.id)).resolution.facts == "a photo of the fence"
    assert (await peers.look(agreed.id)).state == deals.STATE_CANCELLED


async def test_evidence_of_a_dispute_is_kept_and_then_deleted_by_itself(
    peers: Peers, serve: Serve
) -> None:
    """M6: for its time after the end, and not a look longer."""
    agreed = await peers.agree()
    async with serve() as moderation:
        opened = await moderation.create(agreed.id)
        await moderation.submit(opened.id, "bob", withdraw=True)
        kept = await moderation.look(opened.id)
        assert all(one.content for one in kept.evidence)
    async with serve() as moderation:
        kept = await moderation.look(opened.id)
        assert all(one.content for one in kept.evidence)
    other = await peers.agree("zoe", "zed")
    short = {"dispute_evidence_days": 0.1 / DAY}
    async with serve(**short) as moderation:
        soon = await moderation.create(other.id, "zed")
        await moderation.submit(soon.id, "zed", withdraw=True)
    await asyncio.sleep(0.15)
    async with serve(**short) as moderation:
        found = await eventually(
            lambda: moderation.look(soon.id),
            lambda found: not any(one.content for one in found.evidence),
        )
    assert len(found.evidence) == 2
