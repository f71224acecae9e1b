"""Admission of calls: who calls, by the credential, and whether the table lets them."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Set
from contextvars import ContextVar
from typing import Any, TypeAlias

import grpc
import structlog
from google.rpc import status_pb2

from service_kit.authentication.callers import CALLER_NOT_PERMITTED, Caller
from service_kit.authentication.credentials import METADATA_KEY, AcceptedCredentials
from service_kit.rpc.instruments import CallInstruments
from service_kit.rpc.rpc_errors import abort, build_status, code_of

UNAUTHENTICATED = "UNAUTHENTICATED"

Context = grpc.aio.ServicerContext[Any, Any]
# Quoted, for these classes are generic in their stubs only.
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Continuation: TypeAlias = (
    "Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]]"
)

# What the health of any service is asked by; whoever asks needs no credential.
_OPEN = "/grpc.health.v1.Health/Check"

_caller: ContextVar[Caller] = ContextVar("caller")


def current_caller() -> Caller:
    """Give who makes the call that the current task serves."""
    return _caller.get()


class CredentialWithdrawn(Exception):  # noqa: N818, the name says what is the case
    """The credential with which a stream was opened is accepted no more."""


class AdmissionInterceptor(grpc.aio.ServerInterceptor):
    """Requires `authorization: Bearer <credential>` of a caller whom `permissions` lets call the
    method, by its whole name. No method is open to all but the check of the health.
    """

    def __init__(
        self,
        credentials: AcceptedCredentials,
        permissions: Mapping[str, Set[Caller]],
        domain: str,
        instruments: CallInstruments,
    ) -> None:
        self._credentials = credentials
        self._permissions = permissions
        self._instruments = instruments
        self._domain = domain
        self._refusals: dict[Caller | None, Handler] = {
            None: self._refusal(unauthenticated(domain)),
            **{caller: self._refusal(self._not_permitted(caller)) for caller in Caller},
        }
        # Each is told once, for whoever is refused may try for ever.
        self._told: set[tuple[Caller, str]] = set()
        self._log = structlog.get_logger(__name__)

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> "Handler | None":
        """Go on only where the table says so."""
        method = handler_call_details.method
        if method == _OPEN:
            return await continuation(handler_call_details)
        caller = self._find(handler_call_details.invocation_metadata or ())
        if caller is None:
            return self._refusals[None]
        if caller not in self._permissions.get(method, ()):
            if method in self._permissions and (caller, method) not in self._told:
                self._told.add((caller, method))
                self._log.warning("a caller may not do this", caller=caller, method=method)
            return self._refusals[caller]
        _caller.set(caller)
        return await continuation(handler_call_details)

    def watch(self, context: Context) -> Callable[[], None]:
        """Give a check to be made again while a stream is open: it raises CredentialWithdrawn when
        the credential that opened it is accepted no more.
        """
        seen = self._credentials.current()
        metadata = context.invocation_metadata() or ()

        def check() -> None:
            nonlocal seen
            current = self._credentials.current()
            if current is not seen:
                seen = current
                if self._find(metadata) is None:
                    raise CredentialWithdrawn

        return check

    def _find(self, metadata: Iterable[tuple[str, str | bytes]]) -> Caller | None:
        given = [value for key, value in metadata if key == METADATA_KEY]
        if len(given) != 1:
            return None
        (value,) = given
        return self._credentials.find(value.encode() if isinstance(value, str) else value)

    def _not_permitted(self, caller: Caller) -> status_pb2.Status:
        return build_status(
            grpc.StatusCode.PERMISSION_DENIED,
            CALLER_NOT_PERMITTED,
            self._domain,
            f"the caller {caller} may not call this",
        )

    def _refusal(self, status: status_pb2.Status) -> Handler:
        code = code_of(status.code)

        async def refuse(_requests: Any, context: Context) -> None:
            self._instruments.refused(code)
            await abort(context, status)

        # Of the streaming kind, because it must not wait for a request that may never come.
        return grpc.stream_stream_rpc_method_handler(refuse)


def unauthenticated(domain: str) -> status_pb2.Status:
    """Build the status of a call without an accepted credential."""
    return build_status(
        grpc.StatusCode.UNAUTHENTICATED,
        UNAUTHENTICATED,
        domain,
        "the credential of the caller is missing or not accepted",
    )
