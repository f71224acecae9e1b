"""The bounds of evidence: of a snapshot, of a call, and of those who take it at once."""

import asyncio
from dataclasses import replace

import grpc

from moderation_service.clients.evidence import EvidenceTaker
from moderation_service.domain.shared.evidence import EvidenceKind, find_written
from moderation_service.domain.shared.refusals import Reason
from tests.moderation_service.clients.taking import BOUNDS, Make, hang, read, refusal, texts
from tests.moderation_service.peers import Peers
from tests.support.proxy import Forward, Proxy
from tests.support.waiting import eventually


async def test_what_is_far_away_is_left_out_first(
    peers: Peers, make: Make, reached: list[str]
) -> None:
    """No gaps, and the snapshot says how many it was."""
    taker = await make(replace(BOUNDS, size=1_500))
    said = [await peers.say("ann", "bob", f"{number}" * 100) for number in range(9)]
    words = read((await taker.take_message("bob", said[4].id, None)).snapshots)
    content = words[EvidenceKind.MESSAGES]
    found = [one["message"]["id"] for one in content["messages"]]
    ids = [one.id for one in said]
    first = ids.index(found[0])
    assert found == ids[first : first + len(found)]
    assert said[4].id in found
    assert 1 < len(found) < 9
    assert content["left_out"] == 9 - len(found)
    assert reached == ["evidence_bytes"]


async def test_what_is_reported_is_never_cut(peers: Peers, make: Make, reached: list[str]) -> None:
    """Nobody can write so much that what they wrote first is not seen."""
    taker = await make(replace(BOUNDS, size=10))
    await peers.say("ann", "bob", "before")
    said = await peers.say("ann", "bob", "\N{PILE OF POO}" * 4_000)
    for number in range(20):
        await peers.edit("ann", said.id, f"{number}" + "\N{PILE OF POO}" * 3_990)
    content = read((await taker.take_message("bob", said.id, None)).snapshots)
    (only,) = content[EvidenceKind.MESSAGES]["messages"]
    assert len(only["versions"]) == 20
    assert only["versions"][0]["text"] == "\N{PILE OF POO}" * 4_000
    assert content[EvidenceKind.MESSAGES]["left_out"] == 1
    assert reached == ["evidence_bytes"]


async def test_more_than_a_call_can_bring_is_asked_for_in_part(
    peers: Peers, taker: EvidenceTaker, between: dict[str, Proxy]
) -> None:
    """Farther messages count less than that there is evidence at all."""
    said = [await peers.say("ann", "bob", str(number)) for number in range(30)]
    too_large = 2

    async def refuse(forward: Forward) -> bytes:
        nonlocal too_large
        too_large -= 1
        if too_large >= 0:
            metadata = grpc.aio.Metadata()
            code = grpc.StatusCode.RESOURCE_EXHAUSTED
            raise grpc.aio.AioRpcError(code, metadata, metadata, "larger than max")
        return await forward()

    between["messaging"].interfering["ListEvidence"] = refuse
    seen = await taker.take_message("bob", said[14].id, None)
    words = read(seen.snapshots)[EvidenceKind.MESSAGES]
    assert texts(words) == [str(number) for number in range(9, 20)]
    assert words["looked_for"] == {"before": 5, "after": 5}


async def test_a_flood_waits_for_its_turn_and_no_longer_than_it_may(
    peers: Peers, make: Make, between: dict[str, Proxy], reached: list[str]
) -> None:
    """Few look at the same time; who has waited for half of the time there is is refused."""
    taker = await make(replace(BOUNDS, takings=2))
    said = await peers.say("ann", "bob")
    under_way = most = 0

    async def count(forward: Forward) -> bytes:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        try:
            return await forward()
        finally:
            under_way -= 1

    between["messaging"].interfering["ListEvidence"] = count
    await asyncio.gather(*(taker.take_message("bob", said.id, 30) for _ in range(20)))
    assert most == 2
    assert set(reached) == {"evidence_takings"}
    between["messaging"].interfering["ListEvidence"] = hang
    slow = [asyncio.create_task(refusal(taker.take_message("bob", said.id, 5))) for _ in range(2)]
    await eventually(lambda: between["messaging"].asked.count("ListEvidence") == 22)
    found = await refusal(taker.take_message("bob", said.id, 0.1))
    assert found == Reason.MESSAGING_UNAVAILABLE
    assert between["messaging"].asked.count("ListEvidence") == 22
    for task in slow:
        task.cancel()
    await asyncio.wait(slow)
    # And gives its turn back.
    between["messaging"].interfering.clear()
    await taker.take_message("bob", said.id, 30)


async def test_many_reports_at_once_are_all_seen(peers: Peers, taker: EvidenceTaker) -> None:
    """A flood over one connection."""
    await peers.agree()
    said = [await peers.say("ann", "bob", str(number)) for number in range(20)]
    seen = await asyncio.gather(
        *(taker.take_message("bob", one.id, 30) for one in said for _ in range(5))
    )
    for message, one in zip((one for one in said for _ in range(5)), seen, strict=True):
        written = find_written((shot.content for shot in one.snapshots), message.id)
        assert written.author == "ann"
    assert all(len(one.snapshots) == 2 for one in seen)
