"""The gRPC code of each reason of a refusal."""

import grpc

from messaging_service.domain.refusals import Reason
from service_kit.rpc.failures import Failures

FAILURES = Failures(
    "messaging.parley",
    {
        Reason.CONVERSATION_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
        Reason.MESSAGE_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
        Reason.IDEMPOTENCY_KEY_CONFLICT: grpc.StatusCode.ALREADY_EXISTS,
        Reason.OPENING_NOT_ALLOWED: grpc.StatusCode.PERMISSION_DENIED,
        Reason.OPENINGS_LIMIT_REACHED: grpc.StatusCode.RESOURCE_EXHAUSTED,
        Reason.EVENT_MESSAGE: grpc.StatusCode.FAILED_PRECONDITION,
        Reason.MESSAGE_DELETED: grpc.StatusCode.FAILED_PRECONDITION,
        Reason.EDIT_TOO_LATE: grpc.StatusCode.FAILED_PRECONDITION,
        Reason.TOO_MANY_EDITS: grpc.StatusCode.FAILED_PRECONDITION,
        Reason.MESSAGE_REMOVED: grpc.StatusCode.FAILED_PRECONDITION,
        Reason.SANCTIONED: grpc.StatusCode.PERMISSION_DENIED,
        Reason.BLOCKED: grpc.StatusCode.FAILED_PRECONDITION,
        Reason.TOO_MANY_BLOCKS: grpc.StatusCode.FAILED_PRECONDITION,
    },
)
