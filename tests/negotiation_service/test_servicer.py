"""The service over real gRPC: every method with good, bad and hostile requests."""

from typing import Any

from parley.negotiation.v1 import negotiation_pb2 as pb


async def test_a_service_goes_from_its_offer_to_the_notes(client: Any) -> None:
    """Proposed, countered, agreed, amended, delivered, completed, rated by both."""
    stream = await client.watch(["ann", "bob"])
    shown = await client.create()
    assert (shown.state, shown.offer.number, shown.version) == (pb.STATE_OFFERED, 1, 1)
    countered = await client.call(
        "EditPrice",
        pb.EditPriceRequest(
            actor="bob",
            service_id=shown.id,
            price=pb.Money(amount_minor=9_000, currency="EUR"),
            base_offer=1,
            note="less",
        ),
    )
    assert (countered.service.offer.number, countered.service.offer.note) == (2, "less")
    agreed = await client.accept("ann", countered.service)
    assert agreed.state == pb.STATE_AGREED
    await client.terminate("ann", shown.id, "DELIVERED")
    completed = await client.terminate("bob", shown.id, "COMPLETED")
    assert completed.settlement.provider_minor == 9_000
    for actor in ("ann", "bob"):
        noted = await client.call(
            "SubmitNote", pb.SubmitNoteRequest(actor=actor, service_id=shown.id, score=5)
        )
    assert noted.service.notes.theirs.score == 5
    told = await stream.events(8)
    assert [event.service_changed.event.cause for _, event in told] == [
        "created",
        "countered",
        "agreed",
        "delivered",
        "completed",
        "note_submitted",
        "note_submitted",
        "notes_revealed",
    ]
    listed = await client.call(
        "ListServiceEvents", pb.ListServiceEventsRequest(actor="ann", service_id=shown.id)
    )
    assert [one.number for one in listed.events] == list(range(1, 9))
    found = await client.call(
        "BatchGetServices",
        pb.BatchGetServicesRequest(actor="ann", conversation_ids=[shown.conversation_id]),
    )
    assert [one.id for one in found.services] == [shown.id]
    page = await client.call("ListServices", pb.ListServicesRequest(actor="bob"))
    assert [one.version for one in page.services] == [8]
    changes = await client.call(
        "ListChanges",
        pb.ListChangesRequest(
            user="ann",
            after=stream.first.position,
            until=pb.Position(epoch=stream.first.position.epoch, revision=told[-1][0]),
        ),
    )
    assert len(changes.changes) == 7
