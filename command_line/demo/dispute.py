"""The dispute of the demo: a second deal that is held until both have settled.

Moderation pushes the dispute and negotiation the deal, each in its own order.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, convert

from command_line.demo.actor import Actor, Say, must
from command_line.demo.deal import act, listed_service, pushed
from command_line.demo.transcript import heading
from command_line.display import disputes
from command_line.display.disputes import Dispute
from parley_client.packets import Packet
from parley_protocol.packets import OP_OF, Op
from parley_protocol.payloads.fields import Money, Settlement
from parley_protocol.payloads.moderation import Acceptance, Claim, LitigeCreated, LitigeStatement
from parley_protocol.payloads.negotiation import NegotiationEnd, ServiceCreated, ServiceTerminated

TITLE = "Clean the sink"
PRICE = Money(8_000, "EUR")
SETTLEMENT = Settlement(5_000, 3_000)


async def dispute(alice: Actor, bob: Actor, conversation: str, say: Say) -> None:
    """Runs the scenes of a dispute in this conversation."""
    service = await agree(alice, bob, conversation, say)
    opened = await open_dispute(alice, bob, service, say)
    await settle(alice, bob, opened, say)
    await look_back(alice, bob, conversation, service, say)


async def agree(alice: Actor, bob: Actor, conversation: str, say: Say) -> str:
    """Both agree on a second service. Returns its id."""
    say(heading("alice asks for another service, for 80.00 EUR, and bob accepts"))
    created = ServiceCreated(conversation, "client", TITLE, PRICE)
    proposed = await act(alice, created, "created")
    service = str(proposed["service"])
    await act(bob, NegotiationEnd(service, "agreed", 1, PRICE), "agreed")
    for actor in (alice, bob):
        # Pushes about the notes of the deal before are still to be read.
        while True:
            packet = await actor.receive(Op.UPDATE_CONVERSATION_DATAS, having="service")
            if packet.data["service"]["state"] == "agreed":
                break
    return service


async def open_dispute(alice: Actor, bob: Actor, service: str, say: Say) -> Dispute:
    """Alice disputes the service, which is held from now on."""
    say(heading("alice disputes it: half of the sink is dirty; from now on the deal is held"))
    answer = await ask(
        alice,
        LitigeCreated(
            service,
            "not_as_agreed",
            "Half of the sink is still dirty.",
            Claim(Money(4_000, "EUR")),
        ),
    )
    for actor in (alice, bob):
        await pushed_dispute(actor, "created")
        opened = await pushed_dispute(actor, "hold_placed")
        must(opened["state"] == "open", "the dispute is open")
        held = await pushed(actor, "held")
        must(held["hold"]["dispute"] == opened["dispute"], "the deal is held by the dispute")
    must(answer.data["dispute"]["dispute"] == opened["dispute"], "both speak of the same dispute")

    say(heading("bob says that it is done: refused, for the deal waits for the dispute"))
    delivered = ServiceTerminated(service, "delivered")
    refused = await bob.ask_in_vain(delivered, "INVALID_STATE")
    must("hold" in refused, "the refusal shows the hold")
    return opened


async def settle(alice: Actor, bob: Actor, opened: Dispute, say: Say) -> None:
    """Bob offers a settlement, and alice accepts it by its number and parts."""
    say(heading("bob states his case and offers to settle: 50.00 EUR for him, 30.00 EUR for alice"))
    offered = await ask(
        bob,
        LitigeStatement(opened["dispute"], "The other half was behind her dishes.", SETTLEMENT),
    )
    must(offered.data["cause"] == "settlement_proposed", "the settlement is offered")
    for actor in (alice, bob):
        proposal = await pushed_dispute(actor, "settlement_proposed")
    newest = proposal["offers"][-1]

    say(heading("alice accepts that by its number and parts: settled, and the deal is resolved so"))
    accept = Acceptance(newest["number"], settlement(newest["settlement"]))
    await ask(alice, LitigeStatement(opened["dispute"], accept=accept))
    for actor in (alice, bob):
        settled = await pushed_dispute(actor, "settled")
        must(settlement(settled["resolution"]["split"]) == SETTLEMENT, "it is split as offered")
        resolved = await pushed_dispute(actor, "hold_resolved")
        must(resolved["state"] == "resolved", "the dispute is over")
        decided = await pushed(actor, "decided")
        must(settlement(decided["settlement"]) == SETTLEMENT, "the deal has the settlement")
        must("hold" not in decided, "nothing holds the deal any more")
    say(f"      {disputes.summary(resolved, me='')}")


async def look_back(alice: Actor, bob: Actor, conversation: str, service: str, say: Say) -> None:
    """The list has the deal as it ended."""
    say(heading("the list of conversations shows how the deal ended"))
    for actor in (alice, bob):
        ended = await listed_service(actor, conversation)
        must(ended["service"] == service, "it is the disputed deal")
        must(settlement(ended["settlement"]) == SETTLEMENT, "each has their part")


async def ask(actor: Actor, payload: Struct) -> Packet:
    """Sends a packet about a dispute; the answer must have the dispute."""
    answer = await actor.command(payload)
    must("dispute" in answer.data, f"{OP_OF[type(payload)].title} is answered with the dispute")
    return answer


async def pushed_dispute(actor: Actor, cause: str) -> Dispute:
    """The next push about a dispute, which must have this cause."""
    packet = await actor.receive(Op.UPDATE_CONVERSATION_DATAS, having="dispute")
    must(packet.data["cause"] == cause, f"{actor.name} is told {cause!r} of the dispute next")
    pushed: Dispute = packet.data["dispute"]
    return pushed


def settlement(parts: Mapping[str, Any]) -> Settlement:
    """The settlement in a packet."""
    return convert(parts, Settlement)
