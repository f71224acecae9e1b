"""Which tokens of a user are refused though they have not expired, as moderation says it."""

from typing import Any, NamedTuple

from service_kit.authentication.claims import Principal


class Revocations(NamedTuple):
    """Tokens issued before a time, in Unix seconds (0: none), and those with one of these ids."""

    issued_before: float = 0.0
    token_ids: frozenset[str] = frozenset()


# Of most users it is this one.
NOTHING = Revocations()


def read_revocations(standing: Any) -> Revocations:
    """Take the revocations out of a Standing of moderation's contract."""
    if not standing.HasField("revocations"):
        return NOTHING
    before = standing.revocations.issued_before_time
    return Revocations(
        before.seconds + before.nanos / 1e9, frozenset(standing.revocations.token_ids)
    )


def is_revoked(principal: Principal, revocations: Revocations) -> bool:
    """Tell whether the token by which somebody speaks is refused.

    One that does not say when it was issued may be of any time before.
    """
    if principal.token_id is not None and principal.token_id in revocations.token_ids:
        return True
    if not revocations.issued_before:
        return False
    return principal.issued_at is None or principal.issued_at < revocations.issued_before
