"""Commands about deals travel in lists, and those without words wait for none with words."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from parley.negotiation.v1 import negotiation_pb2 as pb
from parley.negotiation.v1 import negotiation_pb2_grpc
from prometheus_client import CollectorRegistry

from edge.backends.negotiation import Command, NegotiationBackend
from edge.metrics import Metrics
from edge.settings import Settings
from parley_protocol.errors import Error, ErrorCode, refusal

REFUSED = refusal(ErrorCode.SANCTIONED, "no")


class Negotiation(negotiation_pb2_grpc.NegotiationServiceServicer):
    """Answers each command with the id of its service, lists with words when it may."""

    def __init__(self) -> None:
        self.lists: list[list[str]] = []
        self.asked = asyncio.Event()
        self.go_on = asyncio.Event()

    async def StreamCommands(  # noqa: N802 - the contract's name
        self, request_iterator: AsyncIterator[pb.StreamCommandsRequest], _context: Any
    ) -> AsyncIterator[pb.StreamCommandsResponse]:
        async for request in request_iterator:
            given = [one.edit_price for one in request.commands]
            self.lists.append([one.service_id for one in given])
            self.asked.set()
            if any(one.note for one in given):
                await self.go_on.wait()
            response = pb.StreamCommandsResponse()
            for one in given:
                response.results.add().answer.service.id = one.service_id
            yield response


@pytest.fixture
def service() -> Negotiation:
    return Negotiation()  # type: ignore[abstract]  # the rest is unimplemented


@pytest.fixture
async def backend(service: Negotiation, settings: Settings) -> AsyncIterator[NegotiationBackend]:
    server = grpc.aio.server()
    negotiation_pb2_grpc.add_NegotiationServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    made = NegotiationBackend(f"127.0.0.1:{port}", settings, tuple, Metrics(CollectorRegistry()))
    yield made
    await made.close()
    await server.stop(None)


class Sender:
    """Sends commands, and has their answers."""

    def __init__(self, backend: NegotiationBackend) -> None:
        self.backend = backend
        self.forbidden: dict[str, Error] = {}

    def send(self, service: str, note: str = "") -> "asyncio.Future[pb.CommandAnswer | Error]":
        answer: asyncio.Future[pb.CommandAnswer | Error] = (
            asyncio.get_running_loop().create_future()
        )
        request: Command = pb.EditPriceRequest(service_id=service, note=note)
        self.backend.carry_out(request, lambda: self.forbidden.get(service), answer.set_result)
        return answer


async def test_what_comes_together_travels_together_and_has_its_own_answer(
    backend: NegotiationBackend, service: Negotiation
) -> None:
    sender = Sender(backend)
    answers = await asyncio.gather(*(sender.send(one) for one in "abc"))
    assert [one.service.id for one in answers if not isinstance(one, Error)] == ["a", "b", "c"]
    assert [one for sent in service.lists for one in sent] == ["a", "b", "c"]
    assert len(service.lists) <= 2


async def test_commands_without_words_do_not_wait_for_those_with_words(
    backend: NegotiationBackend, service: Negotiation
) -> None:
    """About words the service asks messaging, which may hang."""
    sender = Sender(backend)
    worded = sender.send("worded", "less")
    await service.asked.wait()
    plain = await sender.send("plain")
    assert not isinstance(plain, Error)
    assert plain.service.id == "plain"
    assert not worded.done()
    service.go_on.set()
    assert not isinstance(await worded, Error)


async def test_what_waits_and_is_forbidden_meanwhile_is_not_sent(
    backend: NegotiationBackend, service: Negotiation
) -> None:
    """A sanction takes effect at once also where a list is under way; others go on."""
    sender = Sender(backend)
    under_way = sender.send("a", "x")
    await service.asked.wait()
    waiting, allowed = sender.send("b", "x"), sender.send("c", "x")
    sender.forbidden = {"a": REFUSED, "b": REFUSED}
    backend.refuse_waiting()
    assert await waiting == REFUSED
    service.go_on.set()
    assert not any(isinstance(one, Error) for one in (await under_way, await allowed))
    assert service.lists == [["a"], ["c"]]
