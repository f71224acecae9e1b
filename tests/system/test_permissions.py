"""Every packet of a client, against everything that may restrict its user, and with every role."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

import pytest
from websockets.exceptions import InvalidStatus

from parley_protocol.packets import Op
from tests.support.client import Client
from tests.support.inbox import Packet
from tests.support.moderator import Moderator
from tests.support.system import System
from tests.system.conftest import Connect, SystemOn

ROLES = [[], ["moderator"], ["auditor", "data_protection"]]
_EUROS = {"amount_minor": 12_000, "currency": "EUR"}
_SETTLEMENT = {"provider_minor": 12_000, "client_minor": 0}


@pytest.fixture
def moderated_system(kind: str, moderated_system_on: SystemOn) -> System:
    """The system of all tests here, on either database."""
    return moderated_system_on(kind)


class Place:
    """Bob's message to Alice, and their deal, for packets to name."""

    def __init__(self, conversation: str, message: str, service: str, token: str) -> None:
        self.conversation, self.message = conversation, message
        self.service, self.token = service, token


# Each packet with what it says of a place, and whether it writes.
PACKETS: Mapping[Op, tuple[bool, Callable[[Place], Packet]]] = {
    Op.PONG: (False, lambda _: {}),
    Op.ASK_CONVERSATIONS: (False, lambda _: {}),
    Op.CREATE_MSG: (True, lambda at: {"conversation": at.conversation, "text": "x"}),
    Op.OPENED_CONVERSATION: (False, lambda at: {"conversation": at.conversation}),
    Op.ASK_MESSAGES: (False, lambda at: {"conversation": at.conversation}),
    Op.RESUME: (False, lambda _: {"cur": ""}),
    Op.RENEW_TOKEN: (False, lambda at: {"token": at.token}),
    Op.ASK_BLOCKS: (False, lambda _: {}),
    Op.ASK_SERVICES: (False, lambda at: {"conversation": at.conversation}),
    Op.ASK_SERVICE: (False, lambda at: {"service": at.service}),
    Op.ASK_SERVICE_EVENTS: (False, lambda at: {"service": at.service}),
    Op.ASK_REPORTS: (False, lambda _: {}),
    Op.ASK_APPEALS: (False, lambda _: {}),
    Op.ASK_DISPUTES: (False, lambda at: {"service": at.service}),
    Op.ASK_DISPUTE: (False, lambda _: {"dispute": str(uuid4())}),
    Op.ASK_STANDING: (False, lambda _: {}),
    Op.TYPING: (True, lambda at: {"conversation": at.conversation, "typing": True}),
    Op.EDIT_MSG: (True, lambda at: {"message": at.message, "text": "y"}),
    Op.DELETE_MSG: (True, lambda at: {"message": at.message}),
    # To keep somebody off is no writing.
    Op.BLOCK_USER: (False, lambda _: {"user": "nobody", "blocked": True}),
    Op.SERVICE_CREATED: (
        True,
        lambda at: {
            "conversation": at.conversation,
            "role": "client",
            "title": "Tap",
            "price": _EUROS,
        },
    ),
    Op.NOTE_SUBMITTED: (True, lambda at: {"service": at.service, "score": 5, "comment": "x"}),
    Op.LITIGE_CREATED: (
        False,
        lambda at: {"service": at.service, "reason": "quality", "statement": "x"},
    ),
    Op.SERVICE_TERMINATED: (
        True,
        lambda at: {"service": at.service, "outcome": "delivered", "reason": "x"},
    ),
    Op.PRICE_EDITED: (
        True,
        lambda at: {"service": at.service, "price": _EUROS, "base_offer": 0},
    ),
    Op.NEGOTIATION_END: (
        True,
        lambda at: {"service": at.service, "outcome": "agreed", "offer": 1, "price": _EUROS},
    ),
    Op.APPEAL: (False, lambda _: {"decision": str(uuid4()), "text": "x"}),
    Op.LITIGE_STATEMENT: (
        False,
        lambda _: {"dispute": str(uuid4()), "settlement": _SETTLEMENT},
    ),
    Op.REPORT_CONVERSATIONS: (
        False,
        lambda at: {"conversation": at.conversation, "reason": "spam"},
    ),
    Op.REPORT_MSG: (False, lambda at: {"message": at.message, "reason": "spam"}),
    Op.REPORT_STATEMENT: (
        False,
        lambda _: {"dispute": str(uuid4()), "number": 1, "reason": "spam"},
    ),
}

# What only ends or carries out a deal, without a word: it is forbidden to nobody.
SILENT: Mapping[Op, Callable[[Place], Packet]] = {
    Op.SERVICE_TERMINATED: lambda at: {"service": at.service, "outcome": "delivered"},
    Op.NOTE_SUBMITTED: lambda at: {"service": at.service, "score": 5},
    Op.NEGOTIATION_END: lambda at: {"service": at.service, "outcome": "declined", "offer": 1},
}


def test_the_matrix_leaves_out_no_packet() -> None:
    """A packet that is added makes this fail, and someone decide whether it writes."""
    assert set(PACKETS) == {op for op in Op if op.from_client is not None}


async def _scene(
    system: System, connect: Connect, alice: str, bob: str, roles: list[str]
) -> tuple[Client, Place]:
    """Bob, with these roles, has written to Alice and agreed with her."""
    token = system.token(bob, roles=roles)
    first = await connect(system, alice)
    second = await connect(system, bob, token=token)
    stored = await second.write(alice, "Buy now")
    await first.expect(Op.ALERT_NEW_MSG)
    conversation = stored["conversation"]
    offer: dict[str, Any] = {"role": "client", "title": "Tap", "price": _EUROS}
    made = await first.ask(Op.SERVICE_CREATED, {"conversation": conversation, **offer})
    service = made["d"]["service"]["service"]
    agreement = {"service": service, "outcome": "agreed", "offer": 1, "price": _EUROS}
    await second.ask(Op.NEGOTIATION_END, agreement)
    return second, Place(conversation, stored["message"], service, token)


@pytest.mark.parametrize("roles", ROLES, ids=str)
@pytest.mark.parametrize("kind", [None, "warning", "muted", "conversation_locked"])
async def test_who_is_restricted_does_what_the_sanction_allows(
    moderated_system: System,
    connect: Connect,
    moderator: Moderator,
    alice: str,
    bob: str,
    kind: str | None,
    roles: list[str],
) -> None:
    """Writing is refused to the muted, and to both in a locked conversation, whether the
    edge knows that the packet is about it or a service does; nothing else is. No role helps.
    """
    client, place = await _scene(moderated_system, connect, alice, bob, roles)
    if kind is not None:
        await moderator.report(place.message, alice)
        await moderator.decide(bob, kind)
        await client.expect(Op.SANCTION, kind=kind)
    sent = [(op, writes, payload) for op, (writes, payload) in PACKETS.items()]
    sent += [(op, False, payload) for op, payload in SILENT.items()]
    for op, writes, payload in sent:
        await client.send(op, payload(place), id=op.name)
        if op.answer is None:
            # There is none, but when it is refused.
            await client.settle()
            replies = [one for one in client.packets if one.get("re") == op.name]
        else:
            replies = [await client.take_reply(op.name)]
        assert {one["op"] for one in replies} <= {op.answer, Op.ERROR}
        codes = {one["d"]["code"] for one in replies if one["op"] == Op.ERROR}
        forbidden = writes and kind in {"muted", "conversation_locked"}
        assert not codes & {"INTERNAL", "UNAVAILABLE", "DEADLINE_EXCEEDED"}, (op, replies)
        if not forbidden:
            assert "SANCTIONED" not in codes, (op, replies)
        elif codes != {"SANCTIONED"}:
            # Where the state of a service allows it to nobody, negotiation says that first.
            assert (op, codes) == (Op.NOTE_SUBMITTED, {"INVALID_STATE"})
            assert kind == "conversation_locked"
        else:
            (sanction,) = replies[0]["d"]["current"]["sanctions"]
            assert sanction["kind"] == kind


@pytest.mark.parametrize("roles", ROLES, ids=str)
@pytest.mark.parametrize("kind", ["suspended", "banned"])
async def test_who_is_excluded_does_nothing(
    moderated_system: System,
    connect: Connect,
    moderator: Moderator,
    alice: str,
    bob: str,
    kind: str,
    roles: list[str],
) -> None:
    """Every packet that is sent in the same moment is lost with the socket; no role helps."""
    client, place = await _scene(moderated_system, connect, alice, bob, roles)
    await moderator.report(place.message, alice)
    await moderator.decide(bob, kind)
    await client.expect(Op.SANCTION, kind=kind)
    assert await client.closed() == 4403
    assert not [one for one in client.packets if "re" in one]
    with pytest.raises(InvalidStatus) as refusal:
        await Client.open(moderated_system.url, place.token)
    assert refusal.value.response.status_code == 403
