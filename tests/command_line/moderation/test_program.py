"""`parley mod` for real, against all services and an edge."""

import asyncio
import json
import os
import pty
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from command_line.__main__ import application
from command_line.demo.actor import Actor, write
from command_line.demo.deal import act
from command_line.demo.dispute import ask
from command_line.display.console import CommandError
from command_line.folder import tokens
from command_line.folder.data_folder import DataFolder
from parley_protocol.packets import Op
from parley_protocol.payloads.fields import Money
from parley_protocol.payloads.moderation import LitigeCreated, ReportMsg, ReportReason, SendAppeal
from parley_protocol.payloads.negotiation import NegotiationEnd, ServiceCreated
from tests.command_line.served import served
from tests.support.waiting import PATIENCE

REASONS = ("--facts", "He threatens people.\x1b[2J", "--rule", "Terms 4.2")


class Done(NamedTuple):
    code: int
    out: str
    error: str

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found


class Place:
    """A served folder, with alice and bob in a conversation, and `parley mod` on it."""

    def __init__(self, folder: DataFolder) -> None:
        self.folder = folder
        url = folder.read_url()
        self.alice, self.bob = (
            Actor(name, url, self.token, lambda _line: None) for name in ("alice", "bob")
        )
        self.conversation = ""

    def token(self, user: str, *roles: str) -> str:
        return tokens.mint(self.folder, user, timedelta(hours=1), roles)

    async def mod(self, *arguments: str, name: str = "mia", **environment: str) -> Done:
        """Runs a command to its end, in this moderator's name unless the arguments say whose."""
        who = () if {"--as", "--token"} & set(arguments) or environment else ("--as", name)
        data = ("--data", str(self.folder.path))
        typed = ["mod", *arguments, *who, *data]
        # In this process, for starting another one takes longer than what it does; but in a thread,
        # so that the sockets go on.
        result = await asyncio.to_thread(
            CliRunner().invoke, application, typed, env=environment, catch_exceptions=True
        )
        if isinstance(result.exception, CommandError):
            told = f"parley: {result.exception}\n"
            return Done(result.exception.exit_code, result.stdout.rstrip("\n"), told)
        return Done(result.exit_code, result.stdout.rstrip("\n"), result.stderr)

    async def report(self, text: str = "Pay in cash, fool.", reason: ReportReason = "scam") -> str:
        """Bob says something and alice reports it. The case."""
        where = {"conversation": self.conversation} if self.conversation else {"to": "alice"}
        stored = await write(self.bob, text, **where)
        self.conversation = stored.data["conversation"]
        await self.complain(stored.data["message"], reason)
        cases = (await self.mod("cases", "--json", "--limit", "0")).document["cases"]
        (found,) = [one for one in cases if one["subject"]["id"] == stored.data["message"]]
        return str(found["id"])

    async def complain(
        self, message: str, reason: ReportReason, comment: str = "See\x1b[2Jhere"
    ) -> None:
        await self.alice.ask(ReportMsg(message, reason, comment, uuid4().hex), Op.REPORT_STATUS)

    async def version(self, case: str) -> str:
        return str((await self.mod("show", case, "--json")).document["case"]["version"])

    async def claim(self) -> tuple[str, str]:
        """Bob says something, alice reports it and mia claims it. The case and its version."""
        case = await self.report()
        await self.mod("claim", case)
        return case, await self.version(case)


@asynccontextmanager
async def serving(path: Path, **settings: str) -> AsyncIterator[Place]:
    """Everything started, and both connected."""
    async with served(path, **settings) as folder:
        place = Place(folder)
        await place.alice.connect()
        await place.bob.connect()
        try:
            yield place
        finally:
            await asyncio.gather(place.alice.leave(), place.bob.leave())


@pytest.fixture
async def place(data: Path) -> AsyncIterator[Place]:
    async with serving(data) as made:
        yield made


async def test_a_case_from_the_list_to_the_lifted_mute(place: Place) -> None:
    """All that a moderator does with one, as tables and as documents; nothing controls the
    terminal, whoever wrote it.
    """
    case = await place.report()
    listed = await place.mod("cases", "--severity", "high", "--order", "priority")
    head, row = listed.out.splitlines()
    assert head.split() == ["CASE", "DUE", "SEVERITY", "N", "WITH", "REASONS", "AGAINST"]
    assert row.split()[0] == case
    assert row.split()[-4:] == ["1", "open", "scam", "bob"]
    assert head.index("AGAINST") == row.index("bob")
    assert (await place.mod("cases", "--severity", "critical")).out == "no cases"

    claimed = await place.mod("claim", case)
    assert "claimed by mia until" in claimed.out
    assert "    | See�[2Jhere" in claimed.out
    assert "| Pay in cash, fool." in claimed.out
    version = await place.version(case)
    assert claimed.out.endswith(f"parley mod decide {case} --version {version}")
    assert row.split()[0] in (await place.mod("cases", "--mine")).out
    assert (await place.mod("cases", "--mine", name="otto")).out == "no cases"

    decided = await place.mod(*("decide", case, "--mute", "bob=7d", "--version", version, *REASONS))
    assert (decided.code, decided.error) == (0, "")
    sanction = (await place.bob.receive(Op.SANCTION)).data
    assert (sanction["kind"], sanction["statement"]["rule"]) == ("muted", "Terms 4.2")

    shown = await place.mod("show", case)
    assert "decision 1: violation, by mia" in shown.out
    assert "facts     He threatens people.�[2J" in shown.out
    assert "\x1b" not in shown.out
    (found,) = (await place.mod("sanctions", "--user", "bob", "--in-force", "--json")).document[
        "sanctions"
    ]
    assert found["id"] == sanction["sanction"]
    lifted = await place.mod("lift", found["id"], "--reason", "He has apologised.")
    assert lifted.out == "lifted: muted of bob"
    assert (await place.bob.receive(Op.SANCTION)).data["lifted"]
    assert (await place.mod("sanctions", "--in-force")).out == "no sanctions"


async def test_what_has_changed_since_it_was_seen_is_not_decided(place: Place) -> None:
    """A further report came: exit code 3, what has happened, and the case as it stands now."""
    case = await place.report()
    await place.mod("claim", case)
    document = (await place.mod("show", case, "--json")).document["case"]
    seen = document["version"]
    await place.complain(document["subject"]["id"], "harassment", "And he insults me")

    decide = ("decide", case, "--no-violation", "--version", str(seen))
    stale = await place.mod(*decide)
    assert stale.code == 3
    assert f"since version {seen}:" in stale.out
    assert "report_joined (reporter)" in stale.out
    assert f"case {case}, version {seen + 1}" in stale.out
    assert "| And he insults me" in stale.out
    assert "(STALE_CASE)" in stale.error

    told = await place.mod(*decide, "--json")
    assert told.code == 3
    error = told.document["error"]
    assert error["reason"] == "STALE_CASE"
    assert error["current"]["case"]["version"] == seen + 1
    assert (await place.mod("decide", case, "--no-violation")).error == (
        "parley: name the version that you have seen with --version; "
        f"parley mod show {case} shows it\n"
    )


async def test_a_retry_with_its_key_is_done_once(place: Place) -> None:
    """The same command says that it was done; another one with that key is refused."""
    case, version = await place.claim()
    decide = ("decide", case, "--version", version, "--key", "job-17", "--json", *REASONS)
    until = "bob=2099-01-01T00:00Z"
    first = await place.mod(*decide, "--warn", "bob", "--note", until)
    again = await place.mod(*decide, "--warn", "bob", "--note", until)
    assert (first.document["duplicate"], again.document["duplicate"]) == (False, True)
    assert len(again.document["case"]["decisions"]) == 1
    other = await place.mod(*decide, "--ban", "bob")
    assert other.code == 1
    assert other.document["error"]["reason"] == "IDEMPOTENCY_KEY_CONFLICT"


async def test_an_appeal_is_decided_by_another(place: Place) -> None:
    """It is not in the list of who decided, who is refused; the log is whole after all of it."""
    case, version = await place.claim()
    await place.mod("decide", case, "--remove", "--lock", "--version", version, *REASONS)
    decision = (await place.bob.receive(Op.SANCTION)).data["decision"]
    await place.bob.ask(SendAppeal(decision, "Why?", "a"), Op.REPORT_STATUS)
    assert (await place.mod("appeals", "--mine")).out == "no appeals"
    (found,) = (await place.mod("appeals", "--mine", "--json", name="otto")).document["appeals"]
    shown = await place.mod("appeal", "show", found["id"], name="otto")
    assert "    | Why?" in shown.out
    version = shown.out.rpartition(" --version ")[2]
    decide = ("appeal", "decide", found["id"], "overturn", "--answer", "It was a joke.")
    refused = await place.mod(*decide, "--version", version)
    assert (refused.code, "SAME_MODERATOR" in refused.error) == (1, True)
    overturned = await place.mod(*decide, "--version", version, name="otto")
    assert "overturned, by bob (sanctioned)" in overturned.out
    assert "answer of otto:\n    | It was a joke." in overturned.out

    verified = await place.mod("audit", "verify", "--as", "ada", "--role", "auditor", "--json")
    head = verified.document["head"]
    listed = (await place.mod("audit", "list", "--of", case, "--json")).document["entries"]
    assert [one["number"] for one in listed] == list(range(1, head["number"] + 1))
    noted = f"{head['number']}:{head['hash']}"
    again = await place.mod("audit", "verify", "--head", noted)
    assert again.out.splitlines()[-1] == noted
    assert f"what was noted as number {head['number']} stands in it unchanged" in again.out
    forged = await place.mod("audit", "verify", "--head", f"2:{'f' * 64}", "--json")
    assert (forged.code, forged.document["break"]["number"]) == (1, 2)
    short = await place.mod("audit", "verify", "--head", f"{head['number'] + 1}:{head['hash']}")
    assert (short.code, "was cut short" in short.error) == (1, True)


async def test_who_is_not_allowed_is_told_which_role_is_needed(place: Place) -> None:
    """By the service; names and roles come from the token, wherever that is given."""
    for arguments in (("cases",), ("audit", "list"), ("erase", "bob", "--yes")):
        refused = await place.mod(*arguments, "--as", "eve", "--role", "user")
        assert refused.code == 1
        assert "(ROLE_REQUIRED)" in refused.error
    assert (await place.mod("cases", PARLEY_TOKEN=place.token("mia", "moderator"))).code == 0
    token = place.token("dora", "data_protection")
    erased = await place.mod("erase", "bob", "--yes", "--token", token)
    assert erased.out == "erased in 0 cases and disputes"
    assert "say --yes" in (await place.mod("erase", "bob", "--token", token)).error
    missing = await place.mod("cases", PARLEY_TOKEN="")
    assert (missing.code, "say who you are" in missing.error) == (2, True)


async def test_what_must_be_kept_is_shown_with_the_reason(place: Place) -> None:
    """An open case is not erased; asking again later erases the rest."""
    case = await place.report()
    erased = await place.mod(
        *("erase", "bob", "--yes", "--as", "dora", "--role", "data_protection")
    )
    assert "erased in 0 cases and disputes" in erased.out
    assert erased.out.splitlines()[-1].split()[:3] == ["case", case, "CASE_OPEN"]


async def test_a_list_goes_on_to_its_end(place: Place) -> None:
    """So many are shown, and that there are more; or all of them."""
    for number in range(3):
        await place.report(f"Pay in cash {number}")
    some = await place.mod("cases", "--limit", "2")
    assert some.out.splitlines()[-1] == "the first 2; there are more (--limit 0 shows all)"
    assert len(some.out.splitlines()) == 4
    document = (await place.mod("cases", "--limit", "2", "--json")).document
    assert (len(document["cases"]), document["more"]) == (2, True)
    assert len((await place.mod("cases", "--limit", "3")).out.splitlines()) == 4


async def test_a_dispute_is_decided_when_the_parties_have_had_their_say(data: Path) -> None:
    """Listed once it is under review, shown with what both say, and split as decided."""
    soon = {"PARLEY_MODERATION_STATEMENTS_HOURS": "0.0005"}
    async with serving(data, **soon) as place:
        stored = await write(place.bob, "Shall I?", to="alice")
        conversation = stored.data["conversation"]
        price = Money(8_000, "EUR")
        created = ServiceCreated(conversation, "client", "Sink", price)
        service = await act(place.alice, created, "created")
        agreed = NegotiationEnd(service["service"], "agreed", 1, price)
        await act(place.bob, agreed, "agreed")
        opened = await ask(
            place.alice,
            LitigeCreated(service["service"], "quality", "It is half done.\x1b[2J"),
        )
        dispute = opened.data["dispute"]["dispute"]
        while (await place.bob.receive(Op.UPDATE_CONVERSATION_DATAS, "dispute")).data[
            "cause"
        ] != "review_started":
            pass

        listed = await place.mod("disputes")
        assert listed.out.splitlines()[1].startswith(dispute)
        assert listed.out.endswith("under_review  quality  80.00 EUR  alice against bob")
        shown = await place.mod("dispute", "show", dispute)
        assert "    | It is half done.�[2J" in shown.out
        version = shown.out.rpartition(" --version ")[2]
        decide = ("dispute", "decide", dispute, "--version", version)
        words = ("--facts", "Half was done.", "--rule", "Terms 7")
        wrong = await place.mod(
            *decide, "split", *words, "--to-provider", "50", "--to-client", "31"
        )
        assert (wrong.code, "the parts do not add up to 80.00 EUR" in wrong.error) == (2, True)
        split = ("split", *words, "--to-provider", "50", "--to-client", "30")
        stale = await place.mod("dispute", "decide", dispute, *split, "--version", "1")
        assert (stale.code, "since version 1:" in stale.out) == (3, True)
        assert "review_started (time)" in stale.out
        decided = await place.mod(*decide, *split)
        assert (decided.code, decided.out.endswith("resolved, split")) == (0, True)
        told = await place.mod("dispute", "show", dispute, "--json")
        parts = {"provider_minor": 5_000, "client_minor": 3_000}
        assert told.document["dispute"]["resolution"]["split"] == parts
        assert (await place.mod("disputes")).out == "no disputes"


async def test_at_a_terminal_the_case_is_shown_and_asked_about(place: Place) -> None:
    """Without --version: no by default, and what was shown is what is decided."""
    case, _ = await place.claim()
    command = ("decide", case, "--warn", "bob", "--facts", "Not nice.", "--rule", "Terms 1")
    code, shown = await at_terminal(place, *command, answer="\n")
    assert (code, "Decide it so? [y/N]" in shown) == (1, True)
    assert "this is to be decided:" in shown
    assert "  warn bob\n  because: Not nice.\n  by: Terms 1 (terms)\n" in shown
    assert "nothing was done" in shown
    code, shown = await at_terminal(place, *command, answer="y\n")
    assert code == 0
    assert ": decided" in shown


async def at_terminal(place: Place, *arguments: str, answer: str) -> tuple[int, str]:
    """Runs a command at a terminal of its own and answers its question."""
    data = ("--as", "mia", "--data", str(place.folder.path))
    ours, theirs = pty.openpty()
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "command_line", "mod", *arguments, *data),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
    finally:
        os.close(theirs)
    try:
        async with asyncio.timeout(PATIENCE):
            shown = await _read_until(ours, b"[y/N]")
            os.write(ours, answer.encode())
            shown += await _read_until(ours, None)
            code = await process.wait()
    finally:
        if process.returncode is None:
            # Which also ends the reading.
            process.kill()
            await process.wait()
        os.close(ours)
    return code, shown.decode().replace("\r\n", "\n")


async def _read_until(terminal: int, words: bytes | None) -> bytes:
    """The output of a terminal up to these words, or to its end."""
    shown = b""
    while words is None or words not in shown:
        try:
            shown += await asyncio.to_thread(os.read, terminal, 65_536)
        except OSError:
            # On Linux this is how the end of the other side is told.
            break
    return shown
