"""What a command of a moderator works with: the service, and how answers are shown."""

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import typer

from command_line.client import tokens
from command_line.client.data_folder import DataFolder
from command_line.display.console import CommandError, say
from command_line.display.screen import printable
from command_line.display.tables import table, terminal_width
from command_line.display.timestamps import at_a_glance, utc_now
from command_line.moderation.case_page import case_page
from command_line.moderation.dispute_page import dispute_page
from command_line.moderation.documents import Document
from command_line.moderation.identity import Moderator, read_token
from command_line.moderation.service import RefusedCallError, Service

TOKEN_VARIABLE = "PARLEY_TOKEN"  # noqa: S105  # The name of a variable.
AUDIT_PAGE = 500
TOKEN_LIFETIME = "5m"  # noqa: S105  # A duration.


@dataclass(frozen=True)
class Asked:
    """What every command may be told: who one is, where the service is, how to answer."""

    name: str | None
    roles: Sequence[str]
    token: str | None
    data: Path
    target: str | None
    credential_file: Path | None
    key: str | None
    as_json: bool

    def open(self) -> Service:
        """The service, not called yet; CommandError when it is not known who asks whom."""
        folder = DataFolder.at(self.data)
        target, credential = self._where(folder)
        return Service(target, credential, self._who(folder), self.key)

    def _who(self, folder: DataFolder) -> Moderator:
        if self.name is not None:
            if self.token is not None:
                raise CommandError("give --as or --token, not both", 2)
            lifetime = tokens.parse_duration(TOKEN_LIFETIME)
            token = tokens.mint(folder, self.name, lifetime, self.roles)
            return read_token(token, folder.read_token_secret())
        token = self.token or os.environ.get(TOKEN_VARIABLE, "")
        if not token:
            raise CommandError(f"say who you are: --as NAME, --token or {TOKEN_VARIABLE}", 2)
        # Another server's tokens are signed with another key than this folder's.
        return read_token(token, None if self.target else folder.read_token_secret())

    def _where(self, folder: DataFolder) -> tuple[str, str]:
        if (self.target is None) != (self.credential_file is None):
            raise CommandError("--target and --credential-file go together", 2)
        file = self.credential_file or folder.service_credential
        target = self.target or folder.read_target("moderation")
        try:
            return target, file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"cannot read {file}: {error}") from error


class Desk:
    """The service and the answers to it, as text or as one JSON document."""

    def __init__(self, service: Service, *, as_json: bool) -> None:
        self.service = service
        self.as_json = as_json
        self.now = utc_now()
        self.width = terminal_width()

    @property
    def is_attended(self) -> bool:
        """Whether somebody is there who reads and can be asked."""
        return not self.as_json and sys.stdin.isatty() and sys.stdout.isatty()

    def tell(self, answer: Document, lines: Iterable[str]) -> None:
        """Answers: the document for a program, the lines for a person."""
        if self.as_json:
            # Escapes all that is not ASCII, so that a terminal is safe from this as well.
            say(json.dumps(answer, indent=2))
        else:
            # Whatever others wrote, wherever it stands: see `printable`.
            for line in lines:
                say(printable(line))

    def tell_case(self, case: Document, *more: str) -> None:
        """Shows a case, and what can be said besides."""
        self.tell({"case": case}, [*case_page(case, self.now, self.width), *more])

    def tell_dispute(self, dispute: Document, *more: str) -> None:
        """Shows a dispute, and what can be said besides."""
        self.tell({"dispute": dispute}, [*dispute_page(dispute, self.now), *more])

    def tell_list(
        self,
        name: str,
        found: Iterator[dict[str, Any]],
        limit: int,
        headings: Sequence[str],
        row: Callable[[Document], Sequence[object]],
    ) -> None:
        """Shows the first so many of a list as a table; 0: all of it. Says when there are more."""
        shown = list(found if limit == 0 else islice(found, limit))
        more = limit != 0 and next(found, None) is not None
        lines = table(headings, map(row, shown), self.width) if shown else [f"no {name}"]
        if more:
            lines.append(f"the first {limit}; there are more (--limit 0 shows all)")
        self.tell({name: shown, "more": more}, lines)

    def tell_refusal(self, refused: RefusedCallError) -> None:
        """What there is to a refusal beside its words: how it stands now, and what has changed.

        A program reads all of it, on standard output as every answer.
        """
        if self.as_json:
            error: dict[str, Any] = {"reason": refused.reason, "message": refused.message}
            if refused.field:
                error["field"] = refused.field
            if refused.current is not None:
                error["current"] = {refused.kind: refused.current}
            self.tell({"error": error}, ())
        elif refused.current is not None:
            if refused.version:
                self.tell({}, self._since(refused.version, refused.current["id"]))
            (self.tell_case if refused.kind == "case" else self.tell_dispute)(refused.current)

    def _since(self, version: int, target: str) -> Iterator[str]:
        """What happened to a case or dispute after a version that somebody has seen."""
        yield f"since version {version}:"
        for one in audit_entries(self.service, target=target):
            if one["version"] > version:
                by = f" by {one['actor']}" if one["actor"] else ""
                at = at_a_glance(one.get("create_time"))
                yield f"  {at}  {one['action']} ({one['capacity']}){by}"
        yield ""

    def confirm(self, question: str) -> None:
        """Asks the person at the terminal; CommandError when they do not agree."""
        if not typer.confirm(question):
            raise CommandError("nothing was done")


def audit_pages(service: Service, after: int = 0, target: str = "") -> Iterator[dict[str, Any]]:
    """The audit log in its order, page by page, each with the head of all."""
    more = True
    while more:
        page = service.call("ListAudit", after=after, target_id=target, page_size=AUDIT_PAGE)
        yield page
        more = page["more"] and bool(page["entries"])
        after = page["entries"][-1]["number"] if page["entries"] else after


def audit_entries(service: Service, after: int = 0, target: str = "") -> Iterator[dict[str, Any]]:
    """The entries of these pages."""
    for page in audit_pages(service, after, target):
        yield from page["entries"]
