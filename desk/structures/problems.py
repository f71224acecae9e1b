"""Refusals, as problem+json (RFC 9457)."""

from desk.structures.audit import AuditEntry
from desk.structures.cases import Case
from desk.structures.disputes import Dispute
from desk.structures.words import Told


class Current(Told, frozen=True):
    """The case or dispute as it stands."""

    case: Case | None = None
    dispute: Dispute | None = None


class Problem(Told, frozen=True):
    """A refusal. `reason` is a stable word, `field` the argument at fault. Where something stands
    otherwise than was supposed, `current` shows it, and `since` what happened after the version
    that was named: who decided what.
    """

    type: str
    title: str
    status: int
    detail: str
    reason: str
    field: str | None = None
    retry_after_ms: int | None = None
    current: Current | None = None
    since: list[AuditEntry] | None = None
