"""Failures of PostgreSQL alone: cut lines, locked rows, answers that get lost."""

from typing import Any

import grpc
import pytest
from parley.negotiation.v1 import negotiation_pb2 as pb

from negotiation_service.domain.commands import FireTimers
from negotiation_service.domain.events import Cause
from negotiation_service.settings import NegotiationSettings
from negotiation_service.storage import deals
from service_kit.storage.bulk_statements import Insertion
from service_kit.storage.clock import read_position
from tests.negotiation_service.deals import (
    LIMITS,
    carry_out,
    proposed,
    stored_deals,
    stored_events,
    stored_offers,
    stored_timers,
)
from tests.support.postgresql import Postgresql, cut_commits
from tests.support.serving import Database, opened

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE


pytestmark = pytest.mark.parametrize("kind", ["postgresql"], indirect=True)


async def test_a_connection_cut_in_a_transaction_leaves_no_trace(
    client: Any, refused: Any, settings: NegotiationSettings, postgresql: Postgresql,
    database: Database, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Of half a command nothing is stored: no deal, offer, event, timer or key; then it goes on."""
    await client.create("carol", "dan")
    before = database.read(read_position)
    insertion_of_keys = deals.insertion_of_keys

    def cut(*arguments: Any) -> Insertion:
        postgresql.cut_writer(settings.database_url)
        return insertion_of_keys(*arguments)

    conversation = await client.open_conversation("ann", "bob")
    request = client.creation(conversation_id=conversation, idempotency_key="k")
    database.engine.dispose()
    with monkeypatch.context() as patched:
        patched.setattr(deals, "insertion_of_keys", cut)
        await refused(client.call("CreateService", request), UNAVAILABLE, "STORAGE_UNAVAILABLE")
    assert database.read(read_position) == before
    for stored in (stored_deals, stored_events, stored_offers, stored_timers):
        assert len(stored(database)) == 1
    answer = await client.call("CreateService", request)
    assert (answer.duplicate, answer.service.version) == (False, 1)


@pytest.mark.parametrize("arrives", [True, False])
async def test_a_lost_answer_is_given_to_whoever_asks_again(
    client: Any, refused: Any, database: Database, arrives: bool
) -> None:
    """The line breaks during COMMIT: with its key a command has taken effect once in the end."""
    shown = await client.create()
    with cut_commits(arrives=arrives):
        accept = client.accept("bob", shown, idempotency_key="k")
        await refused(accept, UNAVAILABLE, "STORAGE_UNAVAILABLE")
    answer = await client.call(
        "EndNegotiation",
        actor="bob",
        service_id=shown.id,
        outcome=pb.NEGOTIATION_OUTCOME_AGREED,
        offer=1,
        price=shown.offer.price,
        idempotency_key="k",
    )
    assert (answer.duplicate, answer.cause) == (arrives, "agreed")
    causes = [one.cause for one in stored_events(database)[shown.id]]
    assert causes == [Cause.CREATED, Cause.AGREED]


def test_what_another_has_claimed_is_left_to_it(
    settings: NegotiationSettings, database: Database
) -> None:
    """FOR UPDATE SKIP LOCKED: a locked timer is not waited for, and fires when it is free."""
    one, other = proposed("c1"), proposed("c2")
    database.run(carry_out, one, other)
    database.now += LIMITS.offer_ttl
    fire = (FireTimers(one.service), FireTimers(other.service))
    with opened(settings.database_url) as replica, replica.begin() as connection:
        claimed = deals.claim_due(connection, [one.service], database.now)
        assert claimed == {one.service}
        skipped, fired = database.run(carry_out, *fire)
        assert skipped.events == ()
        assert [event.cause for event in fired.events] == [Cause.EXPIRED]
    first, second = database.run(carry_out, *fire)
    assert [event.cause for event in first.events] == [Cause.EXPIRED]
    assert second.events == ()
