"""The audit log: its entries, and its verification in stretches."""

import re
from typing import Annotated

from msgspec import Meta, convert

from desk.problems import invalid_argument
from desk.resources.cases import said
from desk.resources.operation import Call
from desk.structures.audit import AuditBreak, AuditHead, AuditPage, Verification
from desk.structures.words import Said
from service_kit.audit import AuditEntry, Break, Head, entry_of, verify

_PAGE = 500
# So that a request takes some seconds at most, however long the log is.
_STRETCH = 10_000
_HEAD = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})")


class AuditFilter(Said, frozen=True):
    """The entries to list: after a number, and of one case or dispute."""

    after: Annotated[int, Meta(ge=0)] = 0
    target_id: str = ""
    page_size: Annotated[int, Meta(ge=1, le=_PAGE)] = 100


class Stretch(Said, frozen=True):
    """Where to begin, as an answer before says with `reached`, and a head that was noted earlier;
    both as NUMBER:HASH.
    """

    after: str = ""
    noted: str = ""


async def list_audit(call: Call, query: AuditFilter) -> AuditPage:
    """Lists the audit log, the oldest entries first."""
    return convert(await call.ask("ListAudit", **said(query)), AuditPage)


async def verify_audit(call: Call, query: Stretch) -> Verification:
    """Verifies a stretch of the audit log by its hashes. Only a head that was noted earlier and
    elsewhere shows that the end was cut off.
    """
    reached = _read(query.after, "after") if query.after else Head()
    noted = _read(query.noted, "noted") if query.noted else None
    begun = reached.number
    while True:
        page = await call.ask("ListAudit", after=reached.number, page_size=_PAGE)
        head = Head(page["head_number"], page["head_hash"] or Head().hash)
        reached, problem = _walk(reached, [entry_of(one) for one in page["entries"]], noted)
        done = not page["more"]
        if problem is None and done:
            problem = _ending(reached, head, noted)
        if problem or done or reached.number - begun >= _STRETCH:
            return Verification(
                intact=problem is None,
                done=done or problem is not None,
                reached=_told(reached),
                head=_told(head),
                problem=_broken(problem),
            )


def _walk(
    reached: Head, entries: list[AuditEntry], noted: Head | None
) -> tuple[Head, Break | None]:
    """Verify entries that follow on `reached`, among which the noted one may be."""
    for entry in entries:
        checked = verify(reached, [entry])
        if isinstance(checked, Break):
            return reached, checked
        reached = checked
        if noted is not None and reached.number == noted.number and reached != noted:
            return reached, Break(noted.number, "its hash is not the one that was noted")
    return reached, None


def _ending(reached: Head, head: Head, noted: Head | None) -> Break | None:
    """Judge the end of the log."""
    if noted is not None and reached.number < noted.number:
        problem = f"the log was cut short: {noted.number} entries were noted"
        return Break(reached.number + 1, problem)
    if reached != head:
        return Break(reached.number + 1, f"the log should end with {head.number}")
    return None


def _read(text: str, field: str) -> Head:
    match = _HEAD.fullmatch(text)
    if match is None:
        raise invalid_argument("write NUMBER:HASH, as a head is told", field)
    return Head(int(match[1]), match[2])


def _broken(found: Break | None) -> AuditBreak | None:
    return None if found is None else AuditBreak(number=found.number, problem=found.problem)


def _told(head: Head) -> AuditHead:
    return AuditHead(number=head.number, hash=head.hash)
