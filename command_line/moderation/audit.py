"""The commands about the audit log: `audit list`, and `audit verify` by the service's own rules."""

import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Annotated, Any

import typer

from command_line.display.console import CommandError, complain
from command_line.display.timestamps import short_time
from command_line.moderation.options import Limit
from command_line.moderation.session import Session, audit_entries, audit_pages
from service_kit.audit import Break, Head, entry_of, verify
from service_kit.rpc.documents import Document

REPORT_EVERY = 10_000
NOTED = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})")


class BrokenLogError(CommandError):
    """The audit log was changed at the entry of this number."""

    def __init__(self, number: int, problem: str) -> None:
        super().__init__(f"the audit log is broken at entry {number}: {problem}")
        self.number = number
        self.problem = problem


def list_entries(
    session: Session,
    after: Annotated[int, typer.Option(min=0, help="Only entries after this number.")] = 0,
    of: Annotated[
        str, typer.Option(metavar="ID", help="Only entries of this case or dispute.")
    ] = "",
    limit: Limit = 100,
) -> None:
    """List the audit log, oldest entries first.

    \b
    Examples:
      parley mod audit list --as ada --role auditor
      parley mod audit list --as mia --of 01a2...
    """
    found = audit_entries(session.client, after, of)

    def row(entry: Document) -> tuple[object, ...]:
        return (
            entry["number"],
            short_time(entry.get("create_time")),
            entry["action"],
            entry["actor"],
            entry["version"],
            f"{entry['target_kind']} {entry['target_id']}",
            entry["capacity"],
        )

    headings = ("NUMBER", "AT", "ACTION", "BY", "VERSION", "TARGET", "AS")
    session.answer_list("entries", found, limit, headings, row)


def verify_log(
    session: Session,
    head: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBER:HASH",
            help="A head that was printed earlier: finds also that the end of the log was cut off.",
        ),
    ] = None,
) -> None:
    """Verify the whole audit log; exit code 1 when it was changed.

    It prints the head. Keep it elsewhere: only an earlier head shows that the end was cut off.

    \b
    Examples:
      parley mod audit verify --as ada --role auditor
      parley mod audit verify --as ada --role auditor --head 1200:9f86d0...
    """
    noted = None if head is None else read_head(head)
    try:
        found = walk(audit_pages(session.client), noted, complain)
    except BrokenLogError as error:
        problem = {"number": error.number, "problem": error.problem}
        session.answer({"intact": False, "break": problem}, ())
        raise
    lines = [f"the audit log is whole: {found.number} entries, each follows on the one before"]
    if noted is not None:
        lines.append(f"what was noted as number {noted.number} stands in it unchanged")
    # Alone on the last line, so that it is easily added to a file.
    lines += ["its head, to be kept elsewhere:", f"{found.number}:{found.hash}"]
    session.answer({"intact": True, "head": {"number": found.number, "hash": found.hash}}, lines)


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
    """Verifies the pages of a log from its beginning; its head, or BrokenLogError.

    `noted` must be one of its heads, and the last entry the head that the pages announce.
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
