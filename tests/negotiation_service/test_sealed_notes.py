"""A sealed note is in no read, event, refusal, metric or line of the log but its author's.

The service is a process of its own, with its log at debug: it is the log that operators have.
"""

import asyncio
import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from parley.negotiation.v1 import negotiation_pb2 as pb
from sqlalchemy import Engine, text

from negotiation_service.settings import NegotiationSettings
from service_kit.rpc.server import probe_health
from tests.negotiation_service.conftest import DESCRIBED, Client
from tests.support.serving import SECRET, status_of
from tests.support.system import Part, free_port
from tests.support.waiting import PATIENCE

FIRST, SECOND = "the fence leans to the left", "the fence has fallen over"
SEALED = (FIRST.encode(), SECOND.encode())


@dataclass
class Process:
    part: Part
    port: int
    metrics_port: int

    def spoken(self) -> bytes:
        """All that it has written to its log, and what it tells of itself."""
        url = f"http://127.0.0.1:{self.metrics_port}/metrics"
        with urllib.request.urlopen(url, timeout=5) as response:
            return bytes(response.read()) + self.part.log.read_bytes()


@pytest.fixture
def process(settings: NegotiationSettings, messaging: str, tmp_path: Path) -> Iterator[Process]:
    port, metrics_port = free_port(), free_port()
    environment = {
        "LISTEN": f"127.0.0.1:{port}",
        "DATABASE_URL": settings.database_url,
        "CREDENTIALS_FILE": str(settings.credentials_file),
        "MESSAGING_TARGET": messaging,
        "MESSAGING_CREDENTIAL_FILE": str(settings.messaging_credential_file),
        "MESSAGING_TIMEOUT_SECONDS": "10",
        "METRICS_PORT": str(metrics_port),
        "LOG_LEVEL": "debug",
    }
    named = {f"PARLEY_NEGOTIATION_{name}": value for name, value in environment.items()}
    part = Part("negotiation", ["negotiation_service", "serve"], named, tmp_path / "process.log")
    yield Process(part, port, metrics_port)
    assert part.stop() == 0
    assert not any(one in part.log.read_bytes() for one in (*SEALED, SECRET.encode()))


@pytest.fixture
async def client(process: Process, open_conversation: Any) -> AsyncIterator[Client]:
    """A client of the process, once it serves."""
    port = process.port
    async with asyncio.timeout(PATIENCE):
        while not await probe_health(f"127.0.0.1:{port}"):
            assert process.part.process.poll() is None, process.part.read_log()
    async with DESCRIBED.connected(port) as made:
        made.open_conversation = open_conversation
        yield made


async def reads(client: Client, shown: pb.Service, start: pb.Position) -> dict[str, bytes]:
    """Everything that anyone but ann can read, as it comes over the line."""
    probe = await client.call("ListServices", actor="bob")
    assert probe.services
    stream = await client.watch([])
    now = stream.first.position.revision
    stream.call.cancel()
    found: dict[str, bytes] = {}
    for actor in ("bob", ""):
        requests: list[Any] = [
            pb.GetServiceRequest(actor=actor, service_id=shown.id),
            pb.BatchGetServicesRequest(actor=actor, conversation_ids=[shown.conversation_id]),
            pb.ListServicesRequest(actor=actor, conversation_id=shown.conversation_id),
            pb.ListServiceEventsRequest(actor=actor, service_id=shown.id),
            pb.ListServiceEventsRequest(actor=actor, service_id=shown.id, page_size=3),
        ]
        for number, request in enumerate(requests):
            name = type(request).__name__.removesuffix("Request")
            answer = await client.call(name, request)
            found[f"{name} {number} {actor}"] = answer.SerializeToString(deterministic=True)
        told = await client.changes(actor, start, now)
        found[f"changes {actor}"] = told.SerializeToString(deterministic=True)
    return found


async def refusal(awaitable: Any) -> bytes:
    """The status of a call that fails, as it comes over the line."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await awaitable
    return bytes(status_of(caught.value).SerializeToString())


def sees(answers: dict[str, bytes] | list[bytes]) -> bool:
    """Tell if a note is in any of them."""
    found = answers.values() if isinstance(answers, dict) else answers
    return any(one in answer for answer in found for one in SEALED)


async def test_a_sealed_note_is_nowhere(client: Client, process: Process) -> None:
    """From its submission until both are in, through edits, a hold and refusals."""
    bobs, everything = await client.watch(["bob"]), await client.watch(everything=True)
    start = bobs.first.position
    shown = await client.create()
    await client.accept("bob", shown)
    await client.terminate("ann", shown.id, "DELIVERED")
    await client.terminate("bob", shown.id, "COMPLETED")
    before = await reads(client, shown, start)
    mine = await client.note("ann", shown.id, FIRST, idempotency_key="k")
    assert mine.notes.mine.comment == FIRST
    # Nothing at all has changed for anybody else, numbers and pages included. Only whoever follows
    # everything learns that there is a note.
    after = await reads(client, shown, start)
    assert {key for key in after if after[key] != before[key]} == {"changes "}
    assert not sees(after)
    await client.note("ann", shown.id, SECOND)
    again = await client.note("ann", shown.id, FIRST, idempotency_key="k")
    assert (again.notes.mine.comment, again.version) == (FIRST, mine.version)

    held = await client.call("PlaceHold", service_id=shown.id, dispute="d", opened_by="bob")
    refusals = [
        await refusal(client.note("bob", shown.id, "on hold")),
        await refusal(client.terminate("bob", shown.id, "REOPENED")),
        await refusal(client.edit("bob", shown.id, 1, 1)),
        await refusal(client.call("PlaceHold", service_id=shown.id, dispute="e", opened_by="ann")),
        await refusal(client.note("eve", shown.id, "a stranger")),
    ]  # fmt: skip
    resume = pb.ResolveHoldRequest(service_id=shown.id, dispute="d", outcome=pb.HOLD_OUTCOME_RESUME)
    resumed = await client.call("ResolveHold", resume)
    assert not sees([held.SerializeToString(), resumed.SerializeToString(), *refusals])
    assert not sees(await reads(client, shown, start))

    told = await everything.events(8)
    assert [event.service_changed.event.cause for _, event in told][4:] == [
        "note_submitted", "note_submitted", "held", "resumed",
    ]  # fmt: skip
    assert not sees([event.SerializeToString() for _, event in told])
    views = []
    numbers = []
    for _, event in await bobs.events(6):
        numbers.append(event.service_changed.event.number)
        assert not sees([event.service_changed.event.SerializeToString()])
        assert list(event.recipients) == ["ann", "bob"]
        views.append(event.service_changed.views[1])
    assert not sees([view.SerializeToString() for view in views])
    # Whoever counts what bob is told finds no gap.
    assert [view.version for view in views] == numbers == [1, 2, 3, 4, 5, 6]
    assert [event.service_changed.event.number for _, event in told][4:] == [0, 0, 5, 6]
    assert not sees([process.spoken()])

    noted = await client.note("bob", shown.id, "it stands")
    assert noted.notes.theirs.comment == SECOND
    request = pb.GetServiceRequest(actor="ann", service_id=shown.id)
    theirs = (await client.call("GetService", request)).service.notes.theirs
    assert theirs.comment == "it stands"
    # Once revealed it is the parties' to read, and still nobody else's.
    revealed = await reads(client, shown, start)
    assert {key for key, answer in revealed.items() if sees([answer])} == {
        "GetService 0 bob", "BatchGetServices 1 bob", "ListServices 2 bob", "changes bob",
    }  # fmt: skip
    assert not sees([event.SerializeToString() for _, event in await everything.events(2)])
    assert not sees([process.spoken()])


async def test_a_sealed_note_shows_in_no_failure(
    client: Client, process: Process, engine: Engine
) -> None:
    """A deal that can not be read is an incident, and its log has the trace without the words."""
    shown = await client.create()
    await client.accept("bob", shown)
    await client.terminate("ann", shown.id, "DELIVERED")
    await client.terminate("bob", shown.id, "COMPLETED")
    await client.note("ann", shown.id, FIRST)
    for table, column, key in (
        ("service_events", "event", "service_id"),
        ("services", "deal", "id"),
    ):
        # Not valid, and it begins with the note.
        spoilt = f"'{{\"{FIRST}\": ' || {column} || '}}'"
        spoil = text(f"UPDATE {table} SET {column} = {spoilt} WHERE {key} = :id")  # noqa: S608
        with engine.begin() as connection:
            connection.execute(spoil, {"id": shown.id})
        failures = [
            await refusal(client.call("ListServiceEvents", service_id=shown.id)),
        ]
        if table == "services":
            failures.append(await refusal(client.call("GetService", service_id=shown.id)))
            failures.append(await refusal(client.note("ann", shown.id, SECOND)))
        assert all(b"internal error" in one for one in failures)
        assert not sees(failures)
    log = process.spoken()
    assert log.count(b"UnreadableDocument") >= 4
    assert not sees([log])
