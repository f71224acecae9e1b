"""Which tokens of a user are refused though they have not expired, and how that is decided.

A revocation is kept until nothing can be left of what it refuses: one of a token until that has
expired, or for the time that tokens live at most where nobody says when it does; one of all tokens
before a time for as long after that.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from moderation_service.domain.shared.limits import DAY, HOUR, Limits
from moderation_service.domain.shared.refusals import Reason
from service_kit.rules import Refusal, check_line, check_user, invalid

# As long as the id of a token that is accepted.
TOKEN_ID_LIMIT = 128
# An issuer's clock may be ahead; more is a mistake that would keep somebody out.
_MOST_AHEAD = HOUR
# For the leeway of whoever verifies tokens, and for clocks.
_MARGIN = DAY


@dataclass(frozen=True, slots=True)
class EndSessions:
    """Refuse all tokens of a user that were issued before a time; None: before now."""

    user: str
    before: int | None = None


@dataclass(frozen=True, slots=True)
class RevokeToken:
    """Refuse one token of a user. `expires_at` is when it expires, if that is known."""

    user: str
    token_id: str
    expires_at: int | None = None


SessionCommand = EndSessions | RevokeToken


@dataclass(frozen=True, slots=True)
class Revocation:
    """One revocation, of one token, or without `token_id` of those issued before a time.

    Times are in milliseconds UTC; after `until` it is forgotten.
    """

    token_id: str
    issued_before: int
    until: int


@dataclass(frozen=True, slots=True)
class Revocations:
    """All of a user's. Without `issued_before` (0) no token is refused for when it was issued."""

    issued_before: int = 0
    token_ids: tuple[str, ...] = ()


NOTHING_REVOKED = Revocations()


def check_arguments(command: SessionCommand, now: int) -> Refusal | None:
    """Refuse the first argument at fault."""
    if refusal := check_user("user", command.user):
        return refusal
    if isinstance(command, EndSessions):
        if command.before is not None and command.before > now + _MOST_AHEAD:
            return invalid("before_time", "is more than an hour ahead")
        return None
    if not command.token_id:
        return invalid("token_id", "is missing")
    return check_line("token_id", command.token_id, TOKEN_ID_LIMIT)


def end_sessions(
    command: EndSessions, standing: Sequence[Revocation], now: int, limits: Limits
) -> Revocation | None:
    """The revocation that is new; None when those that stand say it already."""
    before = now if command.before is None else command.before
    if any(not one.token_id and one.issued_before >= before for one in standing):
        return None
    return Revocation("", before, max(before, now) + limits.token_lifetime)


def revoke_token(
    command: RevokeToken, standing: Sequence[Revocation], now: int, limits: Limits
) -> Revocation | Refusal | None:
    """The revocation that is new; None when it stands already or the token is no more."""
    expires_at = command.expires_at
    until = now + limits.token_lifetime if expires_at is None else expires_at + _MARGIN
    tokens = {one.token_id: one for one in standing if one.token_id}
    known = tokens.get(command.token_id)
    if until <= now or (known is not None and (expires_at is None or until <= known.until)):
        return None
    if known is None and len(tokens) >= limits.revoked_tokens:
        return Refusal(
            Reason.TOO_MANY_REVOKED_TOKENS,
            f"{len(tokens)} tokens of this user are revoked one by one: end all sessions instead",
            limit="revoked_tokens_limit",
        )
    return Revocation(command.token_id, 0, until)


def is_revoked(revocations: Revocations, token_id: str | None, issued_at: float | None) -> bool:
    """Tell whether a token is refused; it was issued at a time in Unix seconds, if it says when.

    One that does not may be of any time before.
    """
    if token_id is not None and token_id in revocations.token_ids:
        return True
    before = revocations.issued_before
    return bool(before) and (issued_at is None or issued_at * 1_000 < before)


def add_up(standing: Sequence[Revocation]) -> Revocations:
    """All revocations of one user in one."""
    if not standing:
        return NOTHING_REVOKED
    return Revocations(
        max(one.issued_before for one in standing),
        tuple(sorted(one.token_id for one in standing if one.token_id)),
    )
