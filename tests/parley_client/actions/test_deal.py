"""Deals, from the proposal to the notes, against a real edge."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from parley_client.actions.deal import DealHandle
from parley_client.errors import (
    ActionNotAllowedError,
    InvalidArgumentError,
    InvalidStateError,
    NoDealError,
    NotFoundError,
    StaleOfferError,
)
from parley_client.pushes import DealChanged
from parley_client.views.deals import Deal, Offer
from parley_client.views.price import Price
from parley_protocol.packets import Op
from tests.parley_client.actions.conftest import Person, Two


def offer_of(deal: Deal) -> Offer:
    """The offer on the table, which there is."""
    assert deal.live_offer is not None
    return deal.live_offer


async def told_cause(person: Person, cause: str) -> Deal:
    """Wait until somebody is told that this happened, and give the deal."""
    event = await person.told(DealChanged)
    while event.cause != cause:
        event = await person.told(DealChanged)
    return event.deal


async def test_a_whole_deal(two: Two) -> None:
    """Propose, counter, revise, accept, amend, deliver, reopen, complete, and rate."""
    ann, bob = two
    deal = await bob.talk.propose(
        role="provider", title="Roof", price=Price(12050, "EUR"), description="Tiles"
    )
    assert (deal.state, deal.provider, deal.client) == ("offered", bob.name, ann.name)
    assert deal.can("revise")
    seen = await told_cause(ann, "created")
    assert str(offer_of(seen).price) == "120.50 EUR"
    assert seen.can("accept")

    countered = await ann.talk.deal.counter(offer_of(seen), Price(10000, "EUR"), "Too much")
    assert (offer_of(countered).number, offer_of(countered).note) == (2, "Too much")
    revised = await ann.talk.deal.revise(offer_of(countered), Price(10500, "EUR"))
    assert offer_of(revised).price == Price(10500, "EUR")
    agreed = await bob.talk.deal.accept(offer_of(await bob.talk.deal.load()))
    assert agreed.agreed is not None
    assert (agreed.state, agreed.agreed.price) == ("agreed", Price(10500, "EUR"))

    amended = await bob.talk.deal.propose_amendment(Price(11000, "EUR"))
    again = await bob.talk.deal.revise(offer_of(amended), Price(10900, "EUR"))
    accepted = await ann.talk.deal.accept(offer_of(again))
    assert accepted.agreed is not None
    assert accepted.agreed.price == Price(10900, "EUR")

    assert (await bob.talk.deal.deliver()).state == "delivered"
    reopened = await ann.talk.deal.reopen("A tile is missing")
    assert (reopened.state, reopened.reopenings) == ("agreed", 1)
    await bob.talk.deal.deliver()
    completed = await ann.talk.deal.complete()
    assert completed.settlement is not None
    assert (completed.state, completed.settlement.provider_minor) == ("completed", 10900)

    await ann.talk.deal.submit_note(5, "Dry again")
    rated = await bob.talk.deal.submit_note(4)
    assert rated.notes is not None
    assert rated.notes.theirs is not None
    assert rated.notes.theirs.comment == "Dry again"
    causes = [event.cause async for event in ann.talk.deal.history(limit=3)]
    assert causes[:3] == ["created", "countered", "revised"]
    assert causes[-1] == "notes_revealed"


@pytest.mark.parametrize("how", ["decline", "withdraw"])
async def test_an_offer_is_declined_or_withdrawn(two: Two, deal: Deal, how: str) -> None:
    """By the other, or by whoever made it."""
    ann, bob = two
    if how == "decline":
        ended = await ann.talk.deal.decline(offer_of(deal))
    else:
        ended = await bob.talk.deal.withdraw(offer_of(deal))
    assert ended.state == "closed"


async def test_a_cancellation_is_requested_and_confirmed(two: Two, deal: Deal) -> None:
    """One asks, the other confirms."""
    ann, bob = two
    await ann.talk.deal.accept(offer_of(deal))
    asked = await ann.talk.deal.request_cancellation("It rained")
    assert asked.cancellation is not None
    assert asked.cancellation.reason == "It rained"
    assert (await bob.talk.deal.confirm_cancellation()).state == "cancelled"


async def test_what_is_accepted_is_what_was_shown(two: Two, deal: Deal) -> None:
    """The offer has changed meanwhile: a typed error has the deal as it stands, and nothing is
    agreed until the person decides again.
    """
    ann, bob = two
    shown = offer_of(deal)
    await bob.talk.deal.revise(shown, Price(99900, "EUR"))
    with pytest.raises(StaleOfferError) as raised:
        await ann.talk.deal.accept(shown)
    assert raised.value.current.state == "offered"
    now = offer_of(raised.value.current)
    assert (now.number, str(now.price)) == (2, "999.00 EUR")
    (end,) = [one for one in ann.sent if one.opcode == Op.NEGOTIATION_END]
    assert (end.data["offer"], end.data["price"]["amount_minor"]) == (1, 12050)
    assert (await ann.talk.deal.accept(now)).state == "agreed"


async def test_an_offer_is_accepted_in_its_own_deal_alone(two: Two, deal: Deal) -> None:
    """The deal was closed and another one opened with an offer of the same number and price: what
    was shown of the first is no consent to the second.
    """
    ann, bob = two
    shown = offer_of(deal)
    await bob.talk.deal.withdraw(shown)
    second = await bob.talk.propose(role="provider", title="Wall", price=Price(12050, "EUR"))
    await ann.client.deal(second.service).load()
    with pytest.raises((ActionNotAllowedError, InvalidStateError)):
        await ann.talk.deal.accept(shown)
    with pytest.raises(InvalidArgumentError):
        await ann.client.deal(second.service).accept(shown)
    assert (await ann.client.deal(second.service).load()).state == "offered"


async def test_a_step_that_is_not_allowed_is_not_sent(two: Two, deal: Deal) -> None:
    """The server's own word is asked for, and the step stays here."""
    ann, bob = two
    for person, step in (
        (bob, bob.talk.deal.accept(offer_of(deal))),
        (ann, ann.talk.deal.deliver()),
        (ann, ann.talk.deal.open_dispute("quality", "Bad")),
        (ann, ann.talk.deal.withdraw(offer_of(deal))),
    ):
        person.sent.clear()
        with pytest.raises(ActionNotAllowedError) as raised:
            await step
        assert person.sent_ops() == [Op.ASK_SERVICE]
        assert raised.value.allowed == (await person.talk.deal.load()).allowed_actions
    assert raised.value.action == "withdraw"


async def test_what_is_known_of_allowed_actions_may_be_old(two: Two, deal: Deal) -> None:
    """A change by time alone, without a word, is found by asking, and the step is taken."""
    ann, _ = two
    place = next(place for place in ann.client.objects if place[1] == (deal.service,))
    known = ann.client.objects[place]
    ann.client.objects[place] = known._replace(content={**known.content, "allowed_actions": []})
    assert ann.talk.deal.shown is not None
    assert not ann.talk.deal.shown.can("accept")
    assert (await ann.talk.deal.accept(offer_of(deal))).state == "agreed"


async def test_a_deal_that_was_never_shown_is_left_to_the_server(two: Two, deal: Deal) -> None:
    """A device that knows nothing sends, and is answered."""
    ann, bob = two
    bob.client.objects.clear()
    with pytest.raises((InvalidStateError, ActionNotAllowedError)):
        await bob.client.deal(deal.service).deliver()
    with pytest.raises((NotFoundError, InvalidArgumentError)):
        await ann.client.deal("no-such-deal").complete()


async def test_both_at_once_agree_on_one_price(two: Two, deal: Deal) -> None:
    """Ann accepts while Bob revises: one of the two comes first, and nobody agrees unseen."""
    ann, bob = two
    outcomes = await asyncio.gather(
        ann.talk.deal.accept(offer_of(deal)),
        bob.talk.deal.revise(offer_of(deal), Price(50000, "EUR")),
        return_exceptions=True,
    )
    now = await ann.talk.deal.load()
    if now.agreed is not None:
        assert now.agreed.price == offer_of(deal).price
        assert isinstance(outcomes[1], InvalidStateError | StaleOfferError | ActionNotAllowedError)
    else:
        assert isinstance(outcomes[0], StaleOfferError)


async def test_the_same_key_is_one_step(two: Two, deal: Deal) -> None:
    """Two proposals with one key are one deal."""
    ann, _ = two
    await ann.talk.deal.decline(offer_of(deal))
    wanted = {"title": "Wall", "price": Price(5000, "EUR"), "key": "quote-1"}
    first = await ann.talk.propose(role="client", **wanted)  # type: ignore[arg-type]  # a mapping
    again = await ann.talk.propose(role="client", **wanted)  # type: ignore[arg-type]  # a mapping
    assert first.service == again.service


async def test_deals_are_listed(two: Two, deal: Deal) -> None:
    """All of them, those of a conversation, and those that are open."""
    ann, bob = two
    await ann.talk.deal.decline(offer_of(deal))
    second = await ann.talk.propose(role="client", title="Wall", price=Price(5000, "EUR"))
    both = [one.service async for one in bob.client.deals(limit=1)]
    assert both == [second.service, deal.service]
    assert [one.service async for one in bob.client.deals(open_only=True)] == [second.service]
    of_talk = bob.client.deals(conversation=bob.talk.conversation)
    assert len([one async for one in of_talk]) == 2


async def test_a_conversation_without_a_deal_is_a_typed_error(two: Two) -> None:
    """There is nothing to act on."""
    ann, _ = two
    assert ann.talk.deal.shown is None
    with pytest.raises(NoDealError):
        await ann.talk.deal.deliver()


async def test_the_open_deal_is_found_behind_one_that_has_ended(
    two: Two, deal: Deal, join: Callable[..., object]
) -> None:
    """A device that was shown only the past one asks before it acts."""
    ann, bob = two
    await ann.talk.deal.decline(offer_of(deal))
    await ann.client.deal(deal.service).load()
    second = await ann.talk.propose(role="client", title="Wall", price=Price(5000, "EUR"))
    bob.client.objects.clear()
    await bob.client.deal(deal.service).load()
    handle: DealHandle = bob.talk.deal
    assert handle.shown is not None
    assert handle.shown.service == deal.service
    assert (await handle.load()).service == second.service


async def test_a_price_of_another_currency_is_refused(two: Two, deal: Deal) -> None:
    """The server says which field, and the deal stands as it stood."""
    ann, _ = two
    with pytest.raises(InvalidArgumentError):
        await ann.talk.deal.counter(offer_of(deal), Price(100, "USD"))
    with pytest.raises(StaleOfferError):
        await ann.talk.deal.counter(replace(offer_of(deal), number=7), Price(100, "EUR"))
