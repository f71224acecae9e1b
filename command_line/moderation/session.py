"""One run of a moderator's command: its client of the service, and how answers are printed."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import typer

from command_line.display.console import CommandError, say
from command_line.display.printable import printable
from command_line.display.tables import table, terminal_width
from command_line.display.timestamps import short_time, utc_now
from command_line.moderation.client import ModerationClient, RefusedCallError
from command_line.moderation.pages import case_page, dispute_page
from service_kit.rpc.documents import Document

AUDIT_PAGE = 500


class Session:
    """The client, and the answers to its calls as text or as one JSON document."""

    def __init__(self, client: ModerationClient, *, as_json: bool) -> None:
        self.client = client
        self.as_json = as_json
        self.now = utc_now()
        self.width = terminal_width()

    @property
    def is_attended(self) -> bool:
        """Whether a person reads the answers and can be asked."""
        return not self.as_json and sys.stdin.isatty() and sys.stdout.isatty()

    def answer(self, answer: Document, lines: Iterable[str]) -> None:
        """Prints the document for a program, the lines for a person."""
        if self.as_json:
            # Escapes all that is not ASCII, so that a terminal is safe from this as well.
            say(json.dumps(answer, indent=2))
        else:
            # Others wrote parts of any line: see `printable`.
            for line in lines:
                say(printable(line))

    def answer_case(self, case: Document, *more: str) -> None:
        """Prints a case, and further lines."""
        self.answer({"case": case}, [*case_page(case, self.now, self.width), *more])

    def answer_dispute(self, dispute: Document, *more: str) -> None:
        """Prints a dispute, and further lines."""
        self.answer({"dispute": dispute}, [*dispute_page(dispute, self.now), *more])

    def answer_list(
        self,
        name: str,
        found: Iterator[dict[str, Any]],
        limit: int,
        headings: Sequence[str],
        row: Callable[[Document], Sequence[object]],
    ) -> None:
        """Prints the first `limit` entries of a list as a table, and whether there are more.

        0 prints all.
        """
        entries = list(found if limit == 0 else islice(found, limit))
        more = limit != 0 and next(found, None) is not None
        lines = table(headings, map(row, entries), self.width) if entries else [f"no {name}"]
        if more:
            lines.append(f"the first {limit}; there are more (--limit 0 shows all)")
        self.answer({name: entries, "more": more}, lines)

    def answer_refusal(self, refused: RefusedCallError) -> None:
        """Prints what a refusal has beside its message: the present state, and what has changed.

        A program gets all of it as one document on standard output, like every answer.
        """
        if self.as_json:
            error: dict[str, Any] = {"reason": refused.reason, "message": refused.message}
            if refused.field:
                error["field"] = refused.field
            if refused.current is not None:
                error["current"] = {refused.kind: refused.current}
            self.answer({"error": error}, ())
        elif refused.current is not None:
            if refused.version:
                self.answer({}, self._since(refused.version, refused.current["id"]))
            (self.answer_case if refused.kind == "case" else self.answer_dispute)(refused.current)

    def _since(self, version: int, target: str) -> Iterator[str]:
        """Lines of the audit log about a case or dispute after this version of it."""
        yield f"since version {version}:"
        for one in audit_entries(self.client, target=target):
            if one["version"] > version:
                by = f" by {one['actor']}" if one["actor"] else ""
                at = short_time(one.get("create_time"))
                yield f"  {at}  {one['action']} ({one['capacity']}){by}"
        yield ""

    def require_attendance(self, command: str) -> None:
        """CommandError where no person can be shown what a command decides, and asked."""
        if not self.is_attended:
            raise CommandError(
                f"name the version that you have seen with --version; {command} shows it", 2
            )

    def confirm(self, question: str) -> None:
        """Asks the person at the terminal; CommandError when they do not agree."""
        if not typer.confirm(question):
            raise CommandError("nothing was done")


def audit_pages(
    client: ModerationClient, after: int = 0, target: str = ""
) -> Iterator[dict[str, Any]]:
    """Pages of the audit log in its order, each with the head of the whole log."""
    more = True
    while more:
        page = client.call("ListAudit", after=after, target_id=target, page_size=AUDIT_PAGE)
        yield page
        more = page["more"] and bool(page["entries"])
        after = page["entries"][-1]["number"] if page["entries"] else after


def audit_entries(
    client: ModerationClient, after: int = 0, target: str = ""
) -> Iterator[dict[str, Any]]:
    """Entries of the audit log in its order."""
    for page in audit_pages(client, after, target):
        yield from page["entries"]
