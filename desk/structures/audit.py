"""The audit log, and what its verification finds."""

from desk.structures.words import Time, Told


class AuditEntry(Told, frozen=True):
    """An entry of the audit log; `actor` is empty for all but moderators and their like."""

    number: int
    create_time: Time
    actor: str
    capacity: str
    action: str
    target_kind: str
    target_id: str
    version: int
    digest: str
    previous_hash: str
    hash: str


class AuditHead(Told, frozen=True):
    """An end of the log: number and hash of an entry. Kept elsewhere, it shows a log cut short."""

    number: int
    hash: str


class AuditBreak(Told, frozen=True):
    """A break of the log, at the entry that should have this number."""

    number: int
    problem: str


class AuditPage(Told, frozen=True):
    """Entries in the order of the log, and the head of all of it."""

    entries: list[AuditEntry]
    head_number: int
    head_hash: str
    more: bool


class Verification(Told, frozen=True):
    """A verified stretch of the log, up to `reached`; ask again from there until `done`."""

    intact: bool
    done: bool
    reached: AuditHead
    head: AuditHead
    problem: AuditBreak | None = None
