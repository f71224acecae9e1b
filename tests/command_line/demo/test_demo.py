"""`parley demo` and `parley chat` for real, through the real socket."""

import json
import os
import re
import signal
import socket
from pathlib import Path

import pytest

from tests.command_line.conftest import Program, Run


async def test_the_demo_plays_a_conversation_and_shows_its_packets(
    parley: Run, tmp_path: Path
) -> None:
    """Every step came, each packet is a readable line, no token is shown; exit code 0."""
    demo = await parley("demo", "--once", "--port", "0")
    code, error = await demo.end()
    assert (code, error) == (0, ""), "\n".join(demo.lines)
    shown = "\n".join(demo.lines)
    for who, packet in (
        ("alice", "<= 0x03 HELLO"),
        ("alice", "=> 0x07 CREATE MSG"),
        ("alice", "<= 0x08 STATUS MSG"),
        ("bob  ", "<= 0x10 ALERT NEW MSG"),
        ("bob  ", "=> 0x02 PONG"),
        ("bob  ", "=> 0x09 OPENED CONVERSATION"),
        ("alice", "<= 0x11 MSG SEEN"),
        ("alice", "<= 0x12 TYPING"),
        ("bob  ", "=> GET /ws?resume="),
        ("bob  ", "<= 0x0D RESUMED"),
        ("bob  ", "<= 0x06 RETURN CONVERSATIONS"),
        ("bob  ", "<= 0x0B RETURN MESSAGES"),
        ("alice", "=> 0xE1 SERVICE CREATED"),
        ("bob  ", "<= 0xE0 UPDATE CONVERSATION DATAS"),
        ("bob  ", "=> 0xE5 PRICE EDITED"),
        ("alice", "=> 0xE6 NEGOTIATION END"),
        ("alice", "<= 0x04 ERROR"),
        ("bob  ", "=> 0xE4 SERVICE TERMINATED"),
        ("alice", "=> 0xE2 NOTE SUBMITTED"),
        ("bob  ", "=> 0xE2 NOTE SUBMITTED"),
        ("alice", "=> 0xFF REPORT MSG"),
        ("alice", "<= 0xFD REPORT STATUS"),
        ("bob  ", "<= 0xFA SANCTION"),
        ("bob  ", "=> 0xFB APPEAL"),
        ("alice", "=> 0xE3 LITIGE CREATED"),
        ("bob  ", "=> 0xFC LITIGE STATEMENT"),
    ):
        assert f"{who} {packet}" in shown
    assert "The demo is over; every step came as expected." in demo.lines
    assert "eyJ" not in shown
    packets = [line for line in demo.lines if re.match(r"(alice|bob  ) (=>|<=) 0x", line)]
    assert len({line.index("{") for line in packets}) == 1
    # Of the deal: prices have their decimals, and the stale accept is refused before the good one.
    told = re.findall(r'<= 0xE0 .*?"cause": "(\w+)"', shown)
    assert list(dict.fromkeys(told))[:7] == [
        *("created", "countered", "agreed", "delivered", "completed"),
        *("note_submitted", "notes_revealed"),
    ]
    (refused,) = [line for line in packets if '"STALE_OFFER"' in line]
    assert '"current": {' in refused
    assert '"price": "120.50 EUR"' in refused
    before, after = (packets[: packets.index(refused)], packets[packets.index(refused) :])
    assert not any('"state": "agreed"' in line for line in before)
    assert any('"state": "agreed"' in line for line in after)
    assert "amount_minor" not in shown
    # Of the report: what alice hears of it, in order, and nothing that leads bob to her.
    heard = re.findall(r'alice <= 0xFD REPORT STATUS .*?"status": "(\w+)"', shown)
    assert list(dict.fromkeys(heard)) == ["received", "in_review", "actioned", "no_violation"]
    for line in packets:
        if line.startswith("bob   <=") and re.search(r"0x(FA|FD) ", line):
            assert "alice" not in line.partition("{")[2]
    moderated = [line for line in demo.lines if re.match(r"(mia  |otto ) (=>|<=) ", line)]
    assert [line.split()[:5] for line in moderated if " decide " in line and "=>" in line] == [
        ["mia", "=>", "parley", "mod", "decide"],
        ["mia", "=>", "parley", "mod", "appeal"],
        ["otto", "=>", "parley", "mod", "appeal"],
    ]
    assert any("SAME_MODERATOR" in line for line in moderated)
    assert re.fullmatch(r"mia   <= the audit log is whole: \d+ entries", moderated[-1])
    # Of the dispute: the deal is held exactly while it goes on.
    disputed = [line for line in packets if '"hold_resolved"' in line]
    assert disputed
    assert all('"state": "resolved"' in line for line in disputed)
    history = [line.split(maxsplit=1)[1] for line in demo.lines if re.match(r" +#\d", line)]
    assert history[6:10] == [
        '"Repair the kitchen tap" countered by bob: 120.50 EUR (offer 2)',
        '"Repair the kitchen tap" agreed by alice: 120.50 EUR (offer 2)',
        "alice: Agreed, see you on Thursday.",
        '"Repair the kitchen tap" delivered by bob',
    ]
    # The folder is a fresh one, below the folder one stands in.
    assert [path.name[:5] for path in (tmp_path / ".data").iterdir()] == ["demo-"]


async def test_the_demo_goes_on_serving_and_two_people_chat(
    parley: Run, chat: Run, data: Path
) -> None:
    """Two terminals: history, messages, what became of them; the end of the input ends a chat."""
    demo = await parley("demo", "--port", "0", "--data", str(data))
    await demo.until("The demo is over")
    await demo.until("Ctrl-C stops everything")

    alice, bob = await chat("alice", "bob"), await chat("bob", "alice")

    alice.write("Hello Bob, are you there?")
    await alice.until("#1 stored")
    assert re.fullmatch(
        r"#1 \d\d:\d\d alice: Hello Bob, are you there\?", await bob.until("are you there?")
    )
    await alice.until("#1 seen by bob")
    bob.write("/typing")
    await alice.until("bob is typing")
    bob.write("Always!")
    await bob.until("#2 stored")
    await alice.until("bob: Always!")
    await bob.until("#2 seen by alice")
    bob.write("/quit")
    assert await bob.end() == (0, "")

    alice.write("Bob has left")
    await alice.until("#3 stored")
    alice.signal(signal.SIGINT)
    assert await alice.end() == (0, "")

    # Another subject is another conversation: the play's own, with its history.
    piped = await parley(
        *("chat", "--as", "bob", "--with", "alice", "--subject", "Kitchen tap"),
        *("--data", str(data)),
    )
    piped.write("All repaired.")
    assert piped.process.stdin is not None
    piped.process.stdin.write_eof()
    assert await piped.end() == (0, "")
    history = [line for line in piped.lines if line.startswith("#")]
    assert len(history) == 20
    assert any("my kitchen tap drips" in line for line in history)
    assert any(line.endswith('* "Repair the kitchen tap" delivered by you') for line in history)
    assert any(line.endswith("me: (deleted)") for line in history)
    assert any("#21 stored" in line for line in piped.lines)

    demo.signal(signal.SIGINT)
    assert (await demo.end())[0] == 0


@pytest.mark.usefixtures("up")
async def test_two_people_do_all_of_a_deal_with_slash_commands(
    parley: Run, chat: Run, data: Path
) -> None:
    """Whatever one does is shown to both, with the price as it then is; so is a refusal."""
    people = {"alice": await chat("alice", "bob"), "bob": await chat("bob", "alice")}
    people["alice"].write("Hello Bob")
    await people["bob"].until("alice: Hello Bob")

    async def act(who: str, typed: str, shown: str) -> None:
        people[who].write(typed)
        for name, screen in people.items():
            await screen.until(re.sub(rf"\b{name}\b", "you", shown))

    # One price after the other, until both name the same one; then amendments of it.
    await act("bob", "/offer 120.50 EUR Repair -- It drips", '"Repair" proposed by bob: 120.50 EUR')
    await act("alice", "/counter 90 It is old", "countered by alice: 90.00 EUR (offer 2")
    await act("alice", "/counter 100", "revised by alice: 100.00 EUR (offer 3")
    people["alice"].write("/accept")
    await people["alice"].until("refused: this is not yours to do (PERMISSION_DENIED")
    await act("bob", "/accept", "agreed: 100.00 EUR")
    await act("bob", "/amend 110", "proposed by bob: 110.00 EUR instead of 100.00 EUR (offer 4")
    await act("alice", "/accept", "amended: 110.00 EUR")
    await act("bob", "/amend 500", "proposed by bob: 500.00 EUR instead of 110.00 EUR (offer 5")
    await act("alice", "/decline", "amendment declined: 110.00 EUR")

    # The work, which is not good at once, and the notes, which are revealed together.
    await act("bob", "/deliver", "delivered by bob: 110.00 EUR")
    await act("alice", "/reopen It still drips", "reopened by alice: 110.00 EUR")
    await act("bob", "/deliver", "delivered by bob: 110.00 EUR")
    await act("alice", "/complete", "completed by alice: 110.00 EUR for bob")
    people["alice"].write("/rate 5 Punctual")
    await people["alice"].until('your note: 5 of 5; "Punctual"')
    people["bob"].write("/rate 4")
    await people["alice"].until('your note: 5 of 5; "Punctual"; their note: 4 of 5')
    await people["bob"].until('your note: 4 of 5; their note: 5 of 5; "Punctual"')

    # Yen have no decimals, and dinars three; neither of these comes to an agreement.
    await act("bob", "/offer 500 JPY Polish", '"Polish" proposed by bob: 500 JPY')
    await act("alice", "/decline", "declined by alice")
    await act("alice", "/request 1.5 KWD Lamp", '"Lamp" proposed by alice: 1.500 KWD')
    await act("alice", "/withdraw", "withdrawn by alice")
    # One that both give up.
    await act("alice", "/request 10 EUR Sweep", '"Sweep" proposed by alice: 10.00 EUR')
    await act("bob", "/accept", "agreed: 10.00 EUR")
    await act("alice", "/cancel Rain", 'cancellation requested by alice: 10.00 EUR; "Rain"')
    await act("bob", "/cancel", "cancelled by bob")

    # Who comes later sees how the last one ended, and what there is to it.
    people["bob"].write("/quit")
    assert await people["bob"].end() == (0, "")
    piped = await parley("chat", "--as", "bob", "--with", "alice", "--data", str(data))
    piped.write("/deal")
    assert piped.process.stdin is not None
    piped.process.stdin.write_eof()
    assert await piped.end() == (0, "")
    assert sum(line.startswith('-- "Sweep" cancelled') for line in piped.lines) == 2
    assert "   provider you, client alice" in piped.lines


async def test_a_command_outlives_the_death_of_its_service(
    up: Program, chat: Run, data: Path
) -> None:
    """Typed while nothing answers, it is done once when the service is back; both are told."""
    alice, bob = await chat("alice", "bob"), await chat("bob", "alice")
    alice.write("Hello Bob")
    await bob.until("alice: Hello Bob")

    process = json.loads((data / "up.json").read_text())["parts"]["negotiation"]
    os.kill(process, signal.SIGKILL)
    await up.until("negotiation was killed by SIGKILL")
    alice.write("/request 100 EUR Repair the tap")
    await alice.until('"Repair the tap" proposed by you: 100.00 EUR')
    # The history may have it first, from messaging: the choices come when the edge follows again.
    await bob.until("you may: /accept")
    bob.write("/accept")
    await bob.until("agreed: 100.00 EUR")
    alice.write("/quit")
    assert (await alice.end())[0] == 0
    assert sum(line.startswith('-- "Repair the tap" proposed') for line in alice.lines) == 1


async def test_a_port_asked_for_and_taken_is_an_error(
    parley: Run, taken_port: socket.socket
) -> None:
    """Only the default port may be replaced by another."""
    with taken_port:
        port = taken_port.getsockname()[1]
        demo = await parley("demo", "--once", "--port", str(port))
        code, error = await demo.end()
    assert code == 1
    assert f"port {port} on 127.0.0.1 is taken" in error


async def test_chat_without_a_server_says_how_to_start_one(parley: Run, data: Path) -> None:
    """A folder that nobody serves is one line with the command to run."""
    chat = await parley("chat", "--as", "alice", "--with", "bob", "--data", str(data))
    code, error = await chat.end()
    assert code == 1
    assert f"parley up --data {data}" in error
    assert "Traceback" not in error


async def test_chat_with_oneself_is_refused(parley: Run) -> None:
    """It takes two."""
    chat = await parley("chat", "--as", "alice", "--with", "alice")
    assert await chat.end() == (2, "parley: --as and --with are the same person\n")
