"""Interceptors of every call: the check of the credential, and exceptions made statuses."""

import hmac
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

import grpc
import structlog
from google.rpc import status_pb2

from service_kit.rpc.instruments import CallInstruments, Exchange, MethodInstruments
from service_kit.rpc.names import reading_names
from service_kit.rpc.rpc_errors import abort, build_status, code_of

Context = grpc.aio.ServicerContext[Any, Any]
# Quoted, for these classes are generic in their stubs only.
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Continuation: TypeAlias = (
    "Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]]"
)


def read_credentials(path: Path) -> tuple[str, ...]:
    """Read the accepted secrets, one a line. Raises ValueError when there is none."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"the credentials file {path} can not be read: {error}") from error
    secrets = tuple(line.strip() for line in lines if line.strip())
    if not secrets:
        raise ValueError(f"the credentials file {path} holds no credential")
    return secrets


class CredentialInterceptor(grpc.aio.ServerInterceptor):
    """Requires `authorization: Bearer <secret>` on every call, health and reflection included."""

    def __init__(self, secrets: Sequence[str], domain: str, instruments: CallInstruments) -> None:
        if not secrets:
            raise ValueError("a service without a credential would serve anyone")
        self._expected = tuple(f"Bearer {secret}".encode() for secret in secrets)
        status = build_status(
            grpc.StatusCode.UNAUTHENTICATED,
            "UNAUTHENTICATED",
            domain,
            "the service credential is missing or wrong",
        )

        async def refuse(_requests: Any, context: Context) -> None:
            instruments.refused()
            await abort(context, status)

        # Of the streaming kind, because it must not wait for a request that may never come.
        self._refusal: Handler = grpc.stream_stream_rpc_method_handler(refuse)

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> "Handler | None":
        """Go on only with an accepted credential."""
        given: bytes = b""
        for key, value in handler_call_details.invocation_metadata or ():
            if key == "authorization":
                given = value.encode() if isinstance(value, str) else value
        accepted = False
        for expected in self._expected:
            # All are compared, each in constant time.
            accepted |= hmac.compare_digest(given, expected)
        return await continuation(handler_call_details) if accepted else self._refusal


class BoundaryInterceptor(grpc.aio.ServerInterceptor):
    """Turns exceptions into statuses: known ones by `translate`, others into INTERNAL.

    Whoever called learns an id that stands in the log, and never a trace. Each call is counted.
    """

    def __init__(
        self,
        domain: str,
        translate: Callable[[Exception], status_pb2.Status | None],
        instruments: CallInstruments,
    ) -> None:
        self._instruments = instruments
        # By method; the same for all of its calls.
        self._wrapped: dict[str, Handler] = {}
        self._domain = domain
        self._translate = translate
        self._log = structlog.get_logger("service_kit.boundary")

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> "Handler | None":
        """Wrap the three kinds of methods that Parley's services have."""
        handler = await continuation(handler_call_details)
        if (
            handler is None
            or (
                handler.request_streaming is not handler.response_streaming
                and handler.request_streaming
            )
            # Of the kind that writes by itself: the health's own Watch.
            or iscoroutinefunction(handler.unary_stream)
        ):
            return handler
        method = handler_call_details.method
        if method not in self._wrapped:
            wrap = self._unary
            if handler.response_streaming:
                wrap = self._exchange if handler.request_streaming else self._stream
            self._wrapped[method] = wrap(handler, method)
        return self._wrapped[method]

    def _unary(self, handler: Handler, method: str) -> Handler:
        behavior: Any = handler.unary_unary
        counted = MethodInstruments(self._instruments, method)

        async def call(request: Any, context: Context) -> Any:
            began = counted.begin()
            code = grpc.StatusCode.OK
            try:
                return await behavior(request, context)
            except BaseException as error:
                code, status = self._translate_failure(error, context, method)
                if status is None:
                    raise
                return await abort(context, status)
            finally:
                counted.end(began, code)

        return grpc.unary_unary_rpc_method_handler(
            call,
            reading_names(handler.request_deserializer),
            handler.response_serializer,
        )

    def _stream(self, handler: Handler, method: str) -> Handler:
        behavior: Any = handler.unary_stream
        counted = MethodInstruments(self._instruments, method)

        async def call(request: Any, context: Context) -> AsyncIterator[Any]:
            responses = behavior(request, context)
            code = grpc.StatusCode.OK
            try:
                async for response in responses:
                    yield response
            except BaseException as error:
                code, status = self._translate_failure(error, context, method)
                if status is None:
                    raise
                await abort(context, status)
            finally:
                counted.ended(code)
                # At once, so that the method's own clean-up does not wait for the collector.
                await responses.aclose()

        return grpc.unary_stream_rpc_method_handler(
            call,
            reading_names(handler.request_deserializer),
            handler.response_serializer,
        )

    def _exchange(self, handler: Handler, method: str) -> Handler:
        """A stream on which each request has one response: each pair is a call."""
        behavior: Any = handler.stream_stream
        instruments, counted = self._instruments, MethodInstruments(self._instruments, method)

        async def call(requests: AsyncIterator[Any], context: Context) -> AsyncIterator[Any]:
            began: float | None = None
            code = grpc.StatusCode.OK
            responses: Any = None

            async def begun(exchange: Exchange) -> AsyncIterator[Any]:
                nonlocal began
                async for request in exchange.requests(aiter(requests)):
                    began = counted.begin()
                    yield request

            try:
                with instruments.exchanging() as exchange:
                    responses = behavior(begun(exchange), context)
                    async for response in responses:
                        if began is not None:
                            counted.end(began, code)
                            began = None
                        yield response
            except BaseException as error:
                code, status = self._translate_failure(error, context, method)
                if status is None:
                    raise
                await abort(context, status)
            finally:
                if began is not None:
                    counted.end(began, code)
                if responses is not None:
                    await responses.aclose()

        return grpc.stream_stream_rpc_method_handler(
            call,
            reading_names(handler.request_deserializer),
            handler.response_serializer,
        )

    def _translate_failure(
        self,
        error: BaseException,
        context: Context,
        method: str,
    ) -> tuple[grpc.StatusCode, status_pb2.Status | None]:
        """Give the code of a call that failed, and the status that it has yet to be ended with."""
        if isinstance(error, grpc.aio.AbortError):
            return code_of(context.code()), None
        if not isinstance(error, Exception):
            return grpc.StatusCode.CANCELLED, None
        status = self._translate(error)
        if status is None:
            incident = uuid4().hex
            self._log.error("a call failed", method=method, incident=incident, exc_info=error)
            status = build_internal(self._domain, incident)
        return code_of(status.code), status


def build_internal(domain: str, incident: str) -> status_pb2.Status:
    """Build the status of a defect: the id of the incident, and no more."""
    return build_status(
        grpc.StatusCode.INTERNAL,
        "INTERNAL",
        domain,
        f"internal error {incident}",
        metadata={"incident": incident},
    )
