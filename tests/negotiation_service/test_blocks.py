"""Blocks over real gRPC: of the blocked person's deal commands the facts are told, and no words."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from parley.negotiation.v1 import negotiation_pb2 as pb

THREAT = "I know where you live."


@pytest.fixture
async def client(serve: Any) -> AsyncIterator[Any]:
    async with serve() as started:
        yield started


async def shown(client: Any, reader: str, service: str) -> str:
    """All that a reader is shown of a service: as it stands, and its history."""
    request = pb.ListServiceEventsRequest(actor=reader, service_id=service)
    events = await client.call("ListServiceEvents", request)
    now = await client.call("GetService", actor=reader, service_id=service)
    return f"{now}{events}"


async def test_a_blocked_person_bargains_without_words(client: Any, block: Any) -> None:
    """The price is told at once, as view and as event; the note is shown to its author alone, also
    when the block has ended; what is written then is shown again.
    """
    deal = await client.create("ann", "bob")
    await block("bob", "ann")
    stream = await client.watch(["ann", "bob"])
    mine = await client.edit("ann", deal.id, 9_000, 1, note=THREAT)
    assert mine.offer.note == THREAT
    ((_, told),) = await stream.events(1)
    views = dict(zip(told.recipients, told.service_changed.views, strict=True))
    assert (views["ann"].offer.note, views["bob"].offer.note) == (THREAT, "")
    assert views["bob"].offer.price.amount_minor == 9_000
    assert THREAT not in str(told.service_changed.event)
    await block("bob", "ann", active=False)
    assert THREAT not in await shown(client, "bob", deal.id)
    assert THREAT in await shown(client, "ann", deal.id)
    assert THREAT in await shown(client, "", deal.id)
    await client.edit("ann", deal.id, 9_500, 2, note="Sorry.")
    assert "Sorry." in await shown(client, "bob", deal.id)


async def test_neither_reasons_nor_notes_pass_a_block(client: Any, block: Any) -> None:
    """Of a request to cancel, of a step of the work, and of a revealed note, whose score does."""
    deal = await client.accept("bob", await client.create("ann", "bob"))
    await block("bob", "ann")
    await client.terminate("ann", deal.id, "CANCELLED", reason=f"{THREAT} 1")
    await client.terminate("ann", deal.id, "DELIVERED", reason=f"{THREAT} 2")
    assert THREAT not in await shown(client, "bob", deal.id)
    await client.terminate("bob", deal.id, "COMPLETED")
    await client.note("ann", deal.id, f"{THREAT} 3")
    revealed = await client.note("bob", deal.id, "")
    assert (revealed.notes.theirs.score, revealed.notes.theirs.comment) == (5, "")
    assert THREAT not in await shown(client, "bob", deal.id)
    for number in (1, 2, 3):
        assert f"{THREAT} {number}" in await shown(client, "ann", deal.id)


async def test_nobody_writes_to_whom_they_block(client: Any, block: Any, refused: Any) -> None:
    """In words; what is done without goes on."""
    deal = await client.create("ann", "bob")
    await block("bob", "ann")
    edit = client.edit("bob", deal.id, 9_000, 1, note="And you listen.")
    details = await refused(edit, grpc.StatusCode.FAILED_PRECONDITION, "BLOCKED")
    assert details["Service"].id == deal.id
    assert (await client.edit("bob", deal.id, 9_000, 1)).offer.price.amount_minor == 9_000


async def test_what_has_no_words_asks_nobody(serve: Any, refused: Any) -> None:
    """While messaging is away deals go on without words."""
    async with serve() as client:
        deal = await client.create("ann", "bob")
    async with serve(messaging_target="127.0.0.1:1") as client:
        edit = client.edit("ann", deal.id, 9_000, 1, note="A little less.")
        await refused(edit, grpc.StatusCode.UNAVAILABLE, "MESSAGING_UNAVAILABLE")
        agreed = await client.accept("bob", await client.edit("ann", deal.id, 9_000, 1))
        assert agreed.agreed.price.amount_minor == 9_000


async def test_a_repeat_is_answered_as_then(client: Any, block: Any) -> None:
    """What was written before a block stays."""
    deal = await client.create("ann", "bob")
    given = {"note": "Less.", "idempotency_key": "a"}
    before = await client.edit("ann", deal.id, 9_000, 1, **given)
    await block("bob", "ann")
    assert await client.edit("ann", deal.id, 9_000, 1, **given) == before
    assert "Less." in await shown(client, "bob", deal.id)
