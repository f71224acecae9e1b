"""Commands that race one another over real gRPC: one wins, the others are shown what is true.

Clients of their own reach two replicas on one database, and afterwards the rows agree.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from parley.negotiation.v1 import negotiation_pb2 as pb

from negotiation_service.domain.decision import running_timers
from negotiation_service.domain.entities import State
from negotiation_service.domain.events import Cause, offer_made, replay
from tests.negotiation_service.deals import (
    stored_deals,
    stored_events,
    stored_offers,
    stored_timers,
)
from tests.support import racing
from tests.support.racing import reasons, several_clients
from tests.support.serving import Database

CLIENTS = 12

Race = Callable[[list[Awaitable[Any]]], Awaitable[tuple[list[Any], list[dict[str, Any]]]]]


@pytest.fixture
async def clients(serve: Any) -> AsyncIterator[list[Any]]:
    async with several_clients(serve, CLIENTS) as made:
        yield made


@pytest.fixture
def race(database: Database) -> Race:
    """Let calls race, and check the rows after it."""

    async def run(calls: list[Awaitable[Any]]) -> tuple[list[Any], list[dict[str, Any]]]:
        outcomes = await racing.race(calls)
        check_rows(database)
        return outcomes

    return run


def check_rows(database: Database) -> None:
    """Deals, events, offers and timers tell the same; a conversation has one open service."""
    deals, events, offers = (
        stored_deals(database), stored_events(database), stored_offers(database),
    )  # fmt: skip
    running = stored_timers(database)
    for key, deal in deals.items():
        assert replay(events[key]) == deal
        made = [(one.number, one.price) for event in events[key] if (one := offer_made(event))]
        assert made == offers[key]
        assert [number for number, _ in made] == list(range(1, len(made) + 1))
        assert running.get(key, {}) == {one.timer: one.due_at for one in running_timers(deal)}
    open_in = [one.conversation for one in deals.values() if one.is_open]
    assert len(open_in) == len(set(open_in))


async def test_one_of_many_acceptances_wins(clients: list[Any], race: Race) -> None:
    """The others get STALE_OFFER with the agreement that there is."""
    shown = await clients[0].create()
    won, lost = await race([one.accept("bob", shown) for one in clients])
    assert (len(won), len(lost), reasons(lost)) == (1, CLIENTS - 1, {"STALE_OFFER"})
    for one in lost:
        assert (one["Service"].state, one["Service"].agreed) == (pb.STATE_AGREED, won[0].agreed)


async def test_of_an_acceptance_and_a_revision_one_wins(clients: list[Any], race: Race) -> None:
    """An acceptance agrees to the price that was named, or to none."""
    for _ in range(10):
        shown = await clients[0].create()
        won, lost = await race(
            [
                clients[1].accept("bob", shown),
                clients[2].edit("ann", shown.id, 99_000, 1),
            ]
        )
        assert (len(won), len(lost), reasons(lost)) == (1, 1, {"STALE_OFFER"})
        current = lost[0]["Service"]
        if won[0].state == pb.STATE_AGREED:
            assert (current.state, current.agreed.price.amount_minor) == (pb.STATE_AGREED, 10_000)
            await clients[0].terminate("ann", shown.id, "CANCELLED")
            await clients[0].terminate("bob", shown.id, "CANCELLED")
        else:
            assert (current.state, current.offer.number) == (pb.STATE_OFFERED, 2)
            await clients[0].accept("bob", current)
            await clients[0].terminate("ann", shown.id, "CANCELLED")
            await clients[0].terminate("bob", shown.id, "CANCELLED")


async def test_one_of_many_counter_offers_wins(clients: list[Any], race: Race) -> None:
    """Each names the offer that it answers; the others are shown the one that came before."""
    shown = await clients[0].create()
    won, lost = await race(
        [one.edit("bob", shown.id, 9_000 + number, 1) for number, one in enumerate(clients)]
    )
    assert (len(won), len(lost), reasons(lost)) == (1, CLIENTS - 1, {"STALE_OFFER"})
    assert {one["Service"].offer.price.amount_minor for one in lost} == {
        won[0].offer.price.amount_minor
    }


async def test_one_of_many_proposals_wins(clients: list[Any], race: Race) -> None:
    """From both sides at once: one open service, and the others are shown it."""
    conversation = await clients[0].open_conversation("ann", "bob")
    calls = [
        one.create("ann" if number % 2 else "bob", conversation=conversation)
        for number, one in enumerate(clients)
    ]
    won, lost = await race(calls)
    assert (len(won), len(lost), reasons(lost)) == (1, CLIENTS - 1, {"OPEN_SERVICE_EXISTS"})
    assert {one["Service"].id for one in lost} == {won[0].id}


async def test_a_decline_an_acceptance_and_a_withdrawal_exclude_each_other(
    clients: list[Any], race: Race
) -> None:
    """One of the three ends the offer, and the two others learn how."""
    shown = await clients[0].create()

    def end(client: Any, actor: str, outcome: Any) -> Any:
        return client.call(
            "EndNegotiation", actor=actor, service_id=shown.id, outcome=outcome, offer=1
        )

    won, lost = await race(
        [
            clients[0].accept("bob", shown),
            end(clients[1], "bob", pb.NEGOTIATION_OUTCOME_DECLINED),
            end(clients[2], "ann", pb.NEGOTIATION_OUTCOME_WITHDRAWN),
        ]
    )
    assert (len(won), len(lost)) == (1, 2)
    assert reasons(lost) <= {"STALE_OFFER", "INVALID_STATE"}
    states = {one["Service"].state for one in lost}
    assert len(states) == 1
    assert states < {pb.STATE_AGREED, pb.STATE_CLOSED}


async def test_a_resend_beside_its_original_takes_effect_once(
    clients: list[Any], race: Race
) -> None:
    """Many simultaneous calls with one key have one effect and one answer."""
    conversation = await clients[0].open_conversation("ann", "bob")
    creation = clients[0].creation(conversation_id=conversation, idempotency_key="k")
    created, lost = await race([one.call("CreateService", creation) for one in clients])
    assert lost == []
    assert sum(not one.duplicate for one in created) == 1
    assert len({one.service.SerializeToString(deterministic=True) for one in created}) == 1
    shown = created[0].service
    accepted, lost = await race([one.accept("bob", shown, idempotency_key="k") for one in clients])
    assert lost == []
    assert len({one.SerializeToString(deterministic=True) for one in accepted}) == 1


async def test_of_many_bodies_under_one_key_one_counts(clients: list[Any], race: Race) -> None:
    """The first takes the key; each other body is refused."""
    shown = await clients[0].create()
    won, lost = await race(
        [
            one.edit("bob", shown.id, 9_000 + number, 1, idempotency_key="k")
            for number, one in enumerate(clients)
        ]
    )
    assert (len(won), reasons(lost)) == (1, {"IDEMPOTENCY_KEY_CONFLICT"})


async def test_an_offer_is_accepted_in_its_time_or_expires(
    serve: Any, race: Race, database: Database
) -> None:
    """Acceptances race the end of their offers: no deal is agreed at or after that."""
    expiry: dict[str, int] = {}

    async def accept(client: Any, number: int) -> Any:
        shown = await client.create(f"ann{number}", f"bob{number}")
        expiry[shown.id] = shown.offer.expire_time.ToMilliseconds()
        # The first at once, the last in any case too late, and many in between.
        await asyncio.sleep(number / 40)
        return await client.accept(f"bob{number}", shown)

    async with serve(offer_hours=0.5 / 3_600, min_offer_minutes=0.001) as client:
        won, lost = await race([accept(client, number) for number in range(41)])
    assert won
    assert reasons(lost) == {"INVALID_STATE"}
    assert {one["Service"].state for one in lost} == {pb.STATE_CLOSED}
    deals = stored_deals(database)
    for key, events in stored_events(database).items():
        last = events[-1]
        if deals[key].agreed:
            assert (last.cause, deals[key].state) == (Cause.AGREED, State.AGREED)
            assert last.at < expiry[key]
        else:
            # If its timer has not fired yet, it does with whatever comes next.
            assert last.cause in {Cause.EXPIRED, Cause.CREATED}
