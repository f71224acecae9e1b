"""Which calls are made again, how often, and when they fail at once."""

import time
from collections.abc import Callable

import grpc
import pytest
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message_factory import GetMessageClass
from parley.messaging.v1 import messaging_pb2
from parley.moderation.v1 import moderation_pb2
from parley.negotiation.v1 import negotiation_pb2

from service_kit.authentication import callers
from service_kit.channels import retries
from service_kit.channels.retries import REPEATABLE, Retries, is_repeatable
from service_kit.channels.statuses import STATUS_METADATA_KEY
from service_kit.rpc.rpc_errors import build_status

# Methods that have no key and do something each time, or that change what lasts without telling
# whether they did: whoever calls them decides.
CALLED_ONCE = {
    "CreateConversation",
    "BatchCreateMessages",
    "StreamCreateMessages",
    "StreamCommands",
    "SendTyping",
    "SetInvisible",
    "SetBlock",
    "Watch",
    "UpdateWatch",
    "StreamUpdateWatch",
    "PlaceHold",
    "ResolveHold",
    "EndSessions",
    "RevokeToken",
    "EraseUser",
}
CONTRACTS = {
    messaging_pb2.DESCRIPTOR.services_by_name["MessagingService"]: callers.MESSAGING,
    negotiation_pb2.DESCRIPTOR.services_by_name["NegotiationService"]: callers.NEGOTIATION,
    moderation_pb2.DESCRIPTOR.services_by_name["ModerationService"]: callers.MODERATION,
}


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda one: one.name)
def test_every_method_is_in_one_place(contract: ServiceDescriptor) -> None:
    """In the table of those that may be called twice, with a key, or among those called once."""
    for method in contract.methods:
        keyed = "idempotency_key" in method.input_type.fields_by_name
        places = [method.name in REPEATABLE, keyed, method.name in CALLED_ONCE]
        assert places.count(True) == 1, method.name
        if keyed:
            request = GetMessageClass(method.input_type)
            assert is_repeatable(method.name, request(idempotency_key="k"))
            assert not is_repeatable(method.name, request())


def test_the_table_names_methods() -> None:
    """Each name in it is a method."""
    assert {one.name for contract in CONTRACTS for one in contract.methods} >= REPEATABLE


def failure(
    code: grpc.StatusCode = grpc.StatusCode.UNAVAILABLE, reason: str = ""
) -> grpc.aio.AioRpcError:
    trailing = grpc.aio.Metadata()
    if reason:
        status = build_status(code, reason, "parley", "said by the service")
        trailing.add(STATUS_METADATA_KEY, status.SerializeToString())
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailing)


class Calls:
    """Calls that fail as they are told, and succeed then; counted."""

    def __init__(self, *failures: grpc.aio.AioRpcError) -> None:
        self.failures = list(failures)
        self.made = 0

    async def __call__(self, seconds: float) -> int:
        assert seconds > 0
        self.made += 1
        if self.failures:
            raise self.failures.pop(0)
        return self.made


def always() -> bool:
    return True


def never() -> bool:
    return False


async def outcome(calls: Calls, repeatable: Callable[[], bool], seconds: float = 5) -> bool:
    """Whether it succeeds in the end."""
    try:
        await Retries().run(calls, seconds, repeatable)
    except grpc.aio.AioRpcError:
        return False
    return True


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED])
async def test_a_call_that_was_lost_is_made_again(code: grpc.StatusCode) -> None:
    """Up to three times, and only if it may be. gRPC calls one cancelled that a server had taken
    when it ended.
    """
    calls = Calls(*[failure(code) for _ in range(3)])
    assert await outcome(calls, always)
    assert calls.made == 4
    calls = Calls(*[failure() for _ in range(4)])
    assert not await outcome(calls, always)
    assert calls.made == 4
    calls = Calls(failure())
    assert not await outcome(calls, never)
    assert calls.made == 1


async def test_an_answer_is_no_loss() -> None:
    """What the service itself says stands, also that its database is away; and other codes."""
    for one in (
        failure(reason="STORAGE_UNAVAILABLE"),
        failure(grpc.StatusCode.DEADLINE_EXCEEDED),
        failure(grpc.StatusCode.INTERNAL),
    ):
        calls = Calls(one)
        assert not await outcome(calls, always)
        assert calls.made == 1


async def test_what_was_not_read_may_be_sent_again() -> None:
    """A replica that is shutting down said so in the place of reading it: key or not."""
    calls = Calls(failure(reason="SHUTTING_DOWN"))
    assert await outcome(calls, never)
    assert calls.made == 2


async def test_no_call_is_repeated_beyond_its_time() -> None:
    """There is no time left for a pause."""
    calls = Calls(failure())
    assert not await outcome(calls, always, seconds=0.01)
    assert calls.made == 1


async def test_nothing_is_repeated_while_nobody_can_be_reached() -> None:
    """It would only take longer to say so."""
    calls = Calls(failure())
    with pytest.raises(grpc.aio.AioRpcError):
        await Retries(always).run(calls, 5, always)
    assert calls.made == 1


async def test_the_budget_is_spent_and_earned(monkeypatch: pytest.MonkeyPatch) -> None:
    """An outage makes each call fail at once before long; successes earn retries anew."""
    monkeypatch.setattr(retries, "_FIRST_PAUSE_SECONDS", 0.0001)
    repeated: list[int] = []
    shared = Retries(repeated=lambda: repeated.append(1))

    async def fail() -> None:
        with pytest.raises(grpc.aio.AioRpcError):
            await shared.run(Calls(*[failure() for _ in range(4)]), 5, always)

    for _ in range(30):
        await fail()
    assert len(repeated) == 20
    began = time.monotonic()
    await fail()
    assert time.monotonic() - began < 0.1
    for _ in range(10):
        await shared.run(Calls(), 5, always)
    await fail()
    assert len(repeated) == 21
