"""Statuses of refusals, and of the exceptions of the kit."""

import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue
from google.rpc import error_details_pb2, status_pb2

from service_kit.rpc.failures import Failures, Refused
from service_kit.rules import Refusal, invalid
from service_kit.storage.writer import StorageUnavailable, UnexpectedFailure, WriterOverloaded
from service_kit.watch.hub import WatcherNotFound
from service_kit.watch.watcher import REVISION_GAP, SHUTTING_DOWN, WATCHER_TOO_SLOW, WatcherCutOff

FAILURES = Failures(
    "tests.parley",
    {"TOO_LATE": grpc.StatusCode.FAILED_PRECONDITION},
    {str: lambda current: StringValue(value=current)},
)


def reason(status: status_pb2.Status) -> tuple[int, str]:
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert info.domain == "tests.parley"
    return status.code, info.reason


@pytest.mark.parametrize(
    ("error", "code", "why"),
    [
        (StorageUnavailable("x"), grpc.StatusCode.UNAVAILABLE, "STORAGE_UNAVAILABLE"),
        (WriterOverloaded("x"), grpc.StatusCode.RESOURCE_EXHAUSTED, "WRITER_OVERLOADED"),
        (WatcherNotFound("x"), grpc.StatusCode.NOT_FOUND, "WATCHER_NOT_FOUND"),
        (WatcherCutOff(WATCHER_TOO_SLOW), grpc.StatusCode.RESOURCE_EXHAUSTED, WATCHER_TOO_SLOW),
        (WatcherCutOff(REVISION_GAP), grpc.StatusCode.ABORTED, REVISION_GAP),
        (WatcherCutOff(SHUTTING_DOWN), grpc.StatusCode.UNAVAILABLE, SHUTTING_DOWN),
        (UnexpectedFailure("an incident"), grpc.StatusCode.INTERNAL, "INTERNAL"),
        (Refused(Refusal("TOO_LATE", "x")), grpc.StatusCode.FAILED_PRECONDITION, "TOO_LATE"),
        (Refused(invalid("text", "x")), grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT"),
    ],
)
def test_every_exception_of_the_kit_has_its_status(
    error: Exception, code: grpc.StatusCode, why: str
) -> None:
    """For a whole call as for one item of a batch."""
    translated = FAILURES.translate(error)
    assert translated is not None
    assert reason(translated) == (code.value[0], why)
    assert FAILURES.status(error) == translated


def test_a_defect_is_left_to_the_boundary() -> None:
    """Nobody foresaw it, so it has no status here, and can not be an outcome either."""
    assert FAILURES.translate(RuntimeError("a defect")) is None
    for outcome in (RuntimeError("a defect"), "a success"):
        with pytest.raises(TypeError, match="neither"):
            FAILURES.status(outcome)


def test_a_refusal_bears_its_details() -> None:
    """The argument, the time to wait, and how things stand, in this order behind the reason."""
    refusal = Refusal("TOO_LATE", "x", field="offer", retry_after=1_500, current="agreed")
    status = FAILURES.status(refusal)
    violation, retry = error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
    current = StringValue()
    for detail, message in zip(status.details[1:], (violation, retry, current), strict=True):
        assert detail.Unpack(message)
    assert violation.field_violations[0].field == "offer"
    assert retry.retry_delay.ToMilliseconds() == 1_500
    assert current.value == "agreed"


def test_a_reason_without_a_row_is_a_defect() -> None:
    """A service that forgot its row learns it from the first refusal, and not from a client."""
    with pytest.raises(KeyError):
        FAILURES.status(Refusal("FORGOTTEN", "x"))
