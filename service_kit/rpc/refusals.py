"""A refusal of a service as whoever called it reads it, the opposite of `rpc_errors`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message
from google.rpc import error_details_pb2

from service_kit.channels.statuses import status_of


@dataclass(frozen=True, slots=True)
class ReadRefusal:
    """A refusal: its reason and domain (empty where a service named none), the field at fault,
    after how long to ask again, and how something stands (`kind` says what), if it said that.
    """

    reason: str
    domain: str
    message: str
    field: str = ""
    retry_after_milliseconds: int = 0
    kind: str = ""
    current: Message | None = None


def read_refusal(error: Any, currents: Mapping[str, type[Message]]) -> ReadRefusal:
    """Read the status of a failed call, of either kind of gRPC's errors.

    `currents` are the messages that say how something stands, by the kind of that.
    """
    found = _details(error)
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    wait = error_details_pb2.RetryInfo()
    for one in (info, bad, wait):
        if (detail := found.get(one.DESCRIPTOR.full_name)) is not None:
            detail.Unpack(one)
    kind, current = "", None
    for name, message in currents.items():
        if (detail := found.get(message.DESCRIPTOR.full_name)) is not None:
            kind, current = name, message()
            detail.Unpack(current)
    return ReadRefusal(
        reason=info.reason,
        domain=info.domain,
        message=error.details() or "",
        field=bad.field_violations[0].field if bad.field_violations else "",
        retry_after_milliseconds=wait.retry_delay.ToMilliseconds(),
        kind=kind,
        current=current,
    )


def _details(error: Any) -> dict[str, Any]:
    status = status_of(error)
    return {} if status is None else {one.TypeName(): one for one in status.details}
