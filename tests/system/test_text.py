"""Texts, subjects and names as people write them, from socket to socket."""

import pytest

from parley_protocol.packets import Op
from tests.support.system import System
from tests.system.conftest import Connect

SUBJECTS = [
    "Ménage\u00a0: 2\u202fh",
    "می\u200cرود",
    "大掃除\u3000二時間",
    "👨\u200d👩\u200d👧 🇫🇷 👍🏽 \U0001fae8",
    "שלום\u200f!",
]


@pytest.mark.parametrize("subprotocol", ["parley.v1.json", "parley.v1.msgpack"])
async def test_subjects_and_titles_are_shown_as_they_were_written(
    shared_deals: System, connect: Connect, alice: str, bob: str, subprotocol: str
) -> None:
    client = await connect(shared_deals, alice, subprotocol=subprotocol)
    for subject in SUBJECTS:
        stored = await client.ask(Op.CREATE_MSG, {"to": bob, "subject": subject, "text": subject})
        assert stored["op"] == Op.STATUS_MSG, stored
        offered = {
            "conversation": stored["d"]["conversation"],
            "role": "provider",
            "title": subject,
            "price": {"amount_minor": 100, "currency": "EUR"},
        }
        reply = await client.ask(Op.SERVICE_CREATED, offered)
        assert reply["op"] == Op.UPDATE_CONVERSATION_DATAS, reply
        assert reply["d"]["service"]["title"] == subject
    listed = (await client.ask(Op.ASK_CONVERSATIONS, {}))["d"]["conversations"]
    assert [one["subject"] for one in listed] == SUBJECTS[::-1]


async def test_one_name_in_two_forms_is_one_person(
    shared_system: System, connect: Connect, alice: str
) -> None:
    """Composed as one keyboard types it, decomposed as another one does, in a token or a packet."""
    composed, decomposed = f"Zo\u00eb {alice}", f"Zoe\u0308 {alice}"
    writer = await connect(shared_system, alice)
    zoe = await connect(shared_system, decomposed)
    assert zoe.hello["d"]["user"] == composed
    for name, subject in ((composed, "Caf\u00e9"), (decomposed, "Cafe\u0301")):
        await writer.write(name, "Hello", subject=subject)
    alerts = [(await zoe.expect(Op.ALERT_NEW_MSG))["d"] for _ in range(2)]
    assert [one["message"]["seq"] for one in alerts] == [1, 2]
    listed = (await zoe.ask(Op.ASK_CONVERSATIONS, {}))["d"]["conversations"]
    assert [one["subject"] for one in listed] == ["Caf\u00e9"]


async def test_null_is_as_good_as_absent(
    shared_system: System, connect: Connect, alice: str, bob: str
) -> None:
    client = await connect(shared_system, alice)
    nothing = {"subject": None, "idempotency_key": None, "conversation": None}
    stored = await client.ask(Op.CREATE_MSG, {"to": bob, "text": "x", **nothing})
    assert stored["op"] == Op.STATUS_MSG, stored
    d = {"conversation": stored["d"]["conversation"], "seq": None}
    assert (await client.ask(Op.OPENED_CONVERSATION, d))["op"] == Op.MSG_SEEN
    d = {"conversation": stored["d"]["conversation"], "before": None, "limit": None}
    assert (await client.ask(Op.ASK_MESSAGES, d))["op"] == Op.RETURN_MESSAGES
    assert (await client.ask(Op.ASK_CONVERSATIONS, None))["op"] == Op.RETURN_CONVERSATIONS
