"""Reports, sanctions, appeals, blocks and disputes, against a real edge."""

import pytest

from parley_client.errors import (
    ActionNotAllowedError,
    InvalidArgumentError,
    InvalidStateError,
    SanctionedError,
)
from parley_client.pushes import (
    AppealChanged,
    BlockChanged,
    DisputeChanged,
    NewMessage,
    ReportChanged,
    SanctionChanged,
)
from parley_client.views.deals import Deal
from parley_client.views.disputes import Dispute
from parley_client.views.messaging import Message
from parley_client.views.price import Price
from parley_protocol.packets import Op
from parley_protocol.payloads.fields import Settlement
from tests.parley_client.actions.conftest import Person, Two, enter
from tests.parley_client.conftest import Join
from tests.support.moderator import Moderator


async def hear(person: Person, text: str) -> Message:
    """Wait for a message with this text."""
    told = await person.told(NewMessage)
    while told.message.text != text:
        told = await person.told(NewMessage)
    return told.message


async def test_a_report_is_followed_to_its_end_and_appealed(two: Two, moderator: Moderator) -> None:
    """The answer, the list, what becomes of it, and another look at the decision."""
    ann, bob = two
    await bob.talk.send("Buy now")
    message = await hear(ann, "Buy now")
    report = await ann.talk.report_message(message, "spam", "Again and again")
    assert report.subject is not None
    assert (report.status, report.subject.message) == ("received", message.message)
    await moderator.decide(bob.name)
    told = await ann.told(ReportChanged)
    while told.report.status != "no_violation":
        told = await ann.told(ReportChanged)
    assert told.report.appealable
    assert told.report.decision is not None
    appeal = await ann.client.appeal(told.report.decision, "It was an advertisement")
    assert appeal.status == "open"
    assert [one async for one in ann.client.appeals()] == [appeal]
    assert [one.report async for one in ann.client.reports()] == [report.report]
    assert [one async for one in ann.client.reports(open_only=True)] == []


async def test_a_conversation_is_reported(two: Two) -> None:
    """All of it, and "other" needs a comment."""
    ann, _ = two
    assert (await ann.talk.report("scam")).status == "received"
    with pytest.raises(InvalidArgumentError):
        await ann.talk.report("other")


async def test_who_is_muted_is_told_why_and_may_appeal(two: Two, moderator: Moderator) -> None:
    """The sanction is an event, what it forbids a typed error with the standing."""
    ann, bob = two
    await bob.talk.send("Buy now")
    await ann.talk.report_message(await hear(ann, "Buy now"), "spam")
    await moderator.decide(bob.name, "muted")
    told = await bob.told(SanctionChanged)
    assert (told.sanction.kind, told.sanction.lifted) == ("muted", False)
    with pytest.raises(SanctionedError) as raised:
        await bob.talk.send("Buy anyway")
    assert raised.value.standing is not None
    assert [one.kind for one in raised.value.standing.sanctions] == ["muted"]
    standing = await bob.client.standing()
    assert (standing.banned, standing.sanctions[0].sanction) == (False, told.sanction.sanction)
    assert (await bob.client.appeal(told.sanction.decision, "I was quoting")).status == "open"
    await moderator.lift(bob.name)
    told = await bob.told(SanctionChanged)
    assert told.sanction.lifted
    await bob.talk.send("Thank you")


async def test_what_becomes_of_an_appeal_is_told_on_other_devices_too(
    two: Two, join: Join, moderator: Moderator
) -> None:
    """An appeal that is made on one device is an event on the other."""
    ann, bob = two
    await bob.talk.send("Buy now")
    await ann.talk.report_message(await hear(ann, "Buy now"), "spam")
    other = await enter(join, bob.name)
    await moderator.decide(bob.name, "muted")
    told = await bob.told(SanctionChanged)
    appeal = await bob.client.appeal(told.sanction.decision, "I was quoting")
    changed = await other.told(AppealChanged)
    assert changed.appeal.appeal == appeal.appeal


async def test_a_block_is_set_listed_told_and_taken_back(two: Two, join: Join) -> None:
    """On all devices of the one who blocks."""
    ann, bob = two
    other = await enter(join, ann.name)
    block = await ann.client.block(bob.name)
    assert (block.user, block.blocked) == (bob.name, True)
    assert (await other.told(BlockChanged)).block == block
    assert [one.user async for one in ann.client.blocks()] == [bob.name]
    with pytest.raises(InvalidStateError) as raised:
        await ann.talk.send("And another thing")
    assert raised.value.reason == "BLOCKED"
    (row,) = [one async for one in ann.client.conversations()]
    assert (row.blocked, row.presence) == (True, None)
    assert not (await ann.client.unblock(bob.name)).blocked
    assert [one async for one in ann.client.blocks()] == []


@pytest.fixture
async def dispute(two: Two, deal: Deal) -> Dispute:
    """A dispute that Ann has opened about what she and Bob agreed on, as Bob sees it."""
    ann, bob = two
    assert deal.offer is not None
    await ann.talk.deal.accept(deal.offer)
    opened = await ann.talk.deal.open_dispute(
        "quality", "It still drips", refund=Price(5000, "EUR")
    )
    told = await bob.told(DisputeChanged)
    while not told.dispute.can("propose"):
        told = await bob.told(DisputeChanged)
    assert told.dispute.dispute == opened.dispute
    return told.dispute


async def test_a_dispute_is_settled(two: Two, dispute: Dispute) -> None:
    """Statements, a settlement, and its acceptance as it was shown."""
    ann, bob = two
    assert dispute.claim is not None
    assert str(dispute.claim.refund) == "50.00 EUR"
    stated = await bob.client.dispute(dispute.dispute).state("It was dry when I left")
    assert stated.statements[-1].text == "It was dry when I left"
    with pytest.raises(InvalidArgumentError):
        await bob.client.dispute(dispute.dispute).propose(Settlement(1, 1))
    proposed = await bob.client.dispute(dispute.dispute).propose(
        Settlement(8050, 4000), "Let us split it"
    )
    offer = proposed.newest_offer
    assert offer is not None
    with pytest.raises(ActionNotAllowedError):
        await bob.client.dispute(dispute.dispute).accept(offer)
    assert (await ann.client.dispute(dispute.dispute).load()).newest_offer == offer
    settled = await ann.client.dispute(dispute.dispute).accept(offer)
    assert settled.state in {"resolved_pending", "resolved"}
    listed = [one async for one in ann.client.disputes(service=dispute.service)]
    assert [one.dispute for one in listed] == [dispute.dispute]
    shown = ann.client.dispute(dispute.dispute).shown
    assert shown is not None
    assert shown.version >= settled.version


async def test_a_settlement_that_is_not_the_newest_is_refused_with_the_dispute(
    two: Two, dispute: Dispute
) -> None:
    """To accept what has changed meanwhile is to accept nothing."""
    ann, bob = two
    handle = bob.client.dispute(dispute.dispute)
    first = (await handle.propose(Settlement(12050, 0))).newest_offer
    assert first is not None
    second = (await handle.propose(Settlement(8050, 4000))).newest_offer
    with pytest.raises(InvalidStateError) as raised:
        await ann.client.dispute(dispute.dispute).accept(first)
    assert raised.value.reason == "STALE_SETTLEMENT"
    assert isinstance(raised.value.current, Dispute)
    assert raised.value.current.newest_offer == second
    with pytest.raises(InvalidArgumentError):
        await ann.client.dispute("another").accept(first)


async def test_a_dispute_is_withdrawn_by_who_opened_it_alone(two: Two, dispute: Dispute) -> None:
    """For the other it is not allowed, and nothing is sent."""
    ann, bob = two
    bob.sent.clear()
    with pytest.raises(ActionNotAllowedError):
        await bob.client.dispute(dispute.dispute).withdraw()
    assert bob.sent_ops() == [Op.ASK_DISPUTE]
    withdrawn = await ann.client.dispute(dispute.dispute).withdraw("It was my mistake")
    assert withdrawn.state in {"resolved_pending", "resolved"}


async def test_a_statement_is_reported(two: Two, dispute: Dispute) -> None:
    """By its number."""
    ann, bob = two
    number = dispute.statements[0].number
    report = await bob.client.dispute(dispute.dispute).report_statement(number, "harassment")
    assert report.subject is not None
    assert (report.subject.dispute, report.subject.number) == (dispute.dispute, number)
    assert ann.name == dispute.opened_by
