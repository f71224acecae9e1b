"""Refusals as google.rpc.Status with their details (AIP-193), and how a call ends with one."""

from collections.abc import Sequence
from typing import Any, NoReturn

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from service_kit.channels.statuses import STATUS_METADATA_KEY

_CODES = {code.value[0]: code for code in grpc.StatusCode}


def code_of(status: int | grpc.StatusCode) -> grpc.StatusCode:
    """Give a code for itself or its number, as contexts give either; UNKNOWN for any other."""
    if isinstance(status, grpc.StatusCode):
        return status
    return _CODES.get(status, grpc.StatusCode.UNKNOWN)


def build_status(
    code: grpc.StatusCode,
    reason: str,
    domain: str,
    message: str,
    *,
    field: str = "",
    retry_after_milliseconds: int = 0,
    metadata: dict[str, str] | None = None,
    details: Sequence[Message] = (),
) -> status_pb2.Status:
    """Build a status with ErrorInfo, a BadRequest for a `field`, a RetryInfo for a time to wait.

    The `details` of a service come behind these.
    """
    found: list[Message] = [
        error_details_pb2.ErrorInfo(reason=reason, domain=domain, metadata=metadata or {})
    ]
    if field:
        violation = error_details_pb2.BadRequest.FieldViolation(field=field, description=message)
        found.append(error_details_pb2.BadRequest(field_violations=[violation]))
    if retry_after_milliseconds:
        delay = duration_pb2.Duration()
        delay.FromMilliseconds(retry_after_milliseconds)
        found.append(error_details_pb2.RetryInfo(retry_delay=delay))
    packed: list[any_pb2.Any] = []
    for detail in (*found, *details):
        anything = any_pb2.Any()
        anything.Pack(detail)
        packed.append(anything)
    return status_pb2.Status(code=code.value[0], message=message, details=packed)


async def abort(
    context: grpc.aio.ServicerContext[Any, Any],
    status: status_pb2.Status,
    trailing_metadata: Sequence[tuple[str, str | bytes]] = (),
) -> NoReturn:
    """End the call with `status`, its details included."""
    await context.abort(
        _CODES[status.code],
        status.message,
        (*trailing_metadata, (STATUS_METADATA_KEY, status.SerializeToString())),
    )
