"""Deals of those whom a sanction restricts: what time waits for is left to them, and no word."""

import asyncio
from http import HTTPStatus

import pytest

from parley_protocol.packets import Op
from tests.support.inbox import Packet
from tests.support.moderator import Moderator
from tests.support.system import System
from tests.support.waiting import PATIENCE, eventually
from tests.system.conftest import Connect
from tests.system.deals import Deal, Party, euros
from tests.system.scenes import Scene
from tests.system.test_appeals import ask_over_http
from tests.system.test_sanctions import refused

LEFT = ["decline", "deliver", "request_cancellation", "open_dispute"]


async def agree(scene: Scene) -> Deal:
    """Alice and Bob have agreed; Bob, who has been reported, works."""
    deal = Deal(Party(scene.alice), Party(scene.bob), scene.conversation)
    await deal.agree()
    await deal.alice.do(Op.PRICE_EDITED, service=deal.service, price=euros(11_000), base_offer=0)
    await scene.report()
    return deal


async def shown_over_http(system: System, user: str) -> Packet:
    """The one deal of somebody, when negotiation has heard of the sanction."""
    async with asyncio.timeout(PATIENCE):
        while True:
            status, listed = await ask_over_http(system, "GET", "/services", user)
            if status == HTTPStatus.TOO_MANY_REQUESTS:
                await asyncio.sleep(listed["retry_after_ms"] / 1000)
                continue
            assert status == HTTPStatus.OK
            (shown,) = listed["services"]
            if shown["allowed_actions"] == LEFT:
                found: Packet = shown
                return found


@pytest.mark.parametrize("kind", ["muted", "conversation_locked"])
async def test_who_may_not_write_carries_out_what_was_agreed(
    scene: Scene, moderator: Moderator, bob: str, kind: str
) -> None:
    """Without a word. What is shown offers this, and nothing that is refused."""
    deal = await agree(scene)
    await moderator.decide(bob, kind)
    await scene.bob.expect(Op.SANCTION, kind=kind)
    service = {"service": deal.service}
    promise = {**service, "outcome": "agreed", "offer": 2, "price": euros(11_000)}
    shown = (await refused(scene.bob, Op.NEGOTIATION_END, promise))["current"]
    assert shown["sanctions"]
    await refused(scene.bob, Op.PRICE_EDITED, {**service, "price": euros(1), "base_offer": 2})
    said = {**service, "outcome": "delivered", "reason": "Take it, idiot."}
    await refused(scene.bob, Op.SERVICE_TERMINATED, said)

    async def listed() -> list[str]:
        answer = await scene.bob.ask(Op.ASK_CONVERSATIONS)
        (conversation,) = answer["d"]["conversations"]
        actions: list[str] = conversation["service"]["allowed_actions"]
        return actions

    # Negotiation hears of the sanction by itself, in its own time.
    await eventually(listed, LEFT.__eq__)
    declined = await deal.bob.do(Op.NEGOTIATION_END, **service, outcome="declined", offer=2)
    assert declined["allowed_actions"] == ["deliver", "request_cancellation", "open_dispute"]
    delivered = await deal.bob.do(Op.SERVICE_TERMINATED, **service, outcome="delivered")
    assert delivered["state"] == "delivered"
    await deal.alice.told("delivered")
    await deal.alice.do(Op.SERVICE_TERMINATED, **service, outcome="completed")
    rated = {**service, "score": 1}
    await refused(scene.bob, Op.NOTE_SUBMITTED, {**rated, "comment": "Never again."})
    assert (await deal.bob.do(Op.NOTE_SUBMITTED, **rated))["notes"]["mine"]["score"] == 1


@pytest.mark.parametrize("kind", ["suspended", "banned"])
async def test_who_has_no_socket_carries_out_what_was_agreed_over_http(
    scene: Scene, moderator: Moderator, moderated_system: System, bob: str, kind: str
) -> None:
    """The provider sees the deal, delivers and opens a dispute; the other is told each."""
    system, deal = moderated_system, await agree(scene)
    await moderator.decide(bob, kind)
    assert await scene.bob.closed() == 4403
    shown = await shown_over_http(system, bob)
    assert shown["service"] == deal.service
    stale = {"service": deal.service, "outcome": "declined", "offer": 7}
    status, problem = await ask_over_http(system, "POST", "/packets/negotiation-end", bob, stale)
    assert (status, problem["reason"]) == (409, "stale_offer")
    path, done = "/packets/service-terminated", {"service": deal.service, "outcome": "delivered"}
    status, problem = await ask_over_http(system, "POST", path, bob, {**done, "reason": "There."})
    assert (status, problem["reason"]) == (400, "invalid_argument")
    status, answer = await ask_over_http(system, "POST", path, bob, done)
    assert (status, answer["cause"], answer["service"]["state"]) == (200, "delivered", "delivered")
    await deal.alice.told("delivered")
    status, problem = await ask_over_http(system, "POST", path, bob, done)
    assert (status, problem["reason"]) == (409, "invalid_state")
    assert problem["current"]["state"] == "delivered"
    opening = {"service": deal.service, "reason": "payment", "statement": "It works."}
    status, answer = await ask_over_http(system, "POST", "/packets/litige-created", bob, opening)
    assert status == 200, answer
    dispute = answer["dispute"]
    status, listed = await ask_over_http(system, "GET", "/disputes", bob)
    assert (status, [one["dispute"] for one in listed["disputes"]]) == (200, [dispute["dispute"]])


async def test_the_client_who_is_banned_sends_the_work_back(
    scene: Scene,
    moderator: Moderator,
    moderated_system: System,
    connect: Connect,
    alice: str,
    bob: str,
) -> None:
    """Silence would have completed it."""
    system = moderated_system
    client = Party(await connect(system, bob))
    deal = Deal(client, Party(scene.alice), scene.conversation)
    await deal.agree()
    await deal.bob.do(Op.SERVICE_TERMINATED, service=deal.service, outcome="delivered")
    await scene.report()
    await moderator.decide(bob, "banned")
    done = {"service": deal.service, "outcome": "reopened"}
    status, answer = await ask_over_http(system, "POST", "/packets/service-terminated", bob, done)
    assert (status, answer["service"]["state"]) == (200, "agreed")
    await Party(scene.alice).told("reopened")
    assert alice in {answer["service"]["provider"], answer["service"]["client"]}
