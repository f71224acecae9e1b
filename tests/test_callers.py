"""Every method of every contract, called by every caller, against the services as they serve."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor

from service_kit.authentication.callers import CALLER_NOT_PERMITTED, Caller, Methods
from service_kit.authentication.credentials import Metadata, accepted_line, present
from service_kit.service import running
from tests.messaging_service.conftest import DESCRIBED as MESSAGING
from tests.moderation_service.conftest import DESCRIBED as MODERATION
from tests.negotiation_service.conftest import DESCRIBED as NEGOTIATION
from tests.support.callers import metadata_of, secret_of, write_accepted
from tests.support.serving import Described, ServiceClient, status_of, unpack
from tests.support.waiting import PATIENCE

SERVICES = {one.service.name: one for one in (MESSAGING, NEGOTIATION, MODERATION)}
UNAUTHENTICATED = (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")
DENIED = (grpc.StatusCode.PERMISSION_DENIED, CALLER_NOT_PERMITTED)
EDGE, OPERATOR = Caller.EDGE, Caller.OPERATOR

# Whoever may call one of these could act in anybody's name, moderate, or read what is nobody's to
# read. It is written down once more, so that a row does not become wider without anybody noticing.
GRAVE = {
    "messaging": {
        "edge": "CreateMessage BatchCreateMessages StreamCreateMessages EditMessage DeleteMessage"
        " SetBlock ListMessages GetMessages Watch UpdateWatch StreamUpdateWatch ListChanges"
        " BatchListChanges",
        "moderation": "ListEvidence",
        "backend": "SetInvisible CreateConversation",
    },
    "negotiation": {
        "edge": "CreateService EditPrice EndNegotiation TerminateService SubmitNote",
        "moderation": "PlaceHold ResolveHold",
    },
    "moderation": {
        "edge": "ReportMessage ReportConversation ReportDisputeStatement CreateAppeal CreateDispute"
        " SubmitDisputeStatement ListReports GetStanding",
        "desk operator": "ListCases GetCase ClaimCase ReleaseCase DecideCase ListAppeals"
        " DecideAppeal ListSanctions LiftSanction ListDisputes DecideDispute ListAudit EraseUser",
        "edge desk operator": "GetDispute",
        "desk operator backend": "EndSessions",
        "operator backend": "RevokeToken",
    },
}


@pytest.fixture(params=SERVICES)
def described(request: pytest.FixtureRequest) -> Described:
    return SERVICES[request.param]


def test_every_method_has_a_row_and_the_reverse(described: Described) -> None:
    """Whoever adds a method says who may call it."""
    service = described.service
    assert set(service.callers) == set(service.contract.methods_by_name)
    assert all(service.callers.values()), "a method that nobody may call is of no use"


def test_the_grave_ones_are_for_those_alone(described: Described) -> None:
    for callers, methods in GRAVE[described.service.name].items():
        for method in methods.split():
            assert described.service.callers[method] == set(callers.split()), method


def test_no_part_may_do_more_than_it_does() -> None:
    """A part that was broken into is no way to moderate, and none but the edge to speak."""
    for name, described in SERVICES.items():
        own: Methods = described.service.callers
        assert not any(Caller(name) in callers for callers in own.values()), "nobody calls itself"
    for part in (Caller.MESSAGING, Caller.NEGOTIATION, Caller.MODERATION, Caller.BACKEND):
        allowed = {name for name, one in MODERATION.service.callers.items() if part in one}
        assert allowed <= (
            {"EndSessions", "RevokeToken", "BatchGetStandings"}
            if part is Caller.BACKEND
            else {"Watch", "ListChanges"}
        )


@asynccontextmanager
async def serving(described: Described, settings: Any) -> AsyncIterator[ServiceClient]:
    """The service by itself; its callers have two credentials each."""
    file = write_accepted(settings.credentials_file.with_name("both"))
    more = "".join(f"{accepted_line(one, secret_of(f'the-old-{one}'))}\n" for one in Caller)
    file.write_text(file.read_text() + more)
    async with (
        running(described.service, settings.model_copy(update={"credentials_file": file})) as port,
        described.connected(port) as client,
    ):
        yield client


# When a stream is refused before its first request has left, gRPC's client may say INTERNAL, and
# the reason is lost.
_ATTEMPTS = 10


async def outcome(
    client: ServiceClient, method: MethodDescriptor, metadata: Metadata, request: Any = None
) -> tuple[grpc.StatusCode, str]:
    """The code and reason with which a call ends; OK without one."""
    request = request or getattr(client.messages, method.input_type.name)()
    for _ in range(_ATTEMPTS):
        given = iter([request]) if method.client_streaming else request
        call = getattr(client.stub, method.name)(given, metadata=metadata, timeout=PATIENCE)
        try:
            await (call.read() if method.server_streaming else call)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.INTERNAL and method.client_streaming:
                continue
            return error.code(), unpack(status_of(error))["ErrorInfo"].reason
        finally:
            call.cancel()
        return grpc.StatusCode.OK, ""
    raise AssertionError(f"{method.name} fails within gRPC, {_ATTEMPTS} times")


async def test_every_caller_may_do_what_the_table_says_and_nothing_else(
    described: Described, settings: Any
) -> None:
    """With the new credential and with the old one that is still good."""
    tried = 0
    async with serving(described, settings) as client:
        for name, method in described.service.contract.methods_by_name.items():
            for caller in Caller:
                for metadata in (metadata_of(caller), metadata_of(f"the-old-{caller}")):
                    found = await outcome(client, method, metadata)
                    assert found != UNAUTHENTICATED, (name, caller)
                    allowed = caller in described.service.callers[name]
                    assert (found == DENIED) is not allowed, (name, caller, found)
                    tried += 1
    assert tried == 14 * len(described.service.callers)


async def test_nobody_else_may_do_anything(described: Described, settings: Any) -> None:
    """Without a credential, with an unknown one, with the name or the digest of one, with two."""
    digest = accepted_line(EDGE, secret_of(EDGE)).removeprefix("edge: ")
    strangers: list[Metadata] = [
        (),
        metadata_of("nobody"),
        present(""),
        present("edge"),
        present(digest),
        present(f"edge: {digest}"),
        (("authorization", secret_of(EDGE)),),
        (("authorization", f"Basic {secret_of(EDGE)}"),),
        (*metadata_of(EDGE), *metadata_of(OPERATOR)),
        (("x-caller", "edge"), ("x-parley-token", secret_of(EDGE))),
    ]
    async with serving(described, settings) as client:
        for name, method in described.service.contract.methods_by_name.items():
            for metadata in strangers:
                found = await outcome(client, method, metadata)
                assert found == UNAUTHENTICATED, (name, metadata, found)
