"""Admission of calls: who calls, by credential or certificate, and whether the table lets them."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Set
from contextvars import ContextVar
from inspect import iscoroutinefunction
from typing import Any, TypeAlias

import grpc
import structlog
from google.rpc import status_pb2

from service_kit.authentication.callers import CALLER_NOT_PERMITTED, Caller
from service_kit.authentication.credentials import METADATA_KEY, AcceptedCredentials
from service_kit.rpc.instruments import CallInstruments
from service_kit.rpc.rpc_errors import abort, build_status, code_of
from service_kit.tls.server import CertificateNames

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


_NO_CREDENTIAL = "the credential of the caller is missing or not accepted"
_EXPIRED = "the certificate of the caller has expired since it connected"
# Whoever is unknown may come under any name.
_MOST_TOLD = 100


class CredentialWithdrawn(Exception):  # noqa: N818, the name says what is the case
    """The credential with which a stream was opened is accepted no more, or its certificate."""

    def __init__(self, problem: str = _NO_CREDENTIAL) -> None:
        super().__init__(problem)


class AdmissionInterceptor(grpc.aio.ServerInterceptor):
    """Requires a caller whom `permissions` lets call the method, by its whole name. No method is
    open to all but the check of the health.

    Callers are known by `authorization: Bearer <credential>`, by their certificates, or by both, of
    the same caller. What is None is not asked for, and one of them is not.
    """

    def __init__(
        self,
        credentials: AcceptedCredentials | None,
        permissions: Mapping[str, Set[Caller]],
        domain: str,
        instruments: CallInstruments,
        certificates: CertificateNames | None = None,
    ) -> None:
        self._credentials = credentials
        self._certificates = certificates
        # With certificates: what serves a method, for whom the credential names.
        self._checked: dict[tuple[str, Caller | None], Handler] = {}
        self._strangers: set[str] = set()
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
        caller = None
        if self._credentials is not None:
            caller = self._find(self._credentials, handler_call_details.invocation_metadata or ())
            if caller is None:
                return self._refusals[None]
        if self._certificates is not None:
            handler = self._checked.get((method, caller))
            if handler is None:
                # Who shows which is known when the call begins, and not before.
                handler = self._check(
                    self._certificates, method, caller, await continuation(handler_call_details)
                )
            return handler
        if caller is None:
            return self._refusals[None]
        if not self._permits(caller, method):
            return self._refusals[caller]
        _caller.set(caller)
        return await continuation(handler_call_details)

    def _permits(self, caller: Caller, method: str) -> bool:
        if caller in self._permissions.get(method, ()):
            return True
        if method in self._permissions and (caller, method) not in self._told:
            self._told.add((caller, method))
            self._log.warning("a caller may not do this", caller=caller, method=method)
        return False

    def _check(
        self,
        certificates: CertificateNames,
        method: str,
        credited: Caller | None,
        handler: "Handler | None",
    ) -> Handler:
        """Give the handler of a method that asks for the certificate first."""

        async def admit(context: Context) -> None:
            status = self._judge(certificates.find(context), method, credited)
            if status is not None:
                self._instruments.refused(code_of(status.code))
                await abort(context, status)

        made = _admitting(handler, admit)
        if method in self._permissions:
            # Others are made up, and no end of them.
            self._checked[method, credited] = made
        return made

    def _judge(
        self, found: Caller | str, method: str, credited: Caller | None
    ) -> status_pb2.Status | None:
        """Say why a call is refused; None, and its caller is known from now on, when it is not."""
        if not isinstance(found, Caller):
            problem = found
        elif credited not in {None, found}:
            problem = f"the credential of the caller is of {credited}, its certificate of {found}"
        elif not self._permits(found, method):
            return self._not_permitted(found)
        else:
            _caller.set(found)
            return None
        if problem not in self._strangers and len(self._strangers) < _MOST_TOLD:
            self._strangers.add(problem)
            self._log.warning("a caller is not known", problem=problem, method=method)
        return unauthenticated(self._domain, problem)

    def watch(self, context: Context) -> Callable[[], None]:
        """Give a check to be made again while a stream is open: it raises CredentialWithdrawn when
        the credential that opened it is accepted no more, or when its certificate has expired.
        """
        credentials, seen = self._credentials, None
        expires = None if self._certificates is None else self._certificates.expires(context)
        metadata = context.invocation_metadata() or ()
        if credentials is not None:
            seen = credentials.current()

        def check() -> None:
            nonlocal seen
            if credentials is not None and (current := credentials.current()) is not seen:
                seen = current
                if self._find(credentials, metadata) is None:
                    raise CredentialWithdrawn
            if expires is not None and time.time() > expires:
                raise CredentialWithdrawn(_EXPIRED)

        return check

    def _find(
        self, credentials: AcceptedCredentials, metadata: Iterable[tuple[str, str | bytes]]
    ) -> Caller | None:
        given = [value for key, value in metadata if key == METADATA_KEY]
        if len(given) != 1:
            return None
        (value,) = given
        return credentials.find(value.encode() if isinstance(value, str) else value)

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


def unauthenticated(domain: str, problem: str = _NO_CREDENTIAL) -> status_pb2.Status:
    """Build the status of a call whose caller is not known."""
    return build_status(grpc.StatusCode.UNAUTHENTICATED, UNAUTHENTICATED, domain, problem)


def _admitting(handler: "Handler | None", admit: Callable[[Context], Awaitable[None]]) -> Handler:
    """Give a handler that is of the same kind and does the same, but admits each call first."""
    if handler is None:

        async def unknown(_requests: Any, context: Context) -> None:
            await admit(context)
            await context.abort(grpc.StatusCode.UNIMPLEMENTED)

        return grpc.stream_stream_rpc_method_handler(unknown)
    kind = f"{_KINDS[handler.request_streaming]}_{_KINDS[handler.response_streaming]}"
    behavior: Any = getattr(handler, kind)

    async def call(request: Any, context: Context) -> Any:
        await admit(context)
        return await behavior(request, context)

    async def stream(request: Any, context: Context) -> AsyncIterator[Any]:
        await admit(context)
        responses = behavior(request, context)
        try:
            async for response in responses:
                yield response
        finally:
            await responses.aclose()

    made: Handler = getattr(grpc, f"{kind}_rpc_method_handler")(
        call if iscoroutinefunction(behavior) else stream,
        handler.request_deserializer,
        handler.response_serializer,
    )
    return made


_KINDS = {False: "unary", True: "stream"}
