"""The demo's dispute: a second deal that is held until both have settled.

Its states are told by moderation and those of the deal by negotiation, each in its order.
"""

from typing import Any
from uuid import uuid4

from command_line.client.client import Packet
from command_line.client.packets import Opcode
from command_line.demo.actor import Actor, Say, must
from command_line.demo.deal import act, shown, told
from command_line.demo.transcript import heading
from command_line.display import disputes
from command_line.display.disputes import Dispute

TITLE = "Clean the sink"
PRICE = {"amount_minor": 8_000, "currency": "EUR"}
SETTLEMENT = {"provider_minor": 5_000, "client_minor": 3_000}


async def dispute(alice: Actor, bob: Actor, conversation: str, say: Say) -> None:
    """Plays all scenes of a dispute in this conversation."""
    service = await agree(alice, bob, conversation, say)
    opened = await open_dispute(alice, bob, service, say)
    await settle(alice, bob, opened, say)
    await look_back(alice, bob, conversation, service, say)


async def agree(alice: Actor, bob: Actor, conversation: str, say: Say) -> str:
    """A service that both agree on. Its id."""
    say(heading("alice asks for another service, for 80.00 EUR, and bob accepts"))
    proposed = await act(
        alice,
        Opcode.SERVICE_CREATED,
        "created",
        conversation=conversation,
        role="client",
        title=TITLE,
        price=PRICE,
    )
    service = str(proposed["service"])
    agreed = {"service": service, "outcome": "agreed", "offer": 1, "price": PRICE}
    await act(bob, Opcode.NEGOTIATION_END, "agreed", **agreed)
    for actor in (alice, bob):
        # Of the deal before, what its authors were told of their notes is still to be read.
        while (await told_next(actor))["state"] != "agreed":
            pass
    return service


async def open_dispute(alice: Actor, bob: Actor, service: str, say: Say) -> Dispute:
    """Alice disputes it: from now on it waits, for both."""
    say(heading("alice disputes it: half of the sink is dirty; from now on the deal is held"))
    answer = await ask(
        alice,
        Opcode.LITIGE_CREATED,
        service=service,
        reason="not_as_agreed",
        statement="Half of the sink is still dirty.",
        claim={"refund": {"amount_minor": 4_000, "currency": "EUR"}},
    )
    for actor in (alice, bob):
        await news(actor, "created")
        opened = await news(actor, "hold_placed")
        must(opened["state"] == "open", "the dispute is open")
        held = await told(actor, "held")
        must(held["hold"]["dispute"] == opened["dispute"], "the deal is held by the dispute")
    must(answer.data["dispute"]["dispute"] == opened["dispute"], "both speak of the same dispute")

    say(heading("bob says that it is done: refused, for the deal waits for the dispute"))
    key = uuid4().hex[:12]
    delivered = {"service": service, "outcome": "delivered", "idempotency_key": key}
    refused = await bob.ask_in_vain(Opcode.SERVICE_TERMINATED, "INVALID_STATE", **delivered)
    must("hold" in refused.data["current"], "the refusal shows the hold")
    return opened


async def settle(alice: Actor, bob: Actor, opened: Dispute, say: Say) -> None:
    """Bob offers a settlement, alice accepts it by its number and what it says."""
    say(heading("bob states his case and offers to settle: 50.00 EUR for him, 30.00 EUR for alice"))
    offered = await ask(
        bob,
        Opcode.LITIGE_STATEMENT,
        dispute=opened["dispute"],
        text="The other half was behind her dishes.",
        settlement=SETTLEMENT,
    )
    must(offered.data["cause"] == "settlement_proposed", "the settlement is offered")
    for actor in (alice, bob):
        proposal = await news(actor, "settlement_proposed")
    newest = proposal["offers"][-1]

    say(heading("alice accepts that by its number and parts: settled, and the deal is resolved so"))
    accept = {"offer": newest["number"], "settlement": newest["settlement"]}
    await ask(alice, Opcode.LITIGE_STATEMENT, dispute=opened["dispute"], accept=accept)
    for actor in (alice, bob):
        settled = await news(actor, "settled")
        must(settled["resolution"]["split"] == SETTLEMENT, "it is split as offered")
        resolved = await news(actor, "hold_resolved")
        must(resolved["state"] == "resolved", "the dispute is over")
        decided = await told(actor, "decided")
        must(decided["settlement"] == SETTLEMENT, "the deal has the settlement")
        must("hold" not in decided, "nothing holds the deal any more")
    say(f"      {disputes.summary(resolved, me='')}")


async def look_back(alice: Actor, bob: Actor, conversation: str, service: str, say: Say) -> None:
    """The list shows how the deal ended."""
    say(heading("the list of conversations shows how the deal ended"))
    for actor in (alice, bob):
        ended = await shown(actor, conversation)
        must(ended["service"] == service, "it is the disputed deal")
        must(ended["settlement"] == SETTLEMENT, "each has their part")


async def ask(actor: Actor, opcode: Opcode, **data: Any) -> Packet:
    """Sends a packet about a dispute, which must be answered with it."""
    key = uuid4().hex[:12]
    answer = await actor.ask(opcode, Opcode.UPDATE_CONVERSATION_DATAS, **data, idempotency_key=key)
    must("dispute" in answer.data, f"{opcode.title} is answered with the dispute")
    return answer


async def news(actor: Actor, cause: str) -> Dispute:
    """The next that this actor is told of a dispute must be this."""
    packet = await actor.receive(Opcode.UPDATE_CONVERSATION_DATAS, having="dispute")
    must(packet.data["cause"] == cause, f"{actor.name} is told {cause!r} of the dispute next")
    dispute_: Dispute = packet.data["dispute"]
    return dispute_


async def told_next(actor: Actor) -> Any:
    """The next that this actor is told of a service."""
    packet = await actor.receive(Opcode.UPDATE_CONVERSATION_DATAS, having="service")
    return packet.data["service"]
