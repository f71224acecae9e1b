"""A client of the moderation service: documents in and out, and refusals by their reason.

A call is repeated while the service cannot be reached, which its idempotency key makes harmless.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import grpc
from google.protobuf.message import Message
from parley.moderation.v1 import moderation_pb2 as pb
from parley.moderation.v1.moderation_pb2_grpc import ModerationServiceStub

from command_line.display.console import CommandError
from command_line.moderation.service import Service
from service_kit.rpc.documents import Document, build, document
from service_kit.rpc.refusals import read_refusal

SECONDS_PER_CALL = 10.0
PATIENCE = 15.0
PAUSE = 0.5
PAGE = 100
# For the present case in a refusal, and for all evidence of a case in one answer.
OPTIONS = (
    ("grpc.max_metadata_size", 256 * 1024),
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
)
# It is not known whether such a call was carried out.
PASSING = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}
CURRENT: dict[str, type[Message]] = {"case": pb.Case, "dispute": pb.Dispute}


class RefusedCallError(CommandError):
    """A refusal of the service. `current` is the present case or dispute (`kind`), if shown;
    `version` is the one that the call named, or 0.

    Exit codes: 2 for an argument at fault, 3 when something has changed since it was seen.
    """

    def __init__(self, reason: str, message: str) -> None:
        code = 2 if reason == "INVALID_ARGUMENT" else 3 if reason.startswith("STALE_") else 1
        super().__init__(f"refused: {message} ({reason})", code)
        self.reason = reason
        self.message = message
        self.field = ""
        self.version = 0
        self.kind = ""
        self.current: Document | None = None


@dataclass(frozen=True)
class Moderator:
    """The user in whose name the service is called, and the token that says so."""

    name: str
    token: str


OPERATOR = Moderator("", "")
"""Nobody in particular: for what the operator's credential alone allows."""


class ModerationClient:
    """Calls the service as the operator, for a moderator.

    As a context it closes its channel.
    """

    def __init__(self, service: Service, moderator: Moderator, key: str | None = None) -> None:
        self.moderator = moderator
        self._target = service.target
        self._metadata = service.metadata
        if moderator.token:
            self._metadata = (*self._metadata, ("x-parley-token", moderator.token))
        self._key = key
        self._channel = service.open(OPTIONS)
        self._stub = ModerationServiceStub(self._channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._channel.close()

    def call(self, rpc: str, **fields: Any) -> dict[str, Any]:
        """Calls an RPC; RefusedCallError, or CommandError when nobody answers for a while."""
        request = build(getattr(pb, f"{rpc}Request"), fields)
        if "idempotency_key" in request.DESCRIPTOR.fields_by_name:
            request.idempotency_key = self._key or uuid4().hex
        method: Callable[..., Message] = getattr(self._stub, rpc)
        options: dict[str, Any] = {"metadata": self._metadata, "wait_for_ready": True}
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return document(method(request, timeout=SECONDS_PER_CALL, **options))
            except grpc.RpcError as error:
                code = error.code()
                if code not in PASSING:
                    refused = refusal_of(error)
                    refused.version = fields.get("version", 0)
                    raise refused from error
                if time.monotonic() >= deadline:
                    raise CommandError(self._unreached(error, request)) from error
                time.sleep(PAUSE)

    def pages(self, rpc: str, items: str, **fields: Any) -> Iterator[dict[str, Any]]:
        """All items of a list; the next page is fetched only when it is needed."""
        token = ""
        while True:
            page = self.call(rpc, **fields, page_size=PAGE, page_token=token)
            yield from page[items]
            token = page["next_page_token"]
            if not token:
                return

    def _unreached(self, error: grpc.RpcError, request: Any) -> str:
        key = getattr(request, "idempotency_key", "")
        again = f"; with --key {key} you can repeat the command safely" if key else ""
        return f"the moderation service at {self._target} does not answer: {error.details()}{again}"


def refusal_of(error: grpc.RpcError) -> RefusedCallError:
    """The refusal in a failed call, with the details of its status."""
    read = read_refusal(error, CURRENT)
    refused = RefusedCallError(read.reason or error.code().name, read.message)
    refused.field = read.field
    if read.current is not None:
        refused.kind, refused.current = read.kind, document(read.current)
    return refused
