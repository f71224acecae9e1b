"""The demo's deal: from a proposed service and its price to the notes, each step with its checks.

Alice pays, so she is the client; bob repairs, so he is the provider. What happens to the service is
pushed to both of them, so each must be told of all of it, in order; of a sealed note only its
author is.
"""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from command_line.client.packets import Opcode
from command_line.demo.actor import Actor, Say, must, write
from command_line.demo.transcript import heading
from command_line.display import deals

TITLE = "Repair the kitchen tap"
ALICE_OFFERS = {"amount_minor": 10_000, "currency": "EUR"}
SEE_YOU = "Agreed, see you on Thursday."
BOB_COUNTERS = {"amount_minor": 12_050, "currency": "EUR"}

Service = Mapping[str, Any]


async def deal(alice: Actor, bob: Actor, conversation: str, say: Say) -> None:
    """Plays all scenes of a deal in this conversation."""
    service = await offer_and_counter(alice, bob, conversation, say)
    await accept(alice, bob, conversation, service, say)
    await work(alice, bob, service, say)
    await rate(alice, bob, conversation, service, say)
    await look_back(alice, bob, conversation, service, say)


async def act(actor: Actor, opcode: Opcode, cause: str, **data: Any) -> Service:
    """Sends a packet about a service; the answer must say that this is what it did."""
    answer = await actor.ask(
        opcode, Opcode.UPDATE_CONVERSATION_DATAS, **data, idempotency_key=uuid4().hex[:12]
    )
    must(answer.data["cause"] == cause, f"{opcode.title} is answered with {cause!r}")
    service: Service = answer.data["service"]
    return service


async def told(actor: Actor, cause: str) -> Service:
    """The next that this actor is told of a service must be this."""
    packet = await actor.receive(Opcode.UPDATE_CONVERSATION_DATAS, having="service")
    service: Service = packet.data["service"]
    must(packet.data["cause"] == cause, f"{actor.name} is told {cause!r} next")
    return service


async def recorded(actor: Actor, *causes: str) -> None:
    """The next messages that are pushed must be the records of these events, one after the other.

    They come from messaging, which learns of them from negotiation.
    """
    for cause in causes:
        message = (await actor.receive(Opcode.ALERT_NEW_MSG)).data["message"]
        must(message["kind"] == "event", f"{actor.name} is told of an event")
        must(message["event"]["cause"] == cause, f"{cause!r} is recorded next")


async def offer_and_counter(alice: Actor, bob: Actor, conversation: str, say: Say) -> str:
    """Alice proposes, bob is told and counters, alice is told. The service."""
    say(heading("alice proposes a service: bob is to repair the tap, and she pays 100.00 EUR"))
    proposed = await act(
        alice,
        Opcode.SERVICE_CREATED,
        "created",
        conversation=conversation,
        role="client",
        title=TITLE,
        price=ALICE_OFFERS,
    )
    await told(alice, "created")
    seen = await told(bob, "created")
    must((seen["provider"], seen["client"]) == ("bob", "alice"), "bob works and alice pays")
    must(seen["offer"]["price"] == ALICE_OFFERS, "bob sees what alice offers")
    must("accept" in seen["allowed_actions"], "bob may accept it")
    must("accept" not in proposed["allowed_actions"], "alice may not accept her own offer")

    say(heading("bob counters with 120.50 EUR; from now on that is the offer"))
    await act(
        bob,
        Opcode.PRICE_EDITED,
        "countered",
        service=seen["service"],
        price=BOB_COUNTERS,
        base_offer=seen["offer"]["number"],
        note="The valve has to be replaced.",
    )
    await told(bob, "countered")
    countered = await told(alice, "countered")
    must(countered["offer"]["number"] == 2, "offers are numbered without a hole")
    must(countered["offer"]["price"] == BOB_COUNTERS, "alice sees what bob demands")
    return str(seen["service"])


async def accept(alice: Actor, bob: Actor, conversation: str, service: str, say: Say) -> None:
    """Alice agrees to what is no longer on the table, in vain, and then to what is."""
    say(heading("alice's app still shows 100.00 EUR and agrees to that: refused, as it is stale"))
    agree = {"service": service, "outcome": "agreed"}
    refused = await alice.ask_in_vain(
        Opcode.NEGOTIATION_END,
        "STALE_OFFER",
        **agree,
        offer=1,
        price=ALICE_OFFERS,
        idempotency_key=uuid4().hex[:12],
    )
    live = refused.data["current"]["offer"]
    must((live["number"], live["price"]) == (2, BOB_COUNTERS), "the refusal shows the live offer")

    say(heading("alice accepts the live offer by its number and price: agreed, for both"))
    mine = await act(
        alice,
        Opcode.NEGOTIATION_END,
        "agreed",
        **agree,
        offer=live["number"],
        price=live["price"],
    )
    await told(alice, "agreed")
    theirs = await told(bob, "agreed")
    for seen in (mine, theirs):
        must(seen["state"] == "agreed", "it is agreed")
        must(seen["agreed"]["price"] == BOB_COUNTERS, "both have agreed to the same price")

    say(heading("all of that stands in the history as well, before what alice writes next"))
    for actor in (alice, bob):
        await recorded(actor, "created", "countered", "agreed")
    await write(alice, SEE_YOU, conversation=conversation)
    alert = await bob.receive(Opcode.ALERT_NEW_MSG)
    must(alert.data["message"]["text"] == SEE_YOU, "bob reads what alice wrote")


async def work(alice: Actor, bob: Actor, service: str, say: Say) -> None:
    """Bob delivers, alice takes it as completed."""
    say(heading("bob has repaired the tap: delivered"))
    await act(bob, Opcode.SERVICE_TERMINATED, "delivered", service=service, outcome="delivered")
    await told(bob, "delivered")
    delivered = await told(alice, "delivered")
    must("complete" in delivered["allowed_actions"], "alice may take it as completed")

    say(heading("alice is content: completed, and bob is to have all of the price"))
    await act(alice, Opcode.SERVICE_TERMINATED, "completed", service=service, outcome="completed")
    await told(alice, "completed")
    completed = await told(bob, "completed")
    must(completed["state"] == "completed", "bob learns that it is completed")
    whole = {"provider_minor": BOB_COUNTERS["amount_minor"], "client_minor": 0}
    must(completed["settlement"] == whole, "bob is to have all of it")


async def rate(alice: Actor, bob: Actor, conversation: str, service: str, say: Say) -> None:
    """Both write notes: the first stays sealed until the second is there."""
    say(heading("alice rates bob; nothing that bob can see betrays it"))
    rated = await act(
        alice,
        Opcode.NOTE_SUBMITTED,
        "note_submitted",
        service=service,
        score=5,
        comment="It drips no more.",
    )
    must(rated["notes"]["mine"]["score"] == 5, "alice sees her own note")
    await told(alice, "note_submitted")
    seen = await shown(bob, conversation)
    must(seen["notes"] == {}, "bob sees no note")
    must(seen["version"] == 5, "for bob nothing has happened")

    say(heading("bob rates alice: now both are in, and both notes are revealed together"))
    await act(bob, Opcode.NOTE_SUBMITTED, "note_submitted", service=service, score=4)
    # Had he been told of the note of alice, it would come before his own.
    await told(bob, "note_submitted")
    for actor, mine, theirs in ((alice, 5, 4), (bob, 4, 5)):
        revealed = (await told(actor, "notes_revealed"))["notes"]
        scores = revealed["mine"]["score"], revealed["theirs"]["score"]
        must(scores == (mine, theirs), f"{actor.name} sees both notes")


async def look_back(alice: Actor, bob: Actor, conversation: str, service: str, say: Say) -> None:
    """The list shows how the deal ended; the history has its events between the words."""
    say(heading("the list of conversations shows how the deal ended"))
    for actor in (alice, bob):
        ended = await shown(actor, conversation)
        must((ended["service"], ended["state"]) == (service, "completed"), "it is completed")
        must("revealed_at" in ended["notes"], "the notes are revealed")

    say(heading("the history shows the events of the deal between the words"))
    for actor in (alice, bob):
        await recorded(actor, "delivered", "completed", "notes_revealed")
    history = await alice.ask(
        Opcode.ASK_MESSAGES, Opcode.RETURN_MESSAGES, conversation=conversation
    )
    messages = history.data["messages"]
    for message in messages:
        said = f"{message['sender']}: {message.get('text')}"
        if message["kind"] == "event":
            said = deals.recorded(message["event"], me="")
        say(f"      #{message['seq']:<3} {said}")
    must([message["seq"] for message in messages] == list(range(1, 13)), "there is no hole in it")
    since_the_offer = [one.get("text") or one["event"]["cause"] for one in messages[5:]]
    must(
        since_the_offer
        == [
            *("created", "countered", "agreed", SEE_YOU),
            *("delivered", "completed", "notes_revealed"),
        ],
        "words and events stand in their order, and no sealed note",
    )
    events = [message["event"] for message in messages if message["kind"] == "event"]
    must({event["service"] for event in events} == {service}, "all of them are of this service")


async def shown(actor: Actor, conversation: str) -> Service:
    """The service of this conversation, as the list of conversations shows it to a actor."""
    listed = await actor.ask(Opcode.ASK_CONVERSATIONS, Opcode.RETURN_CONVERSATIONS, limit=10)
    must("missing" not in listed.data, "all services were asked")
    entries = {entry["conversation"]: entry for entry in listed.data["conversations"]}
    service: Service = entries[conversation]["service"]
    return service
