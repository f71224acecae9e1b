"""Error packets and close codes: each code with its meaning, which docs/protocol.md shows."""

import enum
from typing import Self

from msgspec import UNSET, Struct, UnsetType

from parley_protocol.payloads.moderation import Dispute, Standing
from parley_protocol.payloads.negotiation import Service


class ErrorCode(enum.StrEnum):
    """The kind of an error, with its meaning and whether the same packet may succeed later."""

    retryable: bool
    meaning: str

    def __new__(cls, code: str, retryable: bool, meaning: str) -> Self:  # noqa: FBT001 - rows
        member = str.__new__(cls, code)
        member._value_ = code
        member.retryable = retryable
        member.meaning = meaning
        return member

    BAD_PACKET = (
        "BAD_PACKET",
        False,
        "The frame is no packet: not JSON or MessagePack, no `op`, the wrong frame type.",
    )
    UNKNOWN_OPCODE = "UNKNOWN_OPCODE", False, "No client sends a packet of this number."
    INVALID_ARGUMENT = (
        "INVALID_ARGUMENT",
        False,
        "A field is missing or wrong; `fields` says which.",
    )
    INVALID_STATE = (
        "INVALID_STATE",
        False,
        (
            "Not now: the service, the dispute or the message stands otherwise. `reason` may say"
            " more, and `current` shows how a service or a dispute stands. Also while a resume is"
            " under way, which alone is retryable."
        ),
    )
    STALE_OFFER = (
        "STALE_OFFER",
        False,
        "What the packet names is not the live offer; `current` shows what is.",
    )
    PERMISSION_DENIED = (
        "PERMISSION_DENIED",
        False,
        "This user may not do this; `reason` may say why, and `current` how the service stands.",
    )
    SANCTIONED = (
        "SANCTIONED",
        False,
        "A sanction does not allow this; `current` says which, why, and until when.",
    )
    NOT_FOUND = "NOT_FOUND", False, "It does not exist, or this user may not see it."
    CONFLICT = "CONFLICT", False, "The idempotency key was used before, for something else."
    RATE_LIMITED = "RATE_LIMITED", True, "Too often; send it again after `retry_after_ms`."
    RESOURCE_EXHAUSTED = "RESOURCE_EXHAUSTED", True, "The server is too busy."
    UNAVAILABLE = (
        "UNAVAILABLE",
        True,
        (
            "The service behind is down; repeat it with the same key. The rest goes on. Not"
            " retryable where that service is not deployed."
        ),
    )
    DEADLINE_EXCEEDED = (
        "DEADLINE_EXCEEDED",
        True,
        "No answer in time, the outcome is unknown: repeat it with the same key.",
    )
    INTERNAL = "INTERNAL", True, "A defect. The message holds an id that is in the server's log."


class CloseCode(enum.IntEnum):
    """A reason for which the edge closes a socket. The hundreds say what to do: 41 come back now
    and resume, 42 come back later, 43 get a new token first, 44 do not come back as you are.
    """

    meaning: str

    def __new__(cls, code: int, meaning: str) -> Self:
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    DRAINING = 4100, "This edge is shutting down."
    SLOW_READER = 4101, "Too much waits for this client, or for this user's sockets, to be read."
    NO_PONG = 4102, "No packet came for the whole pong timeout."
    OVERLOADED = (
        4200,
        "Too much waits for all clients of this edge, and most for this user.",
    )
    TOO_MANY_SOCKETS = 4201, "This user has too many sockets."
    TOKEN_EXPIRED = 4300, "The token expired and was not renewed."
    TOKEN_REVOKED = 4301, "The token was revoked, or the user's sessions were ended."
    BAD_PACKETS = (
        4400,
        "Too many frames that are or bring no packets, or that ignored RATE_LIMITED.",
    )
    BANNED = 4403, "This user is banned or suspended; SANCTION says why, and GET /standing."
    PACKET_TOO_LARGE = 4413, "A packet exceeded `max_packet_bytes`."


class FieldProblem(Struct, frozen=True):
    """A problem with one field, named by its path; an empty path is the whole payload."""

    field: str
    problem: str


class Error(Struct, frozen=True):
    """A packet was refused or failed; see [Errors](#errors). `reason` says more than `code` where a
    state does not allow something. `current` is how the service or the dispute stands then, or,
    with SANCTIONED, what restricts this user.
    """

    code: ErrorCode
    message: str
    retryable: bool
    retry_after_ms: int | UnsetType = UNSET
    fields: list[FieldProblem] | UnsetType = UNSET
    reason: str | UnsetType = UNSET
    current: Service | Dispute | Standing | UnsetType = UNSET


def refusal(code: ErrorCode, message: str, *, retryable: bool | None = None) -> Error:
    """Build an error that the edge itself gives; `retryable` where it differs from the code's."""
    return Error(code, message, code.retryable if retryable is None else retryable)


def invalid_argument(field: str, problem: str) -> Error:
    """Build the error of one wrong field, given its path; an empty path is the whole payload."""
    return Error(
        code=ErrorCode.INVALID_ARGUMENT,
        message=f"{field or 'd'}: {problem}",
        retryable=False,
        fields=[FieldProblem(field, problem)],
    )
