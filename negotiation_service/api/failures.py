"""Refusals as gRPC statuses: one table from reason to code, from which all else is built."""

import grpc
from parley.negotiation.v1 import negotiation_pb2 as pb

from negotiation_service.api import translation
from negotiation_service.domain.refusals import Reason
from negotiation_service.domain.views import Snapshot
from service_kit.rpc.failures import Failures, cut_to_fit

_NOT_FOUND = grpc.StatusCode.NOT_FOUND
_FAILED_PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION
_PERMISSION_DENIED = grpc.StatusCode.PERMISSION_DENIED


def _service(given: Snapshot) -> pb.Service:
    shown = pb.Service()
    shown.CopyFrom(translation.service(given))
    return cut_to_fit(shown, "description", "notes", "cancellation")


FAILURES = Failures(
    "negotiation.parley",
    {
        Reason.CONVERSATION_NOT_FOUND: _NOT_FOUND,
        Reason.SERVICE_NOT_FOUND: _NOT_FOUND,
        Reason.STALE_OFFER: _FAILED_PRECONDITION,
        Reason.INVALID_STATE: _FAILED_PRECONDITION,
        Reason.ON_HOLD: _FAILED_PRECONDITION,
        Reason.OPEN_SERVICE_EXISTS: _FAILED_PRECONDITION,
        Reason.CANCELLATION_REQUESTED: _FAILED_PRECONDITION,
        Reason.TOO_MANY_ROUNDS: _FAILED_PRECONDITION,
        Reason.TOO_MANY_REOPENINGS: _FAILED_PRECONDITION,
        Reason.TOO_MANY_DISPUTES: _FAILED_PRECONDITION,
        Reason.TOO_MANY_SUBMISSIONS: _FAILED_PRECONDITION,
        Reason.SERVICES_LIMIT_REACHED: grpc.StatusCode.RESOURCE_EXHAUSTED,
        Reason.OWN_OFFER: _PERMISSION_DENIED,
        Reason.OFFER_OF_THE_OTHER: _PERMISSION_DENIED,
        Reason.PROVIDER_ONLY: _PERMISSION_DENIED,
        Reason.CLIENT_ONLY: _PERMISSION_DENIED,
        Reason.SANCTIONED: _PERMISSION_DENIED,
        Reason.BLOCKED: _FAILED_PRECONDITION,
        Reason.HOLD_NOT_FOUND: _NOT_FOUND,
        Reason.DECIDED_OTHERWISE: _FAILED_PRECONDITION,
        Reason.IDEMPOTENCY_KEY_CONFLICT: grpc.StatusCode.ALREADY_EXISTS,
        Reason.MESSAGING_UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    },
    {Snapshot: _service},
)
