"""The interceptor that counts every call, and makes statuses of exceptions."""

import math
import time
from collections.abc import AsyncIterator, Callable
from inspect import iscoroutinefunction
from typing import Any
from uuid import uuid4

import grpc
import structlog
from google.rpc import status_pb2

from service_kit.rpc.admission import (
    AdmissionInterceptor,
    Context,
    Continuation,
    CredentialWithdrawn,
    Handler,
    unauthenticated,
)
from service_kit.rpc.instruments import CallInstruments, Exchange, MethodInstruments
from service_kit.rpc.names import reading_names
from service_kit.rpc.rpc_errors import abort, build_status, code_of
from service_kit.tracing.calls import serving
from service_kit.tracing.spans import Tracing


class StreamAged(Exception):  # noqa: N818, the name says what is the case
    """A stream was open long enough: the next one may go to another replica."""


class BoundaryInterceptor(grpc.aio.ServerInterceptor):
    """Turns exceptions into statuses: known ones by `translate`, others into INTERNAL.

    Whoever called learns an id that stands in the log, and never a trace. Each call is counted.
    A stream goes on for as long as `admission` accepts the credential that opened it, and for
    `stream_seconds` if they are not 0: then its connection is about to end.
    """

    def __init__(
        self,
        domain: str,
        translate: Callable[[Exception], status_pb2.Status | None],
        instruments: CallInstruments,
        admission: AdmissionInterceptor,
        stream_seconds: float = 0,
        tracing: Tracing | None = None,
    ) -> None:
        self._stream_seconds = stream_seconds or math.inf
        self._instruments = instruments
        self._tracing = tracing
        self._admission = admission
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
            call if self._tracing is None else serving(self._tracing, method, call),
            reading_names(handler.request_deserializer),
            handler.response_serializer,
        )

    def _stream(self, handler: Handler, method: str) -> Handler:
        behavior: Any = handler.unary_stream
        counted = MethodInstruments(self._instruments, method)

        async def call(request: Any, context: Context) -> AsyncIterator[Any]:
            check = self._admission.watch(context)
            responses = behavior(request, context)
            ends = time.monotonic() + self._stream_seconds
            code = grpc.StatusCode.OK
            try:
                async for response in responses:
                    check()
                    yield response
                    if time.monotonic() > ends:
                        raise StreamAged  # noqa: TRY301, ends as any other failure
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
            check = self._admission.watch(context)
            began: float | None = None
            code = grpc.StatusCode.OK
            responses: Any = None

            async def begun(exchange: Exchange) -> AsyncIterator[Any]:
                nonlocal began
                async for request in exchange.requests(aiter(requests)):
                    check()
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
        if isinstance(error, CredentialWithdrawn):
            return grpc.StatusCode.UNAUTHENTICATED, unauthenticated(self._domain, str(error))
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
