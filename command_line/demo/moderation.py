"""The report of the demo: a reported message, its decision and appeal, and the audit log.

Mia and otto are moderators. Each of their calls is shown as the command that does the same.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from command_line.demo.actor import SECONDS_PER_STEP, Actor, Say, must, write
from command_line.demo.transcript import heading, shortened
from command_line.display import rulings
from command_line.display.console import CommandError
from command_line.display.timestamps import utc_now
from command_line.moderation import audit
from command_line.moderation.client import ModerationClient, RefusedCallError
from command_line.moderation.session import audit_pages
from parley_client.errors import RejectedError
from parley_protocol.packets import Op
from parley_protocol.payloads.messaging import CreateMsg, DeleteMsg
from parley_protocol.payloads.moderation import ReportMsg, SendAppeal

INSULT = "You are a fool. Pay me in cash, or the tap will drip again."
SORRY = "I am sorry, Alice. Of course it stays as we said."
FACTS = "Insulted and threatened the other in a message."
RULE = "Terms 4.2"
PAUSE = 0.1

Document = Mapping[str, Any]
Moderate = Callable[[str], ModerationClient]


async def moderate(alice: Actor, bob: Actor, conversation: str, call: Moderate, say: Say) -> None:
    """Runs the scenes of a report in this conversation."""
    message = await report(alice, bob, conversation, say)
    with call("mia") as mia, call("otto") as otto:
        case = await look(mia, alice, message, say)
        decision = await decide(mia, alice, bob, case, say)
        await refuse(bob, conversation, decision, say)
        await appeal(mia, otto, alice, bob, case["id"], decision, say)
    await write_again(alice, bob, conversation, say)


async def act(moderator: ModerationClient, rpc: str, **fields: Any) -> dict[str, Any]:
    """Calls an RPC in a thread, so that the sockets go on."""
    return await asyncio.to_thread(moderator.call, rpc, **fields)


async def pushed_status(actor: Actor, status: str) -> Document:
    """The next push about a report, which must have this status."""
    told = (await actor.receive(Op.REPORT_STATUS, having="report")).data
    must(told["status"] == status, f"{actor.name} hears {status!r}")
    return told


async def report(alice: Actor, bob: Actor, conversation: str, say: Say) -> str:
    """Alice reports a message of bob, who deletes it. Returns the id of the message."""
    say(
        heading("bob insults alice, who reports the message; what was said is evidence from now on")
    )
    stored = await write(bob, INSULT, conversation=conversation)
    message = str(stored.data["message"])
    while (await alice.receive(Op.ALERT_NEW_MSG)).data["message"]["message"] != message:
        pass
    reported = await alice.ask(
        ReportMsg(message, "harassment", "He threatens me."),
        Op.REPORT_STATUS,
    )
    must(reported.data["status"] == "received", "the report is received")
    await pushed_status(alice, "received")

    say(heading("bob deletes it; the evidence stays"))
    await bob.ask(DeleteMsg(message), Op.MSG_CHANGED)
    return message


async def look(mia: ModerationClient, alice: Actor, message: str, say: Say) -> Document:
    """Mia claims the case and reads the evidence. Returns the case."""
    say(heading("mia, a moderator, finds the case, claims it and reads what was said"))
    show(say, "mia", "parley mod cases")
    cases = (await act(mia, "ListCases"))["cases"]
    found = next((one for one in cases if one["subject"]["id"] == message), None)
    if found is None:
        raise CommandError("the demo failed: expected that the case is listed")
    say(f"mia   <= a case of {found['severity']} severity, about {', '.join(found['accused'])}")
    show(say, "mia", f"parley mod claim {found['id']}")
    await act(mia, "ClaimCase", case_id=found["id"])
    case: Document = (await act(mia, "GetCase", case_id=found["id"]))["case"]
    must(all(one["intact"] for one in case["evidence"]), "the evidence is what was taken")
    must(
        any(INSULT in json.dumps(json.loads(one["content"])) for one in case["evidence"]),
        "the evidence shows what bob has deleted",
    )
    say(f"mia   <= version {case['version']}, evidence intact: bob: {INSULT}")
    await pushed_status(alice, "in_review")
    return case


async def decide(mia: ModerationClient, alice: Actor, bob: Actor, case: Document, say: Say) -> str:
    """Mia mutes bob, by the version that she has seen. Returns the id of the decision."""
    say(heading("mia decides the case as she has seen it: bob is muted for a week, and told why"))
    typed = f'--mute bob=7d --facts "{FACTS}" --rule "{RULE}" --version {case["version"]}'
    show(say, "mia", f"parley mod decide {case['id']} {typed}")
    mute = {
        "kind": "muted",
        "user": "bob",
        "until_time": utc_now() + timedelta(days=7),
        "facts": FACTS,
        "rule": RULE,
        "ground": "terms",
    }
    answer = await act(
        mia,
        "DecideCase",
        case_id=case["id"],
        version=case["version"],
        verdict="violation",
        measures=[mute],
    )
    decision = str(answer["case"]["decisions"][-1]["id"])
    sanction = (await bob.receive(Op.SANCTION)).data
    must(sanction["kind"] == "muted" and sanction["appealable"], "bob is muted and may appeal")
    must(sanction["statement"]["facts"] == FACTS, "bob is told the facts")
    must("alice" not in json.dumps(sanction), "bob is not told who reported")

    say(heading("alice hears that something was done, and not what"))
    await pushed_status(alice, "actioned")
    return decision


async def refuse(bob: Actor, conversation: str, decision: str, say: Say) -> None:
    """A message of bob is refused, with the reasons of the mute."""
    say(heading("bob writes: refused, with the reasons"))
    refused = await bob.ask_in_vain(
        CreateMsg("Why?", conversation),
        "SANCTIONED",
    )
    (sanction,) = refused["sanctions"]
    must(sanction["decision"] == decision, "the refusal shows the decision")
    for line in rulings.sanction(sanction):
        say(f"      {line}")


async def appeal(
    mia: ModerationClient,
    otto: ModerationClient,
    alice: Actor,
    bob: Actor,
    case: str,
    decision: str,
    say: Say,
) -> None:
    """Bob appeals; mia may not decide the appeal, so otto does."""
    say(heading("bob appeals; another moderator than mia has to look at it"))
    asked = await bob.ask(
        SendAppeal(decision, "I was angry. I have deleted it and will apologise."),
        Op.REPORT_STATUS,
    )
    made = asked.data["appeal"]
    must(made["status"] == "open", "the appeal is open")
    seen = (await act(otto, "GetCase", case_id=case))["case"]
    ruling = {
        "appeal_id": made["appeal"],
        "version": seen["version"],
        "outcome": "overturned",
        "answer": "You have deleted it yourself; be kind.",
    }
    typed = f'overturn --answer "{ruling["answer"]}" --version {seen["version"]}'
    show(say, "mia", f"parley mod appeal decide {made['appeal']} {typed}")
    try:
        await act(mia, "DecideAppeal", **ruling)
    except RefusedCallError as error:
        must(error.reason == "SAME_MODERATOR", "mia is refused as the one who decided")
        say(f"mia   <= {error}")
    else:
        raise CommandError("the demo failed: expected that mia may not decide the appeal")

    say(heading("otto overturns the decision: the mute is undone, and both are told"))
    show(say, "otto", f"parley mod appeal decide {made['appeal']} {typed}")
    await act(otto, "DecideAppeal", **ruling)
    lifted = (await bob.receive(Op.SANCTION)).data
    must(lifted["decision"] == decision and lifted["lifted"], "the mute is lifted")
    while (await bob.receive(Op.REPORT_STATUS)).data["appeal"]["status"] != "overturned":
        pass  # The appeal is pushed to who made it as well.
    await pushed_status(alice, "no_violation")


async def write_again(alice: Actor, bob: Actor, conversation: str, say: Say) -> None:
    """Bob can write again, and alice reads it."""
    say(heading("bob writes again"))
    stored = await _write_when_allowed(bob, conversation)
    while (await alice.receive(Op.ALERT_NEW_MSG)).data["message"]["seq"] != stored:
        pass


async def verify(call: Moderate, say: Say) -> None:
    """The audit log is verified."""
    say(heading("whoever answers for all of that verifies the log of it"))
    show(say, "mia", "parley mod audit verify")
    with call("mia") as mia:
        head = await asyncio.to_thread(lambda: audit.walk(audit_pages(mia)))
    must(head.number > 0, "the log has entries")
    say(f"mia   <= the audit log is whole: {head.number} entries")


def show(say: Say, who: str, typed: str) -> None:
    """Prints a moderator's command, with ids as short as in packets."""
    words = " ".join(str(shortened(word)) for word in typed.split(" "))
    say(f"{who:<5} => {words}")


async def _write_when_allowed(bob: Actor, conversation: str) -> int:
    """Writes until it is allowed: messaging learns a moment later that the mute is lifted."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + SECONDS_PER_STEP
    while True:
        try:
            return int((await write(bob, SORRY, conversation=conversation)).data["seq"])
        except RejectedError as error:
            if error.code != "SANCTIONED" or loop.time() > deadline:
                raise
        await asyncio.sleep(PAUSE)
