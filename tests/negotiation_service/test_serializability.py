"""Random commands race over real gRPC, and all answers are those of one order of them.

Both parties, an outsider and moderation send at once what they make of fresh and of old snapshots,
to two replicas on one database. Afterwards the stored events are that order: each is what `decide`
makes of its command on the deal before it, and each refusal is what it says of a deal on the way.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from random import Random
from typing import Any, NamedTuple

import grpc
import pytest
from parley.negotiation.v1 import negotiation_pb2 as pb
from sqlalchemy import text

from negotiation_service.api import requests, translation
from negotiation_service.domain.commands import Command, PlaceHold, ResolveHold
from negotiation_service.domain.decide import decide
from negotiation_service.domain.decision import Decision
from negotiation_service.domain.entities import Deal, Hold, Outcome, Ruling
from negotiation_service.domain.events import Cause, Event, evolve
from negotiation_service.domain.facts import NO_FACTS
from negotiation_service.domain.views import Snapshot, snapshot
from service_kit.rules import Refusal
from tests.negotiation_service.deals import LIMITS as OF_DEALS
from tests.negotiation_service.deals import stored_events
from tests.support.racing import several_clients
from tests.support.serving import Database, status_of, unpack

# As of the service here, which has no moderation.
LIMITS = replace(OF_DEALS, moderation=False)
CLIENTS = 8
DEALS = 5
ROUNDS = 10
AT_ONCE = 6
ACTORS = ("ann", "ann", "ann", "bob", "bob", "bob", "eve")
KINDS = (
    *("edit", "AGREED", "DELIVERED", "note") * 4,
    *("COMPLETED", "REOPENED", "CANCELLED") * 2,
    *("DECLINED", "WITHDRAWN", "hold", "resolve"),
)

COMMANDS: dict[type, Callable[[Any], Command]] = {
    pb.EditPriceRequest: requests.edit_price,
    pb.EndNegotiationRequest: requests.end_negotiation,
    pb.TerminateServiceRequest: requests.terminate_service,
    pb.SubmitNoteRequest: requests.submit_note,
    pb.PlaceHoldRequest: requests.place_hold,
    pb.ResolveHoldRequest: requests.resolve_hold,
}


class Sent(NamedTuple):
    """A request and what came back: its response, or the details of its refusal."""

    request: Any
    answer: Any
    refusal: dict[str, Any] | None

    @property
    def command(self) -> Command:
        return COMMANDS[type(self.request)](self.request)


@pytest.fixture
async def clients(serve: Any) -> AsyncIterator[list[Any]]:
    async with several_clients(serve, CLIENTS) as made:
        yield made


def invent(random: Random, shown: pb.Service, key: str) -> Any:
    """Something that somebody may ask for who was shown this."""
    kind, actor = random.choice(KINDS), random.choice(ACTORS)
    whose = {"actor": actor, "service_id": shown.id, "idempotency_key": key}
    live = shown.offer if shown.HasField("offer") else shown.amendment
    match kind:
        case "edit":
            price = pb.Money(amount_minor=random.randint(1, 3) * 1_000, currency="EUR")
            return pb.EditPriceRequest(price=price, base_offer=live.number, **whose)
        case "AGREED" | "DECLINED" | "WITHDRAWN":
            answer = pb.NegotiationOutcome.Value(f"NEGOTIATION_OUTCOME_{kind}")
            price = live.price if live.number else pb.Money(amount_minor=1_000, currency="EUR")
            return pb.EndNegotiationRequest(
                outcome=answer, offer=live.number or 1, price=price, **whose
            )
        case "note":
            return pb.SubmitNoteRequest(score=random.randint(1, 5), comment=key, **whose)
        case "hold":
            dispute = f"d{random.randint(1, 2)}"
            return pb.PlaceHoldRequest(service_id=shown.id, dispute=dispute, opened_by=actor)
        case "resolve":
            ruling = pb.HoldOutcome.Value(f"HOLD_OUTCOME_{random.choice(('RESUME', 'COMPLETED'))}")
            dispute = shown.hold.dispute or "d1"
            return pb.ResolveHoldRequest(service_id=shown.id, dispute=dispute, outcome=ruling)
    outcome = pb.TerminationOutcome.Value(f"TERMINATION_OUTCOME_{kind}")
    return pb.TerminateServiceRequest(outcome=outcome, **whose)


async def send(client: Any, request: Any) -> Sent:
    """Send it, and keep what comes back."""
    try:
        name = type(request).__name__.removesuffix("Request")
        return Sent(request, await client.call(name, request), None)
    except grpc.aio.AioRpcError as error:
        return Sent(request, None, unpack(status_of(error)))


async def storm(clients: list[Any], random: Random, deal: str) -> tuple[str, list[Sent]]:
    """Everybody at once, round after round, about one deal."""
    sent: list[Sent] = []
    conversation = await clients[0].open_conversation("ann", "bob", deal)
    shown = [await clients[0].create(conversation=conversation)]
    for number in range(ROUNDS):
        request = pb.GetServiceRequest(actor="ann", service_id=shown[0].id)
        shown.append((await clients[0].call("GetService", request)).service)
        calls = [
            send(
                random.choice(clients),
                invent(random, random.choice(shown[-2:]), f"{deal}-{number}-{one}"),
            )
            for one in range(AT_ONCE)
        ]
        sent += await asyncio.gather(*calls)
    return shown[0].id, sent


@pytest.mark.parametrize("seed", range(3))
async def test_answers_are_those_of_one_order(
    clients: list[Any], database: Database, seed: int
) -> None:
    randoms = [Random(f"{seed} {number}") for number in range(DEALS)]
    storms = await asyncio.gather(
        *(storm(clients, random, f"deal {number}") for number, random in enumerate(randoms))
    )
    stored = stored_events(database)
    with database.engine.connect() as connection:
        rows = connection.execute(text("SELECT actor_id, key, seq FROM idempotency_keys")).all()
    ends = {(row.actor_id, row.key): int(row.seq) for row in rows}
    for service, sent in storms:
        check(sent, stored[service], ends)
    assert ends == {}, "a key is kept for what was answered as done, and for nothing else"
    assert sum(map(len, stored.values())) > 3 * DEALS, "hardly anything was accepted"


def check(sent: list[Sent], events: list[Event], ends: dict[tuple[str, str], int]) -> None:
    """Every answer, and that nothing happened that nobody asked for."""
    stages: list[Deal] = []
    for event in events:
        stages.append(evolve(stages[-1] if stages else None, event))
    explained = {1}
    for one in sent:
        if one.refusal is not None:
            check_refusal(one, stages)
        elif not isinstance(one.command, PlaceHold | ResolveHold):
            end = ends.pop((one.request.actor, one.request.idempotency_key))
            explained |= check_success(one, end, stages, events)
    for event in events:
        if isinstance(event.details, Hold | Ruling):
            before, after = stages[event.seq - 2], stages[event.seq - 1]
            assert decide(before, moderation(event), NO_FACTS, event.at, LIMITS) == Decision(
                after, (event,)
            )
            explained.add(event.seq)
    assert explained == {event.seq for event in events}


def moderation(event: Event) -> Command:
    if isinstance(event.details, Hold):
        return PlaceHold(event.service, event.details.dispute, event.details.opened_by)
    assert isinstance(event.details, Ruling)
    outcome = event.details.outcome
    assert outcome in {Outcome.RESUME, Outcome.COMPLETED}
    return ResolveHold(event.service, event.details.dispute, outcome)


def check_success(one: Sent, end: int, stages: list[Deal], events: list[Event]) -> set[int]:
    """A success is what the rules make of the deal just before; gives its events."""
    start = end - 1 if events[end - 1].cause is Cause.NOTES_REVEALED else end
    happened = tuple(events[start - 1 : end])
    decision = decide(stages[start - 2], one.command, NO_FACTS, happened[0].at, LIMITS)
    assert decision == Decision(stages[end - 1], happened)
    assert one.answer.service == seen(stages[end - 1], one.request.actor, happened[-1].at)
    return set(range(start, end + 1))


def check_refusal(one: Sent, stages: list[Deal]) -> None:
    """A deal on the way refuses it for this reason, and is the one that is shown."""
    assert one.refusal is not None
    reason, current = one.refusal["ErrorInfo"].reason, one.refusal.get("Service")
    if current is None:
        assert reason in {"SERVICE_NOT_FOUND", "INVALID_ARGUMENT"}
        return
    # Moderation sees no party's side.
    reader = getattr(one.request, "actor", "")
    fitting = [stage for stage in stages if seen(stage, reader, created(stages)) == current]
    assert fitting, "what is shown was never true"
    reasons = set()
    for stage in fitting:
        result = decide(stage, one.command, NO_FACTS, created(stages), LIMITS)
        reasons.add(result.reason if isinstance(result, Refusal) else "")
    assert reason in reasons


def created(stages: list[Deal]) -> int:
    """A time at which nothing is due yet, as during the whole test."""
    return stages[0].created_at


def seen(deal: Deal, reader: str, now: int) -> pb.Service:
    shown = snapshot(deal, reader, now, LIMITS)
    assert isinstance(shown, Snapshot)
    return translation.service(shown)
