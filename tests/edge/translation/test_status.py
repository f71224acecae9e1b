"""One table from the services' refusals to error packets."""

import grpc
import pytest
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from msgspec import UNSET
from parley.moderation.v1 import moderation_pb2
from parley.negotiation.v1 import negotiation_pb2

from edge.translation.status import CALLER_REFUSED, from_call, from_status
from parley_protocol.errors import Error, ErrorCode, FieldProblem
from parley_protocol.payloads.moderation import Dispute, Standing
from parley_protocol.payloads.negotiation import Service
from service_kit.rpc.rpc_errors import build_status
from tests.edge.moderated import sanction

# What each status becomes: code, and whether to try again.
TABLE = {
    "CANCELLED": ("UNAVAILABLE", True),
    "UNKNOWN": ("INTERNAL", True),
    "INVALID_ARGUMENT": ("INVALID_ARGUMENT", False),
    "DEADLINE_EXCEEDED": ("DEADLINE_EXCEEDED", True),
    "NOT_FOUND": ("NOT_FOUND", False),
    "ALREADY_EXISTS": ("CONFLICT", False),
    "PERMISSION_DENIED": ("PERMISSION_DENIED", False),
    "RESOURCE_EXHAUSTED": ("RESOURCE_EXHAUSTED", True),
    "FAILED_PRECONDITION": ("INVALID_STATE", False),
    "ABORTED": ("INTERNAL", True),
    "OUT_OF_RANGE": ("INTERNAL", True),
    "UNIMPLEMENTED": ("INTERNAL", True),
    "INTERNAL": ("INTERNAL", True),
    "UNAVAILABLE": ("UNAVAILABLE", True),
    "DATA_LOSS": ("INTERNAL", True),
    "UNAUTHENTICATED": ("UNAVAILABLE", True),
}
STATUSES = [status for status in grpc.StatusCode if status is not grpc.StatusCode.OK]
# Said by grpc or by a stranger, and nothing that a person should read.
TRACE = "Unexpected <class 'KeyError'>: 'secret'"


def _name(status: grpc.StatusCode) -> str:
    return status.name


def _status(code: grpc.StatusCode, message: str = "why", *details: Message) -> status_pb2.Status:
    status = status_pb2.Status(code=code.value[0], message=message)
    for detail in details:
        packed = Any()
        packed.Pack(detail)
        status.details.append(packed)
    return status


def _call_error(
    code: grpc.StatusCode, details: str | None = "why", trailing: bytes | None = None
) -> grpc.aio.AioRpcError:
    metadata = grpc.aio.Metadata()
    if trailing is not None:
        metadata.add("grpc-status-details-bin", trailing)
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), metadata, details=details)


def test_the_table_names_every_status() -> None:
    """A status that grpc adds makes this fail, and someone decide."""
    assert set(TABLE) == {status.name for status in STATUSES}


@pytest.mark.parametrize("status", STATUSES, ids=_name)
def test_every_status_becomes_its_error(status: grpc.StatusCode) -> None:
    """The same for one item of a batch, for a call, and for a call with details."""
    item = from_status(_status(status))
    bare = from_call(_call_error(status))
    detailed = from_call(_call_error(status, "why", _status(status).SerializeToString()))
    for error in (item, bare, detailed):
        assert (error.code, error.retryable) == TABLE[status.name]
        assert error.message
        assert error.reason is UNSET


@pytest.mark.parametrize("number", [-1, 17, 1000])
def test_a_status_of_no_known_number_is_internal(number: int) -> None:
    """A service of another time may say what this edge has never heard."""
    assert from_status(status_pb2.Status(code=number, message=TRACE)).code == "INTERNAL"


def test_a_caller_that_may_not_call_is_the_operators_mistake() -> None:
    """Nobody's packet is refused for it: the service is not available to this edge."""
    info = error_details_pb2.ErrorInfo(reason="CALLER_NOT_PERMITTED", domain="messaging.parley")
    error = from_status(_status(grpc.StatusCode.PERMISSION_DENIED, "backend may not", info))
    assert error is CALLER_REFUSED
    assert (error.code, error.retryable, error.reason) == ("UNAVAILABLE", True, UNSET)
    assert "backend" not in error.message


@pytest.mark.parametrize("status", ["UNKNOWN", "UNIMPLEMENTED", "DATA_LOSS", "UNAUTHENTICATED"])
def test_the_words_of_unexpected_statuses_are_not_shown(status: str) -> None:
    """grpc puts the exception of a handler into UNKNOWN; no trace may reach a client."""
    error = from_call(_call_error(grpc.StatusCode[status], TRACE))
    assert "KeyError" not in error.message
    assert "secret" not in error.message


def test_a_refusals_own_words_are_shown() -> None:
    """The service knows best what to tell a person."""
    error = from_status(_status(grpc.StatusCode.NOT_FOUND, "There is no such conversation."))
    assert error == Error(ErrorCode.NOT_FOUND, "There is no such conversation.", retryable=False)


def test_a_refused_argument_names_its_fields_as_packets_do() -> None:
    """The path and the names of the contract are the edge's business, nested or not."""
    violations = {
        "requests[3].conversation_id": "conversation",
        "text": "text",
        "page_token": "page",
        "page_size": "limit",
        "before_seq": "before",
        "after_seq": "after",
        "dispute_id": "dispute",
        "decision_id": "decision",
        "propose.client_minor": "settlement.client_minor",
        "accept.settlement.client_minor": "accept.settlement.client_minor",
        "refund.amount_minor": "claim.refund.amount_minor",
    }
    bad_request = error_details_pb2.BadRequest(
        field_violations=[
            error_details_pb2.BadRequest.FieldViolation(field=field, description="is wrong")
            for field in violations
        ]
    )
    error = from_status(_status(grpc.StatusCode.INVALID_ARGUMENT, "no", bad_request))
    assert error.fields == [FieldProblem(field, "is wrong") for field in violations.values()]


@pytest.mark.parametrize(
    ("field", "message", "shown"),
    [
        ("page_token", "is not one that was given out", "page: is not one that was given out"),
        ("offer_ttl_seconds", "is not one of 1 to 9", "offer_ttl_s: is not one of 1 to 9"),
        (
            "after_seq",
            "and `before_seq` exclude each other",
            "after: and `before` exclude each other",
        ),
        ("text", "is empty", "text: is empty"),
    ],
)
def test_a_refusal_speaks_of_fields_as_packets_call_them(
    field: str, message: str, shown: str
) -> None:
    """Both in the words for people and in those beside the field."""
    status = build_status(
        grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT", "d", f"{field} {message}", field=field
    )
    error = from_status(status)
    assert error.message == shown
    (problem,) = error.fields or []
    assert f"{problem.field}: {problem.problem}" == shown


def test_a_limit_that_time_lifts_is_rate_limited() -> None:
    """RetryInfo says when; without it a queue is full."""
    retry = error_details_pb2.RetryInfo(retry_delay=Duration(seconds=2, nanos=500_000_000))
    limited = from_status(_status(grpc.StatusCode.RESOURCE_EXHAUSTED, "slowly", retry))
    assert (limited.code, limited.retryable, limited.retry_after_ms) == ("RATE_LIMITED", True, 2500)
    full = from_status(_status(grpc.StatusCode.RESOURCE_EXHAUSTED))
    assert (full.code, full.retry_after_ms) == ("RESOURCE_EXHAUSTED", UNSET)


@pytest.mark.parametrize(
    ("status", "reason", "code", "told"),
    [
        ("FAILED_PRECONDITION", "STALE_OFFER", "STALE_OFFER", UNSET),
        ("FAILED_PRECONDITION", "INVALID_STATE", "INVALID_STATE", UNSET),
        ("FAILED_PRECONDITION", "ON_HOLD", "INVALID_STATE", "ON_HOLD"),
        ("PERMISSION_DENIED", "OWN_OFFER", "PERMISSION_DENIED", "OWN_OFFER"),
        ("NOT_FOUND", "SERVICE_NOT_FOUND", "NOT_FOUND", UNSET),
    ],
)
def test_a_refusal_about_a_service_tells_why_and_what_is_true(
    status: str, reason: str, code: str, told: str
) -> None:
    """One code stands for several reasons, and `current` is the service as it really stands."""
    service = negotiation_pb2.Service(id="s", state=negotiation_pb2.STATE_AGREED, version=7)
    info = error_details_pb2.ErrorInfo(reason=reason)
    error = from_status(_status(grpc.StatusCode[status], "why", info, service))
    assert (error.code, error.reason) == (code, told)
    assert isinstance(error.current, Service)
    assert (error.current.service, error.current.state, error.current.version) == ("s", "agreed", 7)
    assert from_status(_status(grpc.StatusCode[status], "why", info)).current is UNSET


@pytest.mark.parametrize("domain", ["moderation", "messaging", "negotiation"])
def test_what_a_sanction_forbids_is_sanctioned(domain: str) -> None:
    """Whichever service refuses; moderation says why. Another PERMISSION_DENIED stays one."""
    info = error_details_pb2.ErrorInfo(reason="SANCTIONED", domain=f"{domain}.parley")
    error = from_status(_status(grpc.StatusCode.PERMISSION_DENIED, "no", info))
    assert (error.code, error.retryable, error.reason) == ("SANCTIONED", False, UNSET)
    standing = moderation_pb2.Standing(user="bob", sanctions=[sanction("muted")])
    error = from_status(_status(grpc.StatusCode.PERMISSION_DENIED, "no", info, standing))
    assert isinstance(error.current, Standing)
    assert error.current.sanctions[0].statement.facts == "Advertised."
    other = error_details_pb2.ErrorInfo(reason="ROLE_REQUIRED")
    assert from_status(_status(grpc.StatusCode.PERMISSION_DENIED, "no", other)).code == (
        "PERMISSION_DENIED"
    )


def test_a_refusal_about_a_dispute_shows_it_and_one_about_a_case_does_not() -> None:
    """A case names who reported, and is for moderators; this edge serves none."""
    info = error_details_pb2.ErrorInfo(reason="STALE_SETTLEMENT")
    dispute = moderation_pb2.Dispute(
        id="d",
        version=3,
        reason=moderation_pb2.DISPUTE_REASON_QUALITY,
        state=moderation_pb2.DISPUTE_STATE_OPEN,
    )
    error = from_status(_status(grpc.StatusCode.FAILED_PRECONDITION, "no", info, dispute))
    assert (error.code, error.reason) == ("INVALID_STATE", "STALE_SETTLEMENT")
    assert isinstance(error.current, Dispute)
    assert (error.current.dispute, error.current.version) == ("d", 3)
    report = moderation_pb2.CaseReport(reporter="alice")
    case = moderation_pb2.Case(id="c", reports=[report])
    error = from_status(_status(grpc.StatusCode.FAILED_PRECONDITION, "no", info, case))
    assert error.current is UNSET


def test_retry_info_of_another_refusal_keeps_its_code() -> None:
    """Only a limit becomes RATE_LIMITED."""
    retry = error_details_pb2.RetryInfo(retry_delay=Duration(seconds=1))
    error = from_status(_status(grpc.StatusCode.UNAVAILABLE, "", retry))
    assert (error.code, error.retry_after_ms) == ("UNAVAILABLE", 1000)


def test_details_that_cannot_be_read_fall_back_to_the_status() -> None:
    """A proxy may have spoiled them."""
    error = from_call(_call_error(grpc.StatusCode.NOT_FOUND, "gone", b"\xff\xff"))
    assert error == Error(ErrorCode.NOT_FOUND, "gone", retryable=False)


def test_a_call_without_words_still_says_something() -> None:
    """No error packet is silent about what is wrong with a service that is away."""
    assert from_call(_call_error(grpc.StatusCode.UNAVAILABLE, None)).message
