"""Evidence of messages and deals, taken from services that serve, hang, and are away."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from moderation_service.clients.evidence import EvidenceTaker
from moderation_service.domain.shared.evidence import EvidenceKind
from moderation_service.domain.shared.refusals import Reason
from service_kit.rpc.failures import Refused
from tests.moderation_service.clients.taking import BOUNDS, Make, hang, read, refusal, texts
from tests.moderation_service.peers import Peers
from tests.support.proxy import Proxy, lose_call

# --- Messages -----------------------------------------------------------------------------------


async def test_a_message_is_seen_with_what_was_said_around_it(
    peers: Peers, taker: EvidenceTaker
) -> None:
    """Twenty before and twenty after, in their order, by either participant."""
    said = [await peers.say("ann", "bob", str(number)) for number in range(50)]
    for actor in ("ann", "bob"):
        seen = await taker.take_message(actor, said[24].id, None)
        conversation = said[24].conversation_id
        assert seen.conversation == conversation
        assert (seen.participants, seen.author) == (("ann", "bob"), "ann")
        content = read(seen.snapshots)
        assert content.keys() == {EvidenceKind.MESSAGES}
        words = content[EvidenceKind.MESSAGES]
        assert texts(words) == [str(number) for number in range(4, 45)]
        assert words["reported"] == said[24].id
        assert (words["conversation"], words["participants"]) == (conversation, ["ann", "bob"])
        assert (words["left_out"], words["deal"]) == (0, "none")


async def test_what_a_message_was_before_is_seen(peers: Peers, taker: EvidenceTaker) -> None:
    """M6: its edits and, when its author has taken it back, the text that it had last."""
    said = await peers.say("ann", "bob", "one")
    await peers.edit("ann", said.id, "two")
    await peers.delete("ann", said.id)
    words = read((await taker.take_message("bob", said.id, None)).snapshots)[EvidenceKind.MESSAGES]
    (found,) = words["messages"]
    assert found["message"]["tombstone"] == "TOMBSTONE_DELETED"
    assert "text" not in found["message"]
    assert [one["text"] for one in found["versions"]] == ["one", "two"]
    assert found["versions"][1]["write_time"] == found["versions"][0]["replace_time"]


async def test_the_same_is_written_down_in_the_same_way(peers: Peers, taker: EvidenceTaker) -> None:
    """So that the hashes of two reports can be compared; each has evidence of its own."""
    said = await peers.say("ann", "bob")
    (first,) = (await taker.take_message("ann", said.id, None)).snapshots
    (second,) = (await taker.take_message("bob", said.id, None)).snapshots
    assert first.evidence.sha256 == second.evidence.sha256
    assert first.evidence.id != second.evidence.id


async def test_a_conversation_is_seen_with_its_recent_page(peers: Peers, make: Make) -> None:
    """The newest, and no author."""
    said = [await peers.say("ann", "bob", str(number)) for number in range(9)]
    taker = await make(replace(BOUNDS, page=5))
    conversation = said[0].conversation_id
    seen = await taker.take_conversation("bob", conversation, None)
    assert seen.conversation == conversation
    assert (seen.participants, seen.author) == (("ann", "bob"), "")
    words = read(seen.snapshots)[EvidenceKind.MESSAGES]
    assert (texts(words), words["reported"]) == (["4", "5", "6", "7", "8"], "")


async def test_the_subject_is_seen_with_what_was_said(peers: Peers, taker: EvidenceTaker) -> None:
    """Whoever opened the conversation wrote it, and the other was shown it."""
    said = await peers.say("ann", "bob", subject="Me\u0301nage, you fool")
    for seen in (
        await taker.take_message("bob", said.id, None),
        await taker.take_conversation("bob", said.conversation_id, None),
    ):
        words = read(seen.snapshots)[EvidenceKind.MESSAGES]
        assert words["subject"] == "M\u00e9nage, you fool"


async def test_an_empty_conversation_can_be_reported(peers: Peers, taker: EvidenceTaker) -> None:
    proposed = await peers.propose()
    seen = await taker.take_conversation("bob", proposed.conversation_id, None)
    assert read(seen.snapshots)[EvidenceKind.MESSAGES]["messages"] == []


@pytest.mark.parametrize("stranger", ["eve", "\0", "a" * 200])
async def test_nobody_sees_what_is_none_of_theirs(
    peers: Peers, taker: EvidenceTaker, stranger: str
) -> None:
    """M4, M6: nor learns whether it exists."""
    said = await peers.say("ann", "bob")
    for message in (said.id, "0" * 36, "\0", "x" * 500):
        found = await refusal(taker.take_message(stranger, message, None))
        assert found == Reason.MESSAGE_NOT_FOUND
    for conversation in (said.conversation_id, "0" * 36, "\0"):
        found = await refusal(taker.take_conversation(stranger, conversation, None))
        assert found == Reason.CONVERSATION_NOT_FOUND


# --- Deals --------------------------------------------------------------------------------------


async def test_the_deal_of_a_conversation_belongs_to_it(peers: Peers, taker: EvidenceTaker) -> None:
    """As an internal service sees it, with its history."""
    agreed = await peers.agree()
    said = await peers.say("ann", "bob", "pay me elsewhere")
    for seen in (
        await taker.take_message("bob", said.id, None),
        await taker.take_conversation("bob", said.conversation_id, None),
    ):
        content = read(seen.snapshots)
        assert content[EvidenceKind.MESSAGES]["deal"] == "taken"
        deal = content[EvidenceKind.DEAL]
        assert deal["service"]["id"] == agreed.id
        assert deal["service"]["agreed"]["price"] == {"amount_minor": "10000", "currency": "EUR"}
        assert [one["cause"] for one in deal["events"]] == ["created", "agreed"]


async def test_a_dispute_sees_the_service_and_what_was_said(
    peers: Peers, taker: EvidenceTaker
) -> None:
    """And fixes whose it is and what was agreed."""
    agreed = await peers.agree()
    await peers.say("ann", "bob", "it is done")
    seen = await taker.take_service("bob", agreed.id, None)
    assert (seen.conversation, seen.provider, seen.client, seen.currency, seen.price) == (
        agreed.conversation_id, "ann", "bob", "EUR", 10_000,
    )  # fmt: skip
    content = read(seen.snapshots)
    assert content[EvidenceKind.DEAL]["messages"] == "taken"
    assert texts(content[EvidenceKind.MESSAGES])[-1] == "it is done"


async def test_a_service_without_an_agreement_has_no_price(
    peers: Peers, taker: EvidenceTaker
) -> None:
    """The rules refuse the dispute then."""
    proposed = await peers.propose()
    assert (await taker.take_service("ann", proposed.id, None)).price is None


@pytest.mark.parametrize("service", ["", "0" * 36, "\0"])
async def test_no_service_is_seen_that_is_none(taker: EvidenceTaker, service: str) -> None:
    found = await refusal(taker.take_service("bob", service, None))
    assert found in {Reason.SERVICE_NOT_FOUND, Reason.NEGOTIATION_UNAVAILABLE}


async def test_no_service_of_others_is_seen(peers: Peers, taker: EvidenceTaker) -> None:
    """In the same words."""
    agreed = await peers.agree()
    for stranger in ("eve", ""):
        found = await refusal(taker.take_service(stranger, agreed.id, None))
        assert found == Reason.SERVICE_NOT_FOUND


# --- When another part is away ------------------------------------------------------------------


@pytest.mark.parametrize("how", [lose_call, hang])
@pytest.mark.parametrize("method", ["BatchGetServices", "ListServiceEvents"])
async def test_a_report_does_not_fail_because_negotiation_does(
    peers: Peers, make: Make, between: dict[str, Proxy], how: Any, method: str
) -> None:
    """It is taken without the deal, and says so."""
    taker = await make(timeout_seconds=0.2)
    await peers.agree()
    said = await peers.say("ann", "bob")
    between["negotiation"].interfering[method] = how
    seen = await taker.take_message("bob", said.id, None)
    content = read(seen.snapshots)
    assert content.keys() == {EvidenceKind.MESSAGES}
    assert content[EvidenceKind.MESSAGES]["deal"] == "unavailable"


async def test_without_negotiation_there_are_no_deals_and_no_disputes(
    peers: Peers, make: Make
) -> None:
    taker = await make(negotiates=False)
    said = await peers.say("ann", "bob")
    seen = await taker.take_message("bob", said.id, None)
    assert read(seen.snapshots)[EvidenceKind.MESSAGES]["deal"] == "none"
    found = await refusal(taker.take_service("bob", "0" * 36, None))
    assert found == Reason.NEGOTIATION_UNAVAILABLE


@pytest.mark.parametrize("how", [lose_call, hang])
async def test_a_report_needs_messaging(
    peers: Peers, make: Make, between: dict[str, Proxy], how: Any
) -> None:
    """And says that it can be tried again."""
    taker = await make(timeout_seconds=0.2)
    said = await peers.say("ann", "bob")
    between["messaging"].interfering["ListEvidence"] = how
    with pytest.raises(Refused) as caught:
        await taker.take_message("bob", said.id, None)
    assert caught.value.refusal.reason == Reason.MESSAGING_UNAVAILABLE
    assert caught.value.refusal.retry_after > 0


@pytest.mark.parametrize("how", [lose_call, hang])
async def test_a_dispute_needs_negotiation_and_not_messaging(
    peers: Peers, make: Make, between: dict[str, Proxy], how: Any
) -> None:
    """Without the words it is taken, and says so."""
    taker = await make(timeout_seconds=0.2)
    agreed = await peers.agree()
    between["messaging"].interfering["ListEvidence"] = how
    content = read((await taker.take_service("bob", agreed.id, None)).snapshots)
    assert content.keys() == {EvidenceKind.DEAL}
    assert content[EvidenceKind.DEAL]["messages"] == "unavailable"
    between["negotiation"].interfering["GetService"] = how
    found = await refusal(taker.take_service("bob", agreed.id, None))
    assert found == Reason.NEGOTIATION_UNAVAILABLE


async def test_what_may_be_left_out_leaves_time_for_what_may_not(
    peers: Peers, taker: EvidenceTaker, between: dict[str, Proxy]
) -> None:
    """A negotiation that hangs takes half of what the caller has left, and no report with it."""
    said = await peers.say("ann", "bob")
    between["negotiation"].interfering["BatchGetServices"] = hang
    began = asyncio.get_running_loop().time()
    seen = await taker.take_message("bob", said.id, 2.0)
    assert asyncio.get_running_loop().time() - began < 1.9
    assert read(seen.snapshots)[EvidenceKind.MESSAGES]["deal"] == "unavailable"
