"""Spans of calls between processes: on the side that calls, and on the side that is called."""

import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
from opentelemetry.trace import SpanKind

from service_kit.tracing.propagation import METADATA_KEY, read
from service_kit.tracing.spans import OK, Active, Tracing, present

# Of a call, what is the fault of who serves it; all else is an answer.
_FAILURES = frozenset(
    {
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)
_NO_METADATA: tuple[tuple[str, str], ...] = ()


class _Untraced:
    """A call in no trace."""

    metadata = _NO_METADATA

    def end(self, outcome: str = OK, *, failed: bool | None = None) -> None:
        """Do nothing."""


_UNTRACED = _Untraced()


@contextmanager
def calling(method: str) -> Iterator[Active | _Untraced]:
    """A call to another process below the present span, whose `metadata` goes with it."""
    active = present()
    if active is None:
        yield _UNTRACED
        return
    with active.child(f"call {method}", SpanKind.CLIENT) as made:
        try:
            yield made
        except grpc.aio.AioRpcError as error:
            made.end(error.code().name.lower(), failed=error.code() in _FAILURES)
            raise


Behavior = Callable[[Any, Any], Awaitable[Any]]


def serving(tracing: Tracing, method: str, behavior: Behavior) -> Behavior:
    """Serve a method as `behavior` does, in the trace of who calls, or in one of its own."""
    name = method.rpartition("/")[2]

    async def serve(request: Any, context: Any) -> Any:
        traceparent = _of_call(context)
        began = time.perf_counter()
        if not traceparent:
            try:
                return await behavior(request, context)
            finally:
                outcome, failed = _judge(context)
                seconds = time.perf_counter() - began
                tracing.over(name, SpanKind.SERVER, seconds, outcome, failed=failed)
        active = tracing.below(traceparent, name, SpanKind.SERVER)
        with tracing.within(active):
            try:
                return await behavior(request, context)
            finally:
                outcome, failed = _judge(context)
                active.end(outcome, failed=failed)

    return serve


def _of_call(context: Any) -> str:
    for key, value in context.invocation_metadata() or ():
        if key == METADATA_KEY and isinstance(value, str) and read(value) is not None:
            return value
    return ""


def _judge(context: Any) -> tuple[str, bool]:
    code = context.code() or grpc.StatusCode.OK
    if isinstance(code, int):
        code = next((one for one in grpc.StatusCode if one.value[0] == code), grpc.StatusCode.OK)
    return code.name.lower(), code in _FAILURES
