"""A story that has come to all main screens of the people's app, told by plain clients."""

from contextlib import AsyncExitStack
from typing import NamedTuple

from parley_client import Client
from parley_client.views.price import Price
from parley_protocol.payloads.fields import Settlement
from tests.support.system import System


class Story(NamedTuple):
    """The person who looks, the others, and the ids of the conversations and the dispute."""

    user: str
    offered: str
    disputed: str
    ended: str
    plain: str
    dispute: str
    message: str
    accuser: str


async def tell(system: System, mark: str) -> Story:
    """Let people talk, bargain and quarrel with one person, whose app is looked at.

    `mark` ends the names of all of them.
    """
    first = ("ann", "bob", "carol", "dan", "Maximiliane-von-und-zu-Hohenfels-Wittgenstein")
    names = [f"{name}{mark}" for name in first]
    clients = [Client(system.url, token=system.token(name)) for name in names]
    ann, bob, carol, dan, other = clients
    user = names[0]
    async with AsyncExitStack() as stack:
        for client in clients:
            await stack.enter_async_context(client)
        roof = ann.conversation_with(names[1], subject="The roof of the old barn, and its gutter")
        await roof.send("Hello Bob, could you mend the roof of our barn before winter?")
        his = bob.conversation_with(user, subject="The roof of the old barn, and its gutter")
        await his.send("Yes. The photographs are here: https://pictures.example/barn?page=2")
        said = await roof.send("How long does it take?\nWe have guests from the 12th on.")
        await his.send("Three days: Mon\u00adday to Wednesday. " + "Scaffolding" * 12)
        deal = await his.propose(
            role="provider",
            title="Roof of the barn",
            price=Price(123_450, "EUR"),
            description="Tiles, battens and the gutter on the north side.",
        )
        assert deal.offer is not None
        hers = ann.deal(deal.service)
        deal = await hers.counter(deal.offer, Price(110_000, "EUR"), "Without the gutter")
        assert deal.offer is not None
        await bob.deal(deal.service).counter(deal.offer, Price(118_000, "EUR"), "With half of it")
        await his.send("Half of the gutter is still good; I would leave it.")
        await roof.send("And the scaffolding, is it in the price?")
        await his.send("It is. I can begin on Monday.")

        tap = ann.conversation_with(names[2], subject="Kitchen tap")
        dripping = await tap.send("The tap drips again.")
        tap_deal = await tap.propose(role="client", title="Kitchen tap", price=Price(12_000, "EUR"))
        assert tap_deal.offer is not None
        await carol.deal(tap_deal.service).accept(tap_deal.offer)
        await carol.deal(tap_deal.service).deliver()
        quarrel = await ann.deal(tap_deal.service).open_dispute(
            "quality", "It still drips, after two visits.", refund=Price(6_000, "EUR")
        )
        answer = carol.dispute(quarrel.dispute)
        await answer.state("It did not drip when I left.")
        await answer.propose(Settlement(10_000, 2_000), "For the second visit")

        fence = dan.conversation_with(user, subject="Fence")
        done = await fence.send("\u0645\u0631\u062d\u0628\u0627 Ann, the fence is done.")
        fence_deal = await fence.propose(role="provider", title="Fence", price=Price(45_000, "EUR"))
        assert fence_deal.offer is not None
        await ann.deal(fence_deal.service).accept(fence_deal.offer)
        await dan.deal(fence_deal.service).deliver()
        await ann.deal(fence_deal.service).complete()
        await dan.deal(fence_deal.service).submit_note(5, "Paid at once.")
        await ann.deal(fence_deal.service).submit_note(4, "Good work, a day late.")

        plain = await other.conversation_with(user).send("Are you there?")
        await other.conversation_with(user).send("I have a question about your garden.")
    return Story(
        user,
        said.conversation,
        dripping.conversation,
        done.conversation,
        plain.conversation,
        quarrel.dispute,
        said.message,
        names[1],
    )
