"""Texts of a deal under moderation: reported, evidence, removed for both, and shown again."""

from typing import Any

import pytest
from parley.moderation.v1 import moderation_pb2 as pb

from parley_protocol.packets import Op
from tests.support.client import Client
from tests.support.moderator import Moderator, measure
from tests.support.system import System
from tests.system.conftest import Connect
from tests.system.deals import Deal, Party, euros
from tests.system.scenes import Scene

SLUR = "You filthy swindler"


async def bargain(scene: Scene) -> Deal:
    """Alice proposes under a title; Bob names a price with a slur, and there are other texts."""
    deal = Deal(Party(scene.alice), Party(scene.bob), scene.conversation)
    await deal.offer()
    price = {"service": deal.service, "price": euros(13_000), "base_offer": 1}
    await deal.bob.do(Op.PRICE_EDITED, **price, note=SLUR)
    return deal


async def shown(client: Client, conversation: str) -> str:
    """All that somebody is shown when they ask: the list with the deal, and the messages."""
    listed = await client.ask(Op.ASK_CONVERSATIONS)
    found = [one for one in listed["d"]["conversations"] if one["conversation"] == conversation]
    page = await client.ask(Op.ASK_MESSAGES, {"conversation": conversation, "limit": 200})
    return f"{found}{page['d']['messages']}"


async def report(client: Client, message: str) -> None:
    reply = await client.ask(Op.REPORT_MSG, {"message": message, "reason": "harassment"})
    assert reply["op"] == Op.REPORT_STATUS, reply


async def evidence(moderator: Moderator, case: str) -> str:
    """All that was seen when a case was reported."""
    found = await moderator.call("GetCase", pb.GetCaseRequest(case_id=case))
    return "".join(str(one.content) for one in found.case.evidence)


async def told(party: Party, cause: str, text: str) -> None:
    """Wait until a push for this cause has come; it does not bear the text."""
    assert text not in str(await party.told(cause))


async def test_the_note_of_a_price_is_reported_and_removed(
    scene: Scene,
    moderator: Moderator,
    moderated_system: System,
    connect: Connect,
    alice: str,
    bob: str,
) -> None:
    """The evidence has it, as the reporter was shown it; it goes from the deal of both, live and
    after a resume, and comes back when the sanction is lifted.
    """
    deal = await bargain(scene)
    before = scene.alice.cursor or scene.alice.hello["d"]["cur"]
    message = await deal.alice.event("countered")
    assert SLUR in await shown(scene.alice, deal.conversation)
    await report(scene.alice, message["message"])
    case = await moderator.claim(bob)
    assert SLUR in await evidence(moderator, case.id)
    await moderator.impose(case, "message_removed")
    for party in (deal.alice, deal.bob):
        await told(party, "text_removed", SLUR)
        assert SLUR not in await shown(party.client, deal.conversation)
    later = await connect(moderated_system, alice, resume=before)
    await later.expect(Op.RESUMED)
    assert SLUR not in str(later.packets)
    await moderator.lift(bob)
    for party in (deal.alice, deal.bob):
        restored = await party.told("text_restored")
        assert restored["offer"]["note"] == SLUR
        assert SLUR in await shown(party.client, deal.conversation)


async def test_the_title_goes_from_every_event(
    scene: Scene, moderator: Moderator, alice: str
) -> None:
    """The title and the description come with the creation, and each event repeats the title."""
    deal = Deal(Party(scene.alice), Party(scene.bob), scene.conversation)
    await deal.offer(title=SLUR, description=f"{SLUR}, in full")
    created = await deal.bob.event("created")
    price = {"service": deal.service, "price": euros(13_000), "base_offer": 1}
    await deal.bob.do(Op.PRICE_EDITED, **price)
    await deal.bob.event("countered")
    await report(scene.bob, created["message"])
    await moderator.decide(alice, "message_removed")
    for party in (deal.alice, deal.bob):
        await told(party, "text_removed", SLUR)
        changed = await party.client.expect(Op.MSG_CHANGED, change="edited")
        assert changed["d"]["event"]["title"] == ""
        assert SLUR not in await shown(party.client, deal.conversation)
    await moderator.lift(alice)
    for party in (deal.alice, deal.bob):
        assert (await party.told("text_restored"))["title"] == SLUR
        changed = await party.client.expect(Op.MSG_CHANGED, change="edited")
        assert changed["d"]["event"]["title"] == SLUR


@pytest.mark.parametrize("text", ["note", "reason"])
async def test_what_is_said_at_the_end_is_removed(
    scene: Scene, moderator: Moderator, bob: str, text: str
) -> None:
    """The comment of a revealed note, and the reason of a step."""
    deal = Deal(Party(scene.alice), Party(scene.bob), scene.conversation)
    await deal.agree()
    service: dict[str, Any] = {"service": deal.service}
    said = {"reason": SLUR} if text == "reason" else {}
    await deal.bob.do(Op.SERVICE_TERMINATED, **service, outcome="delivered", **said)
    await deal.alice.do(Op.SERVICE_TERMINATED, **service, outcome="completed")
    if text == "note":
        await deal.bob.do(Op.NOTE_SUBMITTED, **service, score=1, comment=SLUR)
        await deal.alice.do(Op.NOTE_SUBMITTED, **service, score=5, comment="Fine")
    message = await deal.alice.event("notes_revealed" if text == "note" else "delivered")
    assert SLUR in await shown(scene.alice, deal.conversation)
    await report(scene.alice, message["message"])
    case = await moderator.claim(bob)
    assert SLUR in await evidence(moderator, case.id)
    await moderator.impose(case, "message_removed")
    for party in (deal.alice, deal.bob):
        await told(party, "text_removed", SLUR)
        left = await shown(party.client, deal.conversation)
        assert SLUR not in left
        assert text != "note" or "Fine" in left


async def test_of_revealed_notes_each_is_removed_alone(
    scene: Scene, moderator: Moderator, alice: str, bob: str
) -> None:
    """Both report what was revealed, so both are accused; a decision removes the note of either,
    and the end of one sanction shows that note alone.
    """
    deal = Deal(Party(scene.alice), Party(scene.bob), scene.conversation)
    await deal.agree()
    await deal.complete()
    notes = {alice: "A lazy fool", bob: SLUR}
    await deal.bob.do(Op.NOTE_SUBMITTED, service=deal.service, score=1, comment=notes[bob])
    await deal.alice.do(Op.NOTE_SUBMITTED, service=deal.service, score=1, comment=notes[alice])
    for party in (deal.alice, deal.bob):
        await report(party.client, (await party.event("notes_revealed"))["message"])
    case = await moderator.claim(bob)
    assert {*case.accused} == {alice, bob}
    measures = []
    for user in (alice, bob):
        made = measure("message_removed", user)
        made.user = user
        measures.append(made)
    await moderator.call(
        "DecideCase",
        pb.DecideCaseRequest(
            case_id=case.id,
            version=case.version,
            verdict=pb.VERDICT_VIOLATION,
            measures=measures,
        ),
    )
    for party in (deal.alice, deal.bob):
        for _ in (alice, bob):
            await party.told("text_removed")
        left = await shown(party.client, deal.conversation)
        assert not [one for one in notes.values() if one in left]
    await moderator.lift(alice)
    for party in (deal.alice, deal.bob):
        await party.told("text_restored")
        left = await shown(party.client, deal.conversation)
        assert [one for one in notes.values() if one in left] == [notes[alice]]


async def test_a_statement_in_a_dispute_is_reported_and_removed(
    scene: Scene,
    moderator: Moderator,
    moderated_system: System,
    connect: Connect,
    alice: str,
    bob: str,
) -> None:
    """The evidence has the dispute; the text goes from it for both, live, in pages and after a
    resume, and comes back when the sanction is lifted.
    """
    deal = Deal(Party(scene.alice), Party(scene.bob), scene.conversation)
    await deal.agree()
    before = scene.alice.cursor or scene.alice.hello["d"]["cur"]
    d = {"service": deal.service, "reason": "quality", "statement": "It drips."}
    opened = (await scene.alice.ask(Op.LITIGE_CREATED, d))["d"]["dispute"]
    if opened["state"] == "pending_hold":
        await change_of_dispute(scene.alice, "hold_placed")
    about = {"dispute": opened["dispute"]}
    await scene.bob.ask(Op.LITIGE_STATEMENT, {**about, "text": SLUR})
    said = (await change_of_dispute(scene.alice, "stated"))["statements"][-1]
    assert (said["text"], said["number"]) == (SLUR, 2)
    reply = await scene.alice.ask(
        Op.REPORT_STATEMENT, {**about, "number": 2, "reason": "harassment"}
    )
    assert reply["d"]["subject"] == {"conversation": scene.conversation, **about, "number": 2}
    case = await moderator.claim(bob)
    assert SLUR in await evidence(moderator, case.id)
    await moderator.impose(case, "statement_removed")
    for client in (scene.alice, scene.bob):
        removed = (await change_of_dispute(client, "statement_removed"))["statements"][-1]
        assert (removed["text"], removed["removed"]) == ("", True)
        for asked in (Op.ASK_DISPUTE, Op.ASK_DISPUTES, Op.ASK_CONVERSATIONS):
            answer = await client.ask(asked, about if asked is Op.ASK_DISPUTE else {})
            assert opened["dispute"] in str(answer)
            assert SLUR not in str(answer)
    sanction = (await scene.bob.expect(Op.SANCTION))["d"]
    assert (sanction["kind"], sanction["dispute"], sanction["number"]) == (
        "statement_removed",
        opened["dispute"],
        2,
    )
    later = await connect(moderated_system, alice, resume=before)
    await later.expect(Op.RESUMED)
    assert opened["dispute"] in str(later.packets)
    assert SLUR not in str(later.packets)
    await moderator.lift(bob)
    for client in (scene.alice, scene.bob):
        restored = (await change_of_dispute(client, "statement_restored"))["statements"][-1]
        assert restored["text"] == SLUR
        assert "removed" not in restored


async def change_of_dispute(client: Client, cause: str) -> Any:
    """The dispute as it was pushed for this cause."""
    packet = await client.take(
        lambda one: (
            one["op"] == Op.UPDATE_CONVERSATION_DATAS
            and "re" not in one
            and one["d"]["cause"] == cause
        )
    )
    return packet["d"]["dispute"]
