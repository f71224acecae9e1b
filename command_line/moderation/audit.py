"""The audit log: listed, and verified by the same rules as made it."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Annotated, Any

import typer

from command_line.display.console import CommandError, complain
from command_line.display.timestamps import at_a_glance, parse
from command_line.moderation.cases import Limit
from command_line.moderation.documents import Document
from command_line.moderation.options import command
from command_line.moderation.session import Desk, audit_entries, audit_pages
from moderation_service.domain.audit import AuditEntry, Break, Head, verify

REPORT_EVERY = 10_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOTED = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})")


class BrokenLogError(CommandError):
    """The log is not what it was, from the entry of this number on."""

    def __init__(self, number: int, problem: str) -> None:
        super().__init__(f"the audit log is broken at entry {number}: {problem}")
        self.number = number
        self.problem = problem


def list_entries(
    desk: Desk,
    after: Annotated[int, typer.Option(min=0, help="Entries behind this number.")] = 0,
    of: Annotated[str, typer.Option(metavar="ID", help="Of one case or dispute.")] = "",
    limit: Limit = 100,
) -> None:
    """List the audit log in its order.

    \b
    Examples:
      parley mod audit list --as ada --role auditor
      parley mod audit list --as mia --of 01a2...
    """
    found = audit_entries(desk.service, after, of)

    def row(entry: Document) -> tuple[object, ...]:
        return (
            entry["number"],
            at_a_glance(entry.get("create_time")),
            entry["action"],
            entry["actor"],
            entry["version"],
            f"{entry['target_kind']} {entry['target_id']}",
            entry["capacity"],
        )

    headings = ("NUMBER", "AT", "ACTION", "BY", "VERSION", "TARGET", "AS")
    desk.tell_list("entries", found, limit, headings, row)


def verify_log(
    desk: Desk,
    head: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBER:HASH",
            help="A head that was noted earlier: shows also a log that was cut short.",
        ),
    ] = None,
) -> None:
    """Walk the whole audit log and show whether it is whole; exit code 1 when it is not.

    It prints the head. Note it elsewhere: only by comparison with an earlier head can it be seen
    that the end of a log was cut off.

    \b
    Examples:
      parley mod audit verify --as ada --role auditor
      parley mod audit verify --as ada --role auditor --head 1200:9f86d0...
    """
    noted = None if head is None else read_head(head)
    try:
        found = walk(audit_pages(desk.service), noted, complain)
    except BrokenLogError as error:
        problem = {"number": error.number, "problem": error.problem}
        desk.tell({"intact": False, "break": problem}, ())
        raise
    lines = [f"the audit log is whole: {found.number} entries, each follows on the one before"]
    if noted is not None:
        lines.append(f"what was noted as number {noted.number} stands in it unchanged")
    # Alone on the last line, for whoever adds it to a file.
    lines += ["this is its head, to be noted elsewhere:", f"{found.number}:{found.hash}"]
    desk.tell({"intact": True, "head": {"number": found.number, "hash": found.hash}}, lines)


def read_head(text: str) -> Head:
    """A head as it was printed; CommandError for anything else."""
    match = NOTED.fullmatch(text)
    if match is None:
        raise CommandError(f"a head is NUMBER:HASH, as verify prints it, not {text!r}", 2)
    return Head(int(match[1]), match[2])


def walk(
    pages: Iterator[dict[str, Any]],
    noted: Head | None = None,
    report: Callable[[str], None] = lambda _line: None,
) -> Head:
    """Goes along the pages of a log from its beginning; its head, or BrokenLogError.

    `noted` must be among its heads, and the last of them the one that the pages announce.
    """
    reached = Head()
    announced = Head()
    seen_noted = noted is None or noted == reached
    for page in pages:
        entries = iter([entry_of(one) for one in page["entries"]])
        announced = Head(page["head_number"], page["head_hash"] or Head().hash)
        # One by one where a head was noted, for it may be any of them.
        step = 1 if not seen_noted else None
        while batch := list(islice(entries, step)):
            before = reached.number
            checked = verify(reached, batch)
            if isinstance(checked, Break):
                raise BrokenLogError(checked.number, checked.problem)
            reached = checked
            if noted is not None and reached.number == noted.number:
                if reached.hash != noted.hash:
                    raise BrokenLogError(noted.number, "its hash is not the one that was noted")
                seen_noted = True
            if before // REPORT_EVERY != reached.number // REPORT_EVERY:
                report(f"{reached.number} of {announced.number} entries are whole")
    if not seen_noted and noted is not None:
        problem = f"the log was cut short: {noted.number} entries were noted"
        raise BrokenLogError(reached.number + 1, problem)
    if announced != reached:
        raise BrokenLogError(reached.number + 1, f"the log should end with {announced.number}")
    return reached


def entry_of(entry: Document) -> AuditEntry:
    """An entry as the rules know it; times are milliseconds."""
    at = parse(entry["create_time"]) - EPOCH
    return AuditEntry(
        number=entry["number"],
        at=at // timedelta(milliseconds=1),
        actor=entry["actor"],
        capacity=entry["capacity"],
        action=entry["action"],
        target_kind=entry["target_kind"],
        target=entry["target_id"],
        version=entry["version"],
        digest=entry["digest"],
        previous=entry["previous_hash"],
        hash=entry["hash"],
    )


def add_to(application: typer.Typer) -> None:
    """Enters the commands about the audit log."""
    audit = typer.Typer(no_args_is_help=True, help="List the audit log, or verify it.")
    command(audit, "list")(list_entries)
    command(audit, "verify")(verify_log)
    application.add_typer(audit, name="audit")
