"""Sanctions over real gRPC: words and what binds anew are refused, all else of a deal goes on."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import pytest
from parley.negotiation.v1 import negotiation_pb2 as pb

from tests.support.moderation import RESTRICTIONS, Following, ScriptedModeration, lock, standing

DENIED = (grpc.StatusCode.PERMISSION_DENIED, "SANCTIONED")


@pytest.fixture
async def client(serve: Any, followed: dict[str, Any]) -> AsyncIterator[Any]:
    async with serve(**followed) as started:
        yield started


def steps(client: Any, actor: str, deal: pb.Service) -> dict[str, Callable[[], Any]]:
    """The steps of a party of an agreed service, which has an amendment by the other, that a
    sanction forbids: they bind anew, or say something.
    """
    said = {"reason": "Idiot."}
    return {
        "edit": lambda: client.edit(actor, deal.id, 9_000, 2),
        "accept": lambda: client.accept(actor, deal),
        "deliver": lambda: client.terminate(actor, deal.id, "DELIVERED", **said),
        "cancel": lambda: client.terminate(actor, deal.id, "CANCELLED", **said),
    }


async def agreed(client: Any) -> Any:
    """A service of ann's that was agreed, to which bob proposes an amendment."""
    deal = await client.accept("bob", await client.create("ann", "bob"))
    return await client.edit("bob", deal.id, 8_000, 0)


@pytest.mark.parametrize("restriction", RESTRICTIONS)
async def test_the_restricted_say_and_promise_nothing_and_then_again(
    client: Any, following: Following, refused: Any, restriction: str
) -> None:
    """Nor propose anything; the refusal shows the deal, which the other goes on with; reading goes
    on, and once lifted everything. What is shown offers what is left.
    """
    deal = await agreed(client)
    await following.tell(standing("ann", **RESTRICTIONS[restriction]))
    for step in steps(client, "ann", deal).values():
        details = await refused(step(), *DENIED)
        assert details["Service"].version == deal.version
    await refused(client.create("ann", "eve"), *DENIED)
    shown = await client.call("GetService", actor="ann", service_id=deal.id)
    assert shown.service.version == deal.version
    left = ["decline", "deliver", "request_cancellation", "open_dispute"]
    assert [*shown.service.allowed_actions] == left
    listed = await client.call("ListServices", actor="ann")
    assert listed.services[0] == shown.service
    batch = {"actor": "ann", "conversation_ids": [deal.conversation_id]}
    assert (await client.call("BatchGetServices", **batch)).services[0] == shown.service
    deal = await client.edit("bob", deal.id, 7_000, 2)
    assert "revise" in deal.allowed_actions
    await following.tell(standing("ann"))
    deal = await client.accept("ann", deal)
    assert deal.agreed.price.amount_minor == 7_000


async def test_what_is_pushed_and_read_again_offers_what_is_left(
    client: Any, following: Following
) -> None:
    """The view of the restricted, of a live event and of the same one listed."""
    stream = await client.watch(["ann", "bob"])
    deal = await agreed(client)
    await stream.events(3)
    await following.tell(standing("ann", **RESTRICTIONS["muted"]))
    await client.edit("bob", deal.id, 7_000, 2)
    ((_, told),) = await stream.events(1)
    views = dict(zip(told.recipients, told.service_changed.views, strict=True))
    assert "accept" not in views["ann"].allowed_actions
    assert "deliver" in views["ann"].allowed_actions
    assert "revise" in views["bob"].allowed_actions


@pytest.mark.parametrize("restriction", RESTRICTIONS)
async def test_no_deadline_is_one_that_a_sanction_keeps_from_meeting(
    client: Any, following: Following, restriction: str
) -> None:
    """Both are restricted after the agreement, and go through to the end without a word."""
    deal = await client.accept("bob", await client.create("ann", "bob"))
    await following.tell(
        *(standing(one, **RESTRICTIONS[restriction]) for one in ("ann", "bob")),
        lock(deal.conversation_id),
    )
    await client.terminate("ann", deal.id, "DELIVERED")
    await client.terminate("bob", deal.id, "REOPENED")
    await client.terminate("ann", deal.id, "DELIVERED")
    deal = await client.terminate("bob", deal.id, "COMPLETED")
    assert deal.settlement == pb.Settlement(provider_minor=10_000)
    await client.note("ann", deal.id, "")
    deal = await client.note("bob", deal.id, "")
    assert deal.notes.theirs.score == 5


async def test_in_a_locked_conversation_neither_acts(
    client: Any, following: Following, refused: Any
) -> None:
    """Both are refused there, also to propose; elsewhere they are free."""
    deal = await agreed(client)
    await following.tell(lock(deal.conversation_id))
    for actor in ("ann", "bob"):
        for step in steps(client, actor, deal).values():
            await refused(step(), *DENIED)
        await client.create(actor, "eve")
    await following.tell(lock(deal.conversation_id, False))
    closed = await client.create("cat", "dan")
    await following.tell(lock(closed.conversation_id))
    await refused(client.create("cat", conversation=closed.conversation_id), *DENIED)
    outsider = client.terminate("eve", deal.id, "DELIVERED")
    await refused(outsider, grpc.StatusCode.NOT_FOUND, "SERVICE_NOT_FOUND")
    assert (await client.accept("ann", deal)).agreed.version == 2


async def test_a_repeat_is_answered_as_then(
    client: Any, following: Following, refused: Any
) -> None:
    """A step from before the sanction is repeated; a new key is a new step."""
    created = await client.create("ann", "bob", idempotency_key="create")
    deal = await client.accept("bob", created, idempotency_key="accept")
    await following.tell(standing("ann", banned=True), lock(deal.conversation_id))
    again = await client.create("ann", conversation=deal.conversation_id, idempotency_key="create")
    assert again == created
    assert await client.accept("bob", created, idempotency_key="accept") == deal
    other = client.terminate(
        "bob", deal.id, "CANCELLED", reason="You know why.", idempotency_key="cancel"
    )
    await refused(other, *DENIED)


async def test_moderation_goes_on(client: Any, following: Following) -> None:
    """A hold is placed and resolved for the banned in a locked conversation."""
    deal = await agreed(client)
    await following.tell(standing("ann", banned=True), lock(deal.conversation_id))
    assert (await client.call("PlaceHold", service_id=deal.id, dispute="d", opened_by="ann")).placed
    resume = pb.ResolveHoldRequest(service_id=deal.id, dispute="d", outcome=pb.HOLD_OUTCOME_RESUME)
    assert (await client.call("ResolveHold", resume)).resolved


async def test_time_goes_on(serve: Any, followed: dict[str, Any], following: Following) -> None:
    """An offer of the banned in a locked conversation ends when it is over."""
    async with serve(**followed, min_offer_minutes=0.001) as client:
        stream = await client.watch(["bob"])
        deal = await client.create("ann", "bob", offer_ttl_seconds=1)
        await following.tell(standing("ann", banned=True), lock(deal.conversation_id))
        (_, created), (_, expired) = await stream.events(2)
        causes = [one.service_changed.event.cause for one in (created, expired)]
        assert causes == ["created", "expired"]


async def test_what_is_known_stands_while_moderation_is_away(
    serve: Any,
    followed: dict[str, Any],
    moderation: ScriptedModeration,
    following: Following,
    refused: Any,
) -> None:
    """Over a restart of this service as well; what was decided meanwhile is heard afterwards."""
    async with serve(**followed) as client:
        deal = await agreed(client)
        await following.tell(standing("ann", banned=True))
    async with serve(**followed | {"moderation_target": "127.0.0.1:1"}) as client:
        await refused(client.accept("ann", deal), *DENIED)
        deal = await client.edit("bob", deal.id, 7_000, 2)
    moderation.tell(standing("ann"))
    async with serve(**followed) as client:
        await following.tell()
        await client.accept("ann", deal)


async def test_a_moderation_from_a_backup_is_believed(
    client: Any, moderation: ScriptedModeration, following: Following, refused: Any
) -> None:
    """A sanction that it no longer knows is over, one that it knows stands."""
    deal = await agreed(client)
    await following.tell(standing("ann", banned=True))
    await following.tell(standing("bob", banned=True))
    moderation.go_back(1)
    await following.tell()
    await following.tell(standing("eve", banned=True))
    await refused(client.accept("ann", deal), *DENIED)
    await client.edit("bob", deal.id, 7_000, 2)


async def test_a_target_needs_a_credential(serve: Any, followed: dict[str, Any]) -> None:
    """It is named, before anything is served."""
    del followed["moderation_credential_file"]
    with pytest.raises(ValueError, match="PARLEY_NEGOTIATION_MODERATION_CREDENTIAL_FILE"):
        async with serve(**followed):
            pass
