"""Errors of a client. Each is typed; what it says is safe to show and to log."""

from collections.abc import Mapping, Sequence
from typing import Any

from parley_client.views.deals import Deal
from parley_client.views.disputes import Dispute
from parley_client.views.moderation import Standing
from parley_client.views.view import UnreadableError
from parley_protocol.errors import ErrorCode

Data = Mapping[str, Any]
Current = Deal | Dispute | Standing


class ParleyError(Exception):
    """The base of all errors that a client raises or tells."""


class InvalidOptionsError(ParleyError, ValueError):
    """An address, an option or a limit that no client can work with. It names which."""


# Refusals of a packet.


class RejectedError(ParleyError):
    """ERROR: the server refuses a packet or failed at it (docs/protocol.md, "Errors").

    `code` and `reason` are the protocol's words, `reason` empty where it has none; `fields` are
    pairs of a path and its problem; `current` is how the deal or the dispute stands, or what
    restricts the user, if the server says so. `retry_after` is in seconds, `data` the payload.
    """

    def __init__(self, data: Data) -> None:
        self.code = str(data.get("code") or "INTERNAL")
        self.message = str(data.get("message") or "")
        self.reason = str(data.get("reason") or "")
        self.retryable = data.get("retryable") is True
        self.fields = _pairs(data.get("fields"))
        self.current = _current(data.get("current"))
        wait = data.get("retry_after_ms")
        self.retry_after = wait / 1000 if isinstance(wait, int | float) and wait > 0 else None
        self.data = data
        super().__init__(f"{self.code}: {self.message}")


def _current(data: Any) -> Current | None:
    """Read how an object stands; None for what is no object that this release knows."""
    if not isinstance(data, dict):
        return None
    view = Dispute if "dispute" in data else Standing if "sanctions" in data else Deal
    try:
        return view.read(data)
    except UnreadableError:
        return None


def _pairs(fields: Any) -> Sequence[tuple[str, str]]:
    if not isinstance(fields, list):
        return ()
    found = [one for one in fields if isinstance(one, dict)]
    return tuple((str(one.get("field", "")), str(one.get("problem", ""))) for one in found)


class InvalidArgumentError(RejectedError):
    """A field is missing or wrong; `fields` says which."""


class InvalidStateError(RejectedError):
    """Not now: what is named stands otherwise; `reason` may say more, `current` shows how."""


class StaleOfferError(RejectedError):
    """The offer is not the live one. `current` is the deal as it stands, to be decided anew."""

    current: Deal

    def __init__(self, data: Data) -> None:
        super().__init__(data)
        if not isinstance(self.current, Deal):
            raise UnreadableError("STALE_OFFER without the deal as it stands")


class PermissionDeniedError(RejectedError):
    """This user may not do this; `reason` may say why."""


class SanctionedError(RejectedError):
    """A sanction does not allow this."""

    @property
    def standing(self) -> Standing | None:
        """All that restricts the user, with the reasons."""
        return self.current if isinstance(self.current, Standing) else None


class NotFoundError(RejectedError):
    """It does not exist, or this user may not see it."""


class ConflictError(RejectedError):
    """The idempotency key was used before, for something else."""


class UnavailableError(RejectedError):
    """The service behind is not deployed, or was down for as long as was asked."""


_BY_CODE: Mapping[str, type[RejectedError]] = {
    ErrorCode.INVALID_ARGUMENT: InvalidArgumentError,
    ErrorCode.INVALID_STATE: InvalidStateError,
    ErrorCode.STALE_OFFER: StaleOfferError,
    ErrorCode.PERMISSION_DENIED: PermissionDeniedError,
    ErrorCode.SANCTIONED: SanctionedError,
    ErrorCode.NOT_FOUND: NotFoundError,
    ErrorCode.CONFLICT: ConflictError,
    ErrorCode.UNAVAILABLE: UnavailableError,
}


def rejected(data: Data) -> RejectedError:
    """Make the error of an ERROR packet's payload, of the class of its code."""
    try:
        return _BY_CODE.get(str(data.get("code")), RejectedError)(data)
    except UnreadableError:
        return RejectedError(data)


def invalid(field: str, problem: str) -> InvalidArgumentError:
    """Make the error of a field that is wrong before anything was sent."""
    return InvalidArgumentError(
        {
            "code": str(ErrorCode.INVALID_ARGUMENT),
            "message": f"{field}: {problem}",
            "fields": [{"field": field, "problem": problem}],
        }
    )


class ActionNotAllowedError(ParleyError):
    """A step that `allowed_actions` of the deal or dispute does not have; nothing was sent."""

    def __init__(self, action: str, allowed: Sequence[str]) -> None:
        self.action = action
        self.allowed = tuple(allowed)
        super().__init__(f"{action} is not allowed now, but {', '.join(allowed) or 'nothing'}")


class NoConversationError(ParleyError):
    """There is no conversation with this person about this yet; the first message opens it."""

    def __init__(self, person: str, subject: str | None) -> None:
        self.person = person
        self.subject = subject
        about = f" about {subject!r}" if subject else ""
        super().__init__(f"there is no conversation with {person!r}{about} yet")


class NoDealError(ParleyError):
    """There is no deal in this conversation; `propose` makes one."""

    def __init__(self, conversation: str) -> None:
        self.conversation = conversation
        super().__init__("there is no deal in this conversation")


# What becomes of commands.


class OutboxFullError(ParleyError):
    """The outbox holds as many commands as it may; this one was not taken."""


class ExpiredError(ParleyError):
    """A command was not sent within its greatest age. `retry` sends it under a new key."""


class CancelledCommandError(ParleyError):
    """A command was cancelled or discarded before it was answered."""


class ClientClosedError(ParleyError):
    """The client is closed. What the outbox holds stays in its store."""

    def __init__(self) -> None:
        super().__init__("the client is closed")


# The connection.


class SignedOutError(ParleyError):
    """The token function says that nobody is signed in, or fresh tokens are refused."""


class TokenError(ParleyError):
    """The token function failed. `kind`: "raised", "timed out" or "invalid"."""

    def __init__(self, kind: str, detail: str) -> None:
        self.kind = kind
        super().__init__(f"the token function {detail}")


class TokenRefusedError(ParleyError):
    """The server refuses the token, or ended the sessions that it opened. `reason`: its word.

    `detail` is what it said of that to a person.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        self.reason = reason
        super().__init__(f"the token is refused: {detail or reason}")


class HandshakeRefusedError(ParleyError):
    """The server refused the handshake. `status` is that of HTTP, `reason` the protocol's word.

    `problem` are the fields of the body (RFC 9457). `retry_after` is in seconds.
    """

    def __init__(self, status: int, problem: Data, retry_after: float | None = None) -> None:
        self.status = status
        self.problem = problem
        self.retry_after = retry_after
        self.reason = str(problem.get("reason") or "")
        detail = problem.get("detail") or problem.get("title") or self.reason
        super().__init__(f"refused with {status}: {detail or 'no reason given'}")


class BannedError(ParleyError):
    """This user is banned or suspended. `standing` has the reasons, as the server told them by
    `data`; both are None if it did not. `detail` is how it said so.
    """

    def __init__(self, data: Data | None, detail: str = "") -> None:
        self.data = data
        standing = _current(data)
        self.standing = standing if isinstance(standing, Standing) else None
        banned = data is None or data.get("banned") is True
        told = "this user is banned" if banned else "this user is suspended"
        super().__init__(f"{told}: {detail}" if detail else told)


class WrongUserError(ParleyError):
    """A token of another user than the one whose outbox and position are kept here."""

    def __init__(self, expected: str, found: str) -> None:
        self.expected = expected
        self.found = found
        super().__init__(f"the token is {found!r}'s, and what is stored {expected!r}'s")


class UnreachableError(ParleyError):
    """The server was not reached, or not in time."""


class DisconnectedError(ParleyError):
    """The socket ended. `code` is its close code, 1006 when it had none."""

    def __init__(self, code: int, reason: str = "") -> None:
        self.code = code
        self.reason = reason
        super().__init__(f"closed with {code}" + (f" ({reason})" if reason else ""))


class AskedToLeaveError(ParleyError):
    """RECONNECT: the server asked to leave and to come back after `delay` seconds."""

    def __init__(self, delay: float, reason: str) -> None:
        self.delay = delay
        self.reason = reason
        super().__init__(f"asked to come back in {delay:.1f} s: {reason}")


class SilentError(ParleyError):
    """Nothing came from the server for too long."""


class ConsumerBehindError(ParleyError):
    """More events wait to be handled than may; the client resumes when they have been."""


class ProtocolError(ParleyError):
    """The server speaks nonsense: frames that are no packets, or packets of another form."""


class StorageError(ParleyError):
    """The store failed; the client goes on in memory.

    `kind`: "full", "denied", "locked", "corrupt", "newer" or "failed".
    """

    def __init__(self, kind: str, detail: str) -> None:
        self.kind = kind
        super().__init__(f"the store is {kind}: {detail}")
