"""Calls of the service that come to nothing at first, or at all."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from parley.moderation.v1 import moderation_pb2 as pb

from command_line.display.console import CommandError
from command_line.moderation import client as module
from command_line.moderation.client import ModerationClient, Moderator
from command_line.moderation.options import CommonOptions
from command_line.moderation.service import Service, ServiceOptions
from service_kit.authentication.credentials import present

MIA = Moderator("mia", "the token")


class Faltering:
    """Fails so often before it answers, and keeps what it was asked."""

    def __init__(self, failures: int) -> None:
        self.asked: list[pb.ClaimCaseRequest] = []
        self.metadata: Any = ()
        self._failures = failures

    def claim(self, request: Any, context: Any) -> Any:
        self.asked.append(request)
        self.metadata = context.invocation_metadata()
        if len(self.asked) <= self._failures:
            context.abort(grpc.StatusCode.UNAVAILABLE, "starting")
        return pb.ClaimCaseResponse(case=pb.Case(id=request.case_id, version=2))


@pytest.fixture
def faltering() -> Iterator[tuple[Faltering, str]]:
    """A service that answers the second time."""
    server = grpc.server(ThreadPoolExecutor(1))
    servicer = Faltering(1)
    method = grpc.unary_unary_rpc_method_handler(
        servicer.claim,
        pb.ClaimCaseRequest.FromString,
        pb.ClaimCaseResponse.SerializeToString,
    )
    name = "parley.moderation.v1.ModerationService"
    handler = grpc.method_handlers_generic_handler(name, {"ClaimCase": method})
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield servicer, f"127.0.0.1:{port}"
    server.stop(None).wait()


def test_a_call_is_repeated_with_its_key(
    faltering: tuple[Faltering, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is known of what became of the first one; the second bears the same words."""
    monkeypatch.setattr(module, "PAUSE", 0.01)
    servicer, target = faltering
    with ModerationClient(Service(target, present("secret")), MIA) as service:
        assert service.call("ClaimCase", case_id="c1")["case"]["version"] == 2
        service.call("ClaimCase", case_id="c1")
    first, second, other = servicer.asked
    assert first == second
    assert len(first.idempotency_key) == 32
    assert other.idempotency_key != first.idempotency_key
    assert ("x-parley-token", "the token") in list(servicer.metadata)
    assert ("authorization", "Bearer secret") in list(servicer.metadata)


def test_a_service_that_is_not_there_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says how the same can be tried again, where it would write."""
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    monkeypatch.setattr(module, "SECONDS_PER_CALL", 0.2)
    with ModerationClient(Service("127.0.0.1:1", present("secret")), MIA, key="k1") as service:
        with pytest.raises(
            CommandError, match=r"127\.0\.0\.1:1 does not answer.*--key k1"
        ) as caught:
            service.call("ClaimCase", case_id="c1")
        assert caught.value.exit_code == 1
        with pytest.raises(CommandError) as caught:
            service.call("GetCase", case_id="c1")
        assert "--key" not in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({}, "nothing is serving"),
        ({"target": "h:1"}, "--target goes with"),
        ({"credential_file": Path("x")}, "--target goes with"),
        ({"certificate_file": Path("x")}, "--target goes with"),
        ({"target": "h:1", "certificate_file": Path("x")}, "--key-file go together"),
        (
            {"target": "h:1", "certificate_file": Path("x"), "key_file": Path("y")},
            "of no use without --ca-file",
        ),
        ({"ca_file": Path("x")}, "--ca-file goes with --target"),
        ({"target": "h:1", "credential_file": Path("missing")}, "missing can not be read"),
    ],
)
def test_where_the_service_is_has_to_be_known(
    tmp_path: Path, fields: dict[str, Any], why: str
) -> None:
    """Of a folder that nobody serves, and of another server, both its address and a credential."""
    service = ServiceOptions(**fields)
    options = CommonOptions(None, [], "", tmp_path, None, False, service)
    with pytest.raises(CommandError, match=why):
        options.connect()
