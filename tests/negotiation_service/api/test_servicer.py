"""The service over real gRPC: every method, the streams, and failures."""

from typing import Any

import grpc
import pytest
from parley.negotiation.v1 import negotiation_pb2 as pb
from parley.negotiation.v1 import negotiation_pb2_grpc

from negotiation_service.settings import NegotiationSettings
from tests.support.serving import (
    METADATA,
    check_batch_list_changes,
    check_stream_update_watch,
    locked,
    unpack,
)
from tests.support.waiting import PATIENCE

INVALID = grpc.StatusCode.INVALID_ARGUMENT
NOT_FOUND = grpc.StatusCode.NOT_FOUND
PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION
DENIED = grpc.StatusCode.PERMISSION_DENIED


async def test_stream_update_watch_answers_each_and_ends_with_one_that_is_refused(
    client: Any,
) -> None:
    await check_stream_update_watch(client, ["ann"])


async def test_batch_list_changes_gives_each_the_page_of_list_changes(client: Any) -> None:
    start = (await client.watch(["ann"])).first.position
    await client.create()
    await check_batch_list_changes(client, ["ann", "bob", "carol"], start)


async def test_stream_commands_answers_each_in_order_and_outlives_a_refused_list(
    client: Any,
) -> None:
    """Each command is decided after those before it, in the same list as well, and refused by
    itself; a refusal has the deal as it stands. What is refused as a whole ends nothing.
    """
    shown = await client.create()
    price = pb.Money(amount_minor=9_000, currency="EUR")
    edit = pb.EditPriceRequest(actor="bob", service_id=shown.id, price=price, base_offer=1)
    accept = pb.EndNegotiationRequest(
        actor="ann",
        service_id=shown.id,
        outcome=pb.NEGOTIATION_OUTCOME_AGREED,
        offer=2,
        price=price,
    )
    given = [
        pb.Command(edit_price=edit),
        pb.Command(edit_price=edit),
        pb.Command(),
        pb.Command(edit_price=pb.EditPriceRequest(actor="bob", service_id=shown.id)),
        pb.Command(end_negotiation=accept),
    ]
    stream = client.stub.StreamCommands(metadata=METADATA)
    await stream.write(pb.StreamCommandsRequest(commands=given))
    results = (await stream.read()).results
    assert [one.WhichOneof("result") for one in results] == [
        "answer", "status", "status", "status", "answer",
    ]  # fmt: skip
    assert [results[number].answer.cause for number in (0, 4)] == ["countered", "agreed"]
    stale = unpack(results[1].status)
    assert (stale["ErrorInfo"].reason, stale["Service"].offer.number) == ("STALE_OFFER", 2)
    assert [results[number].status.code for number in (2, 3)] == [INVALID.value[0]] * 2
    await stream.write(pb.StreamCommandsRequest(commands=[pb.Command()] * 1_001))
    assert (await stream.read()).status.code == INVALID.value[0]
    deliver = pb.TerminateServiceRequest(
        actor="ann", service_id=shown.id, outcome=pb.TERMINATION_OUTCOME_DELIVERED
    )
    await stream.write(pb.StreamCommandsRequest(commands=[pb.Command(terminate_service=deliver)]))
    (delivered,) = (await stream.read()).results
    assert delivered.answer.service.state == pb.STATE_DELIVERED
    await stream.done_writing()
    assert await stream.read() is grpc.aio.EOF
    assert await stream.code() is grpc.StatusCode.OK


async def test_a_service_goes_from_its_offer_to_the_notes(client: Any) -> None:
    """Proposed, countered, agreed, delivered, completed, rated by both: each answer shows it, the
    stream tells it, and the reads agree.
    """
    stream = await client.watch(["ann", "bob"])
    shown = await client.create(description="Of wood", idempotency_key="k")
    assert (shown.state, shown.offer.number, shown.version) == (pb.STATE_OFFERED, 1, 1)
    assert shown.offer.expire_time.seconds - shown.create_time.seconds == 48 * 3_600
    assert (shown.exponent, shown.currency, shown.description) == (2, "EUR", "Of wood")
    assert list(shown.allowed_actions) == ["revise", "withdraw"]
    countered = await client.edit("bob", shown.id, 9_000, 1, note="less")
    assert (countered.offer.number, countered.offer.note) == (2, "less")
    agreed = await client.accept("ann", countered)
    assert (agreed.state, agreed.agreed.version, agreed.agreed.offer) == (pb.STATE_AGREED, 1, 2)
    amending = await client.edit("ann", shown.id, 9_500, 0)
    assert (amending.HasField("offer"), amending.amendment.number) == (False, 3)
    amended = await client.accept("bob", amending)
    assert (amended.agreed.version, amended.agreed.price) == (
        2,
        pb.Money(amount_minor=9_500, currency="EUR"),
    )
    delivered = await client.terminate("ann", shown.id, "DELIVERED")
    assert [one.timer for one in delivered.deadlines] == ["completion"]
    completed = await client.terminate("bob", shown.id, "COMPLETED")
    assert completed.settlement == pb.Settlement(provider_minor=9_500)
    assert (completed.ending.cause, completed.ending.by) == ("completed", "bob")
    await client.note("ann", shown.id, "prompt")
    noted = await client.note("bob", shown.id, "solid")
    assert (noted.notes.mine.comment, noted.notes.theirs.comment) == ("solid", "prompt")
    causes = [
        "created", "countered", "agreed", "amendment_proposed", "amended", "delivered", "completed",
        "note_submitted", "note_submitted", "notes_revealed",
    ]  # fmt: skip
    told = await stream.events(10)
    assert [event.service_changed.event.cause for _, event in told] == causes
    listed = await client.call("ListServiceEvents", actor="ann", service_id=shown.id)
    assert [one.cause for one in listed.events] == causes
    assert [one.number for one in listed.events] == [1, 2, 3, 4, 5, 6, 7, 0, 0, 8]
    assert [event.service_changed.event.number for _, event in told] == [
        one.number for one in listed.events
    ]
    assert [one.offer.number for one in listed.events] == [1, 2, 2, 3, 3, 0, 0, 0, 0, 0]
    assert {(one.title, one.conversation_id) for one in listed.events} == {
        (shown.title, shown.conversation_id)
    }
    page = await client.call("ListServices", actor="ann")
    by_conversation = await client.call(
        "BatchGetServices", actor="ann", conversation_ids=[shown.conversation_id]
    )
    alone = await client.call("GetService", actor="ann", service_id=shown.id)
    assert list(page.services) == list(by_conversation.services) == [alone.service]
    assert alone.service.version == len(causes)


async def test_a_dispute_holds_and_splits(client: Any, refused: Any) -> None:
    """Moderation's calls: held, repeated, resolved, repeated; nobody else's call goes through."""
    shown = await client.accept("bob", await client.create())
    hold = pb.PlaceHoldRequest(service_id=shown.id, dispute="d", opened_by="bob")
    placed = await client.call("PlaceHold", hold)
    assert (placed.placed, placed.service.hold.dispute) == (True, "d")
    assert not placed.service.deadlines
    assert not (await client.call("PlaceHold", hold)).placed
    other = pb.PlaceHoldRequest(service_id=shown.id, dispute="e", opened_by="ann")
    found = await refused(client.call("PlaceHold", other), PRECONDITION, "ON_HOLD")
    assert found["Service"].hold.dispute == "d"
    await refused(client.terminate("ann", shown.id, "DELIVERED"), PRECONDITION, "ON_HOLD")

    def resolve(provider: int, client_: int, dispute: str = "d") -> Any:
        split = pb.Settlement(provider_minor=provider, client_minor=client_)
        request = pb.ResolveHoldRequest(
            service_id=shown.id, dispute=dispute, outcome=pb.HOLD_OUTCOME_SPLIT, split=split
        )
        return client.call("ResolveHold", request)

    await refused(resolve(9_999, 0), INVALID, "INVALID_ARGUMENT", "split")
    await refused(resolve(10_000, 0, "e"), NOT_FOUND, "HOLD_NOT_FOUND")
    resolved = await resolve(7_000, 3_000)
    assert (resolved.resolved, resolved.service.state) == (True, pb.STATE_COMPLETED)
    assert resolved.service.settlement == pb.Settlement(provider_minor=7_000, client_minor=3_000)
    assert not (await resolve(7_000, 3_000)).resolved
    await refused(resolve(3_000, 7_000), PRECONDITION, "DECIDED_OTHERWISE")


async def test_a_refusal_shows_what_is_true(client: Any, refused: Any) -> None:
    """STALE_OFFER, INVALID_STATE and the like bear the service as the actor would read it."""
    shown = await client.create()
    await client.edit("bob", shown.id, 9_000, 1)
    stale = await refused(client.accept("ann", shown), PRECONDITION, "STALE_OFFER")
    own = await refused(client.edit("bob", shown.id, 8_000, 1), PRECONDITION, "STALE_OFFER")
    deliver = client.terminate("ann", shown.id, "DELIVERED")
    early = await refused(deliver, PRECONDITION, "INVALID_STATE")
    denied = await refused(client.accept("bob", stale["Service"]), DENIED, "OWN_OFFER")
    second = await refused(
        client.create(conversation=shown.conversation_id), PRECONDITION, "OPEN_SERVICE_EXISTS"
    )
    for actor, found in (
        ("ann", stale), ("bob", own), ("ann", early), ("bob", denied), ("ann", second),
    ):  # fmt: skip
        request = pb.GetServiceRequest(actor=actor, service_id=shown.id)
        assert found["Service"] == (await client.call("GetService", request)).service
    assert stale["Service"].offer.number == 2
    # What was shown is enough to do the right thing at once.
    assert (await client.accept("ann", stale["Service"])).state == pb.STATE_AGREED


async def test_a_refusal_bears_the_longest_texts(client: Any, refused: Any) -> None:
    """A client that takes 64 KiB of metadata, as the contract wants, is shown all of them."""
    face = "\N{CAT FACE}"
    shown = await client.create(description=face * 4_000, title=face * 120)
    note = face * 500
    countered = await client.edit("bob", shown.id, 9_000, 1, note=note)
    agreed = await client.accept("ann", countered)
    await client.terminate("ann", shown.id, "CANCELLED", reason=face * 500)
    await client.terminate("bob", shown.id, "CANCELLED")
    for actor in ("ann", "bob"):
        await client.note(actor, shown.id, face * 2_000)
    found = await refused(client.note("ann", shown.id, "again"), PRECONDITION, "INVALID_STATE")
    whole = (await client.call("GetService", actor="ann", service_id=agreed.id)).service
    assert found["Service"] == whole
    assert whole.ByteSize() > 32_000
    assert whole.notes.theirs.comment == face * 2_000


async def test_a_resend_is_answered_as_the_first_time(client: Any, refused: Any) -> None:
    """The same key and body: the first answer, marked as a duplicate; another body: a conflict."""
    conversation = await client.open_conversation("ann", "bob")
    request = client.creation(conversation_id=conversation, idempotency_key="k")
    first = await client.call("CreateService", request)
    await client.edit("bob", first.service.id, 9_000, 1)
    again = await client.call("CreateService", request)
    assert (first.duplicate, again.duplicate) == (False, True)
    assert (again.service, again.cause) == (first.service, "created")
    request.price.amount_minor += 1
    code = grpc.StatusCode.ALREADY_EXISTS
    await refused(
        client.call("CreateService", request), code, "IDEMPOTENCY_KEY_CONFLICT", "idempotency_key"
    )


# --- Streams and changes -------------------------------------------------------------------------


async def test_update_watch_tells_what_list_changes_replays(client: Any) -> None:
    """Watch brings each event with a view for each recipient; ListChanges the same for one."""
    stream = await client.watch(["ann"])
    both = await client.watch(["ann", "bob"])
    shown = await client.create()
    await client.edit("bob", shown.id, 9_000, 1)
    live = await stream.events(2)
    assert live == await both.events(2)
    for revision, event in live:
        assert list(event.recipients) == ["ann", "bob"]
        for actor, view in zip(event.recipients, event.service_changed.views, strict=True):
            assert view.version == revision
            assert ("accept" in view.allowed_actions) == (
                actor == ("bob" if revision == 1 else "ann")
            )
    answer = await client.changes("ann", stream.first.position, 2)
    assert answer.complete
    replayed = [(one.revision, event) for one in answer.changes for event in one.events]
    for (revision, event), (then, before) in zip(replayed, live, strict=True):
        assert (revision, list(event.recipients)) == (then, ["ann"])
        assert event.service_changed.event == before.service_changed.event
        assert list(event.service_changed.views) == [before.service_changed.views[0]]


async def test_watch_everything_without_a_view(client: Any, refused: Any) -> None:
    """An internal service is told every event of all people, numbered, on the stream and after."""
    everything = await client.watch(["ann"], everything=True)
    shown = await client.create()
    await client.create("carol", "dan")
    await client.edit("bob", shown.id, 9_000, 1)
    told = await everything.events(3)
    assert [list(event.recipients) for _, event in told] == [
        ["ann", "bob"], ["carol", "dan"], ["ann", "bob"],
    ]  # fmt: skip
    assert [event.service_changed.event.number for _, event in told] == [1, 1, 2]
    assert not any(event.service_changed.views for _, event in told)
    after = everything.first.position
    for said in (False, True):
        changes, given = list[Any](), {"page_size": 1, "everything": said, "page_token": ""}
        while not changes or given["page_token"]:
            answer = await client.changes("", after, 3, **given)
            changes += answer.changes
            given["page_token"] = answer.next_page_token
        assert [(one.revision, event) for one in changes for event in one.events] == told
    mixed = client.changes("ann", after, 3, everything=True)
    await refused(mixed, INVALID, "INVALID_ARGUMENT", "everything")


# --- Failures ------------------------------------------------------------------------------------


async def test_a_locked_database_stores_nothing_and_says_so(
    client: Any, refused: Any, settings: NegotiationSettings
) -> None:
    """While another process holds the write lock: UNAVAILABLE with a RetryInfo; then it goes on."""
    shown = await client.create()
    with locked(settings.database_url):
        code = grpc.StatusCode.UNAVAILABLE
        found = await refused(client.accept("bob", shown), code, "STORAGE_UNAVAILABLE")
        assert found["RetryInfo"].retry_delay.ToSeconds() == 1
    assert (await client.accept("bob", shown)).state == pb.STATE_AGREED


async def test_short_texts_need_no_larger_metadata(client: Any) -> None:
    """Refusals with texts of usual length fit into gRPC's default of 8 KiB."""
    shown = await client.create(description="x" * 4_000)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{client.port}") as channel:
        stub: Any = negotiation_pb2_grpc.NegotiationServiceStub(channel)
        request = pb.EndNegotiationRequest(
            actor="bob", service_id=shown.id, outcome=pb.NEGOTIATION_OUTCOME_DECLINED, offer=7
        )
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.EndNegotiation(request, metadata=METADATA, timeout=PATIENCE)
    assert caught.value.code() is PRECONDITION
