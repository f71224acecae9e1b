"""The deal of the demo: from the first offer to the notes, with checks of each step.

Alice is the client, who pays; bob is the provider, who repairs. What happens to the service is
pushed to both in order, except a sealed note, which is pushed to its author alone.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, convert

from command_line.demo.actor import Actor, Say, must, write
from command_line.demo.transcript import heading
from command_line.display import deals
from parley_protocol.packets import OP_OF, Op
from parley_protocol.payloads import messaging, negotiation
from parley_protocol.payloads.fields import Money

TITLE = "Repair the kitchen tap"
ALICE_OFFERS = Money(10_000, "EUR")
SEE_YOU = "Agreed, see you on Thursday."
BOB_COUNTERS = Money(12_050, "EUR")

Service = Mapping[str, Any]


async def deal(alice: Actor, bob: Actor, conversation: str, say: Say) -> None:
    """Runs the scenes of a deal in this conversation."""
    service = await offer_and_counter(alice, bob, conversation, say)
    await accept(alice, bob, conversation, service, say)
    await work(alice, bob, service, say)
    await rate(alice, bob, conversation, service, say)
    await look_back(alice, bob, conversation, service, say)


async def act(actor: Actor, payload: Struct, cause: str) -> Service:
    """Sends a packet about a service; the answer must have this cause."""
    answer = await actor.command(payload)
    must(answer.data["cause"] == cause, f"{OP_OF[type(payload)].title} is answered with {cause!r}")
    service: Service = answer.data["service"]
    return service


async def pushed(actor: Actor, cause: str) -> Service:
    """The next push about a service, which must have this cause."""
    packet = await actor.receive(Op.UPDATE_CONVERSATION_DATAS, having="service")
    service: Service = packet.data["service"]
    must(packet.data["cause"] == cause, f"{actor.name} is told {cause!r} next")
    return service


async def recorded(actor: Actor, *causes: str) -> None:
    """The next messages that are pushed must record these events, in this order.

    They come from messaging, which learns of them from negotiation.
    """
    for cause in causes:
        message = (await actor.receive(Op.ALERT_NEW_MSG)).data["message"]
        must(message["kind"] == "event", f"{actor.name} is told of an event")
        must(message["event"]["cause"] == cause, f"{cause!r} is recorded next")


async def offer_and_counter(alice: Actor, bob: Actor, conversation: str, say: Say) -> str:
    """Alice proposes a service and bob counters. Returns the id of the service."""
    say(heading("alice proposes a service: bob is to repair the tap, and she pays 100.00 EUR"))
    proposed = await act(
        alice,
        negotiation.ServiceCreated(conversation, "client", TITLE, ALICE_OFFERS),
        "created",
    )
    await pushed(alice, "created")
    seen = await pushed(bob, "created")
    must((seen["provider"], seen["client"]) == ("bob", "alice"), "bob works and alice pays")
    must(money(seen["offer"]) == ALICE_OFFERS, "bob sees what alice offers")
    must("accept" in seen["allowed_actions"], "bob may accept it")
    must("accept" not in proposed["allowed_actions"], "alice may not accept her own offer")

    say(heading("bob counters with 120.50 EUR; from now on that is the offer"))
    await act(
        bob,
        negotiation.PriceEdited(
            seen["service"], BOB_COUNTERS, seen["offer"]["number"], "The valve has to be replaced."
        ),
        "countered",
    )
    await pushed(bob, "countered")
    countered = await pushed(alice, "countered")
    must(countered["offer"]["number"] == 2, "offers are numbered without a hole")
    must(money(countered["offer"]) == BOB_COUNTERS, "alice sees what bob demands")
    return str(seen["service"])


async def accept(alice: Actor, bob: Actor, conversation: str, service: str, say: Say) -> None:
    """Alice is refused when she accepts an old offer, and then accepts the live one."""
    say(heading("alice's app still shows 100.00 EUR and agrees to that: refused, as it is stale"))
    stale = negotiation.NegotiationEnd(service, "agreed", 1, ALICE_OFFERS)
    refused = await alice.ask_in_vain(stale, "STALE_OFFER")
    live = refused["offer"]
    must((live["number"], money(live)) == (2, BOB_COUNTERS), "the refusal shows the live offer")

    say(heading("alice accepts the live offer by its number and price: agreed, for both"))
    end = negotiation.NegotiationEnd(service, "agreed", live["number"], money(live))
    mine = await act(alice, end, "agreed")
    await pushed(alice, "agreed")
    theirs = await pushed(bob, "agreed")
    for seen in (mine, theirs):
        must(seen["state"] == "agreed", "it is agreed")
        must(money(seen["agreed"]) == BOB_COUNTERS, "both have agreed to the same price")

    say(heading("all of that stands in the history as well, before what alice writes next"))
    for actor in (alice, bob):
        await recorded(actor, "created", "countered", "agreed")
    await write(alice, SEE_YOU, conversation=conversation)
    alert = await bob.receive(Op.ALERT_NEW_MSG)
    must(alert.data["message"]["text"] == SEE_YOU, "bob reads what alice wrote")


async def work(alice: Actor, bob: Actor, service: str, say: Say) -> None:
    """Bob delivers, and alice completes."""
    say(heading("bob has repaired the tap: delivered"))
    await act(bob, negotiation.ServiceTerminated(service, "delivered"), "delivered")
    await pushed(bob, "delivered")
    delivered = await pushed(alice, "delivered")
    must("complete" in delivered["allowed_actions"], "alice may take it as completed")

    say(heading("alice is content: completed, and bob is to have all of the price"))
    await act(alice, negotiation.ServiceTerminated(service, "completed"), "completed")
    await pushed(alice, "completed")
    completed = await pushed(bob, "completed")
    must(completed["state"] == "completed", "bob learns that it is completed")
    whole = {"provider_minor": BOB_COUNTERS.amount_minor, "client_minor": 0}
    must(completed["settlement"] == whole, "bob is to have all of it")


async def rate(alice: Actor, bob: Actor, conversation: str, service: str, say: Say) -> None:
    """Both submit notes; the first stays sealed until the second is there."""
    say(heading("alice rates bob; nothing that bob can see betrays it"))
    rated = await act(
        alice,
        negotiation.NoteSubmitted(service, 5, "It drips no more."),
        "note_submitted",
    )
    must(rated["notes"]["mine"]["score"] == 5, "alice sees her own note")
    await pushed(alice, "note_submitted")
    seen = await listed_service(bob, conversation)
    must(seen["notes"] == {}, "bob sees no note")
    must(seen["version"] == 5, "for bob nothing has happened")

    say(heading("bob rates alice: now both are in, and both notes are revealed together"))
    await act(bob, negotiation.NoteSubmitted(service, 4), "note_submitted")
    # Had he been told of the note of alice, it would come before his own.
    await pushed(bob, "note_submitted")
    for actor, mine, theirs in ((alice, 5, 4), (bob, 4, 5)):
        revealed = (await pushed(actor, "notes_revealed"))["notes"]
        scores = revealed["mine"]["score"], revealed["theirs"]["score"]
        must(scores == (mine, theirs), f"{actor.name} sees both notes")


async def look_back(alice: Actor, bob: Actor, conversation: str, service: str, say: Say) -> None:
    """The list has the ended deal, and the history its events between the messages."""
    say(heading("the list of conversations shows how the deal ended"))
    for actor in (alice, bob):
        ended = await listed_service(actor, conversation)
        must((ended["service"], ended["state"]) == (service, "completed"), "it is completed")
        must("revealed_at" in ended["notes"], "the notes are revealed")

    say(heading("the history shows the events of the deal between the words"))
    for actor in (alice, bob):
        await recorded(actor, "delivered", "completed", "notes_revealed")
    history = await alice.ask(messaging.AskMessages(conversation), Op.RETURN_MESSAGES)
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


async def listed_service(actor: Actor, conversation: str) -> Service:
    """The service of this conversation as an actor's list of conversations has it."""
    listed = await actor.ask(messaging.AskConversations(10), Op.RETURN_CONVERSATIONS)
    must("missing" not in listed.data, "all services were asked")
    entries = {entry["conversation"]: entry for entry in listed.data["conversations"]}
    service: Service = entries[conversation]["service"]
    return service


def money(priced: Mapping[str, Any]) -> Money:
    """The price in an offer or an agreement."""
    return convert(priced["price"], Money)
