"""The last scenes of the demo: what is left for whoever goes on in a browser or a chat.

An offer waits for alice's answer, a dispute for bob's statement, and a report for a moderator.
"""

from command_line.demo.actor import Actor, Say, must, write
from command_line.demo.deal import act
from command_line.demo.dispute import ask, pushed_dispute
from command_line.demo.transcript import heading
from parley_protocol.packets import Op
from parley_protocol.payloads.fields import Money
from parley_protocol.payloads.moderation import Claim, LitigeCreated, ReportMsg
from parley_protocol.payloads.negotiation import NegotiationEnd, ServiceCreated

SUBJECT = "Garden fence"
FENCE = Money(25_000, "EUR")
TAP = Money(4_500, "EUR")
CASH = "Or 30 in cash, and nobody hears of it."


async def leave_open(alice: Actor, bob: Actor, conversation: str, say: Say) -> None:
    """Runs these scenes: the dispute in a conversation of its own, the others in this one."""
    await open_dispute(alice, bob, say)
    await offer(bob, conversation, say)
    await report(alice, bob, conversation, say)


async def open_dispute(alice: Actor, bob: Actor, say: Say) -> None:
    """They agree about a fence, which alice disputes; nobody has answered her yet."""
    say(heading("about her fence they agree elsewhere, and alice disputes that: bob may answer"))
    stored = await write(alice, "Will you mend the fence as well?", to="bob", subject=SUBJECT)
    fence = str(stored.data["conversation"])
    proposed = await act(bob, ServiceCreated(fence, "provider", "Mend the fence", FENCE), "created")
    service = str(proposed["service"])
    await act(alice, NegotiationEnd(service, "agreed", 1, FENCE), "agreed")
    claim = Claim(Money(10_000, "EUR"))
    await ask(alice, LitigeCreated(service, "not_as_agreed", "Two boards are missing.", claim))
    for actor in (alice, bob):
        await pushed_dispute(actor, "created")
        held = await pushed_dispute(actor, "hold_placed")
        must(held["state"] == "open", "the dispute is open")


async def offer(bob: Actor, conversation: str, say: Say) -> None:
    """Bob proposes another service; alice has not answered yet."""
    say(heading("bob proposes another service: alice may accept, counter or decline"))
    created = ServiceCreated(conversation, "provider", "A new tap", TAP)
    proposed = await act(bob, created, "created")
    must(proposed["offer"]["number"] == 1, "the offer is live")


async def report(alice: Actor, bob: Actor, conversation: str, say: Say) -> None:
    """Alice reports what bob writes to it; no moderator has looked at it yet."""
    say(heading("bob wants cash, and alice reports it: the case waits in the queue of moderators"))
    stored = await write(bob, CASH, conversation=conversation)
    complaint = ReportMsg(str(stored.data["message"]), "off_platform_payment", "He wants cash.")
    reported = await alice.ask(complaint, Op.REPORT_STATUS)
    must(reported.data["status"] == "received", "the report is received")
