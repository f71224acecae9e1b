"""Reports, restrictions, appeals and disputes in two chats, with moderators, all of it for real."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.command_line.conftest import Run

REASONS = ("--facts", "Threatened the other.", "--rule", "Terms 4.2")


@pytest.mark.usefixtures("folder")
async def test_two_people_are_moderated_and_settle_a_dispute(
    parley: Run, chat: Run, data: Path
) -> None:
    """Commands and decisions are shown to those whom they concern, and to nobody else."""
    alice, bob = await chat("alice", "bob"), await chat("bob", "alice")

    async def mod(*arguments: str, name: str = "mia") -> dict[str, Any]:
        program = await parley("mod", *arguments, "--as", name, "--json", "--data", str(data))
        code, error = await program.end()
        assert (code, error) == (0, "")
        found: dict[str, Any] = json.loads("\n".join(program.lines))
        return found

    bob.write("Pay me in cash, or else")
    await alice.until("bob: Pay me in cash")
    alice.write("/report off_platform_payment He threatens me")
    await alice.until("your report of a message (off platform payment): received")
    (case,) = (await mod("cases"))["cases"]
    version = (await mod("claim", case["id"]))["case"]["version"]
    await alice.until("somebody looks at it")
    decide = ("decide", case["id"], "--mute", "bob=1h", "--remove", "--version", str(version))
    await mod(*decide, *REASONS)
    await bob.until("-- you are muted: you read, and write nothing until ")
    assert await bob.until("Threatened") == '   "Threatened the other."'
    await alice.until("something was done about it")
    await alice.until("#1 removed by a moderator")

    bob.write("Why?")
    await bob.until("refused: a restriction keeps you from it (SANCTIONED")
    bob.write("/appeal I was joking")
    await bob.until("another moderator looks at it")
    (appeal,) = (await mod("appeals", "--mine", name="otto"))["appeals"]
    overturn = ("appeal", "decide", appeal["id"], "overturn", "--answer", "So it seems.")
    await mod(*overturn, "--version", str(appeal["version"]), name="otto")
    await bob.until("-- your appeal: the decision is undone")
    await bob.until("you are no longer muted")
    await alice.until("#1 there again: Pay me in cash, or else")

    alice.write("/request 80 EUR Sink")
    await bob.until("you may: /accept")
    bob.write("/accept")
    await alice.until("/dispute REASON STATEMENT")
    alice.write("/dispute quality It is half done -- 40")
    await bob.until("dispute (quality, opened by alice): opened")
    await bob.until("/settle AMOUNT [TEXT]")
    bob.write("/settle 50 Let us share")
    await alice.until("settlement 1 of bob: 50.00 EUR for bob, 30.00 EUR back to you")
    alice.write("/accept-settlement")
    for screen, name in ((alice, "you"), (bob, "alice")):
        await screen.until(f"50.00 EUR for {'bob' if name == 'you' else 'you'}")
    for screen in (alice, bob):
        screen.write("/quit")
        assert (await screen.end())[0] == 0
    # Nothing on bob's screen says who reported.
    assert not any("report" in line for line in bob.lines)


@pytest.mark.usefixtures("folder")
async def test_who_is_banned_is_out_at_once_and_told_why(
    parley: Run, chat: Run, data: Path
) -> None:
    """The open chat ends with the reasons, and so does the next one."""
    options = ("--data", str(data))
    bob = await chat("bob", "alice")
    bob.write("Pay me in cash, or else")
    await bob.until("#1 stored")
    alice = await chat("alice", "bob")
    alice.write("/report scam")
    await alice.until("(scam): received")
    listed = await parley("mod", "cases", "--as", "mia", "--json", *options)
    await listed.end()
    (case,) = json.loads("\n".join(listed.lines))["cases"]
    for arguments in (("claim",), ("decide", "--ban", "bob", "--version", "2", *REASONS)):
        command, *rest = arguments
        done = await parley("mod", command, case["id"], *rest, "--as", "mia", *options)
        assert await done.end() == (0, "")
    code, error = await bob.end()
    assert (code, "4403" in error) == (1, True)
    assert "-- you are banned" in bob.lines
    again = await parley("chat", "--as", "bob", "--with", "alice", *options)
    code, error = await again.end()
    assert (code, "refused with 403" in error) == (1, True)
    assert '   "Threatened the other."' in again.lines

    # What is left to them: the reasons, and the appeal, once.
    shown = await parley("appeal", "--as", "bob", *options)
    assert await shown.end() == (0, "")
    assert shown.lines[:2] == ["you are banned", '"Threatened the other."']
    for code, words in ((0, "your appeal was received"), (1, "nothing against which you could")):
        appealed = await parley("appeal", "--as", "bob", "I was quoting", *options)
        found, error = await appealed.end()
        assert found == code
        assert words in "\n".join((*appealed.lines, error))
    free = await parley("appeal", "--as", "alice", *options)
    assert await free.end() == (0, "")
    assert free.lines == ["nothing restricts you"]
