"""The google.rpc.Status with which a service refuses a call, as its caller finds it (AIP-193)."""

from typing import Any

from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

STATUS_METADATA_KEY = "grpc-status-details-bin"
"""The key under which gRPC carries it."""


def status_of(error: Any) -> status_pb2.Status | None:
    """Give the status that came with the failure of a call, a grpc.RpcError; None when the service
    gave none. One that cannot be read has the code and the words of the call alone.
    """
    for key, value in error.trailing_metadata() or ():
        if key == STATUS_METADATA_KEY and isinstance(value, bytes):
            try:
                return status_pb2.Status.FromString(value)
            except DecodeError:
                return bare_status_of(error)
    return None


def bare_status_of(error: Any) -> status_pb2.Status:
    """Give the status of a call that failed without one."""
    return status_pb2.Status(code=error.code().value[0], message=error.details() or "")


def info_of(status: status_pb2.Status) -> error_details_pb2.ErrorInfo:
    """Give the reason in a status, and its domain; both empty where it names none."""
    info = error_details_pb2.ErrorInfo()
    any(detail.Unpack(info) for detail in status.details)
    return info
