"""The memory of what was shown: bounded, and found by conversation and by person."""

from typing import Any

from parley_client.memory import Memory
from parley_protocol.objects import Kind
from parley_protocol.packets import Op
from tests.parley_client.payloads import CONVERSATION, DEAL, DISPUTE, MESSAGE


def listed(*conversations: dict[str, Any]) -> dict[str, Any]:
    return {"conversations": list(conversations)}


def deal(service: str, **more: Any) -> dict[str, Any]:
    return {**DEAL, "service": service, **more}


def test_a_conversation_is_put_together_from_what_was_shown() -> None:
    """The list, and what was pushed since."""
    memory = Memory("cleo", 100)
    memory.take(Op.RETURN_CONVERSATIONS, listed(CONVERSATION))
    second = {**MESSAGE, "message": "m2", "seq": 2, "text": "Are you there?"}
    alert = {"conversation": "c1", "message": second, "unread": 2, "conversation_version": 2}
    memory.take(Op.ALERT_NEW_MSG, alert)
    seen = {"conversation": "c1", "message": "m9", "seq": 9, "reader": "pat"}
    memory.take(Op.MSG_SEEN, seen)
    shown = memory.conversation("c1")
    assert shown is not None
    assert shown.last_message is not None
    assert (shown.last_message.text, shown.unread) == ("Are you there?", 2)
    assert (shown.read_up_to, shown.peer_read_up_to, shown.peer_delivered_up_to) == (0, 9, 9)
    assert shown.deal is not None
    assert shown.deal.service == "s1"
    assert (shown.blocked, shown.presence) == (True, None)


def test_a_conversation_of_which_parts_were_shown_is_not_known() -> None:
    """An alert does not say who takes part."""
    memory = Memory("cleo", 100)
    alert = {"conversation": "c1", "message": MESSAGE, "unread": 1, "conversation_version": 1}
    memory.take(Op.ALERT_NEW_MSG, alert)
    assert memory.conversation("c1") is None
    assert memory.message("m1") is not None
    assert memory.message("m7") is None


def test_the_deal_of_a_conversation_is_the_open_one_or_else_the_latest() -> None:
    """In whatever order they were shown."""
    memory = Memory("cleo", 100)
    early, late = "2026-01-01T10:00:00.000Z", "2026-02-01T10:00:00.000Z"
    ended = [
        deal("a", state="closed", created_at=late),
        deal("b", state="completed", created_at=early),
    ]
    memory.take(Op.RETURN_SERVICES, {"services": ended})
    found = memory.deal_of("c1")
    assert found is not None
    assert found.service == "a"
    opened = deal("c", state="agreed", created_at=early)
    memory.take(Op.RETURN_SERVICES, {"services": [opened]})
    found = memory.deal_of("c1")
    assert found is not None
    assert found.service == "c"
    assert memory.deal_of("c2") is None


def test_a_dispute_has_the_decimals_of_its_deal_where_that_is_known() -> None:
    """Else its price is written in minor units."""
    memory = Memory("cleo", 100)
    memory.take(Op.RETURN_DISPUTES, {"disputes": [DISPUTE]})
    before = memory.dispute("d1")
    assert before is not None
    assert str(before.price) == "12050 minor units of EUR"
    memory.take(Op.RETURN_SERVICES, {"services": [DEAL]})
    after = memory.dispute("d1")
    assert after is not None
    assert str(after.price) == "120.50 EUR"


def test_a_conversation_is_found_by_the_person_and_the_subject() -> None:
    """Those with another subject are other ones."""
    memory = Memory("cleo", 100)
    roof = {**CONVERSATION, "conversation": "c2", "subject": "Roof"}
    memory.take(Op.RETURN_CONVERSATIONS, listed(CONVERSATION, roof))
    assert memory.find_conversation("pat", None) == "c1"
    assert memory.find_conversation("pat", "Roof") == "c2"
    assert memory.find_conversation("pat", "Wall") is None
    assert memory.find_conversation("cleo", None) is None


def test_no_more_is_remembered_than_the_limit_says() -> None:
    """The last that was shown stays, whatever its kind, and nothing points to what is forgotten."""
    memory = Memory("cleo", 6)
    for number in range(50):
        name = f"c{number}"
        message = {**MESSAGE, "message": f"m{number}", "conversation": name}
        shown = {**CONVERSATION, "conversation": name, "last_message": message}
        memory.take(
            Op.RETURN_CONVERSATIONS,
            listed({**shown, "service": deal(f"s{number}", conversation=name), "dispute": None}),
        )
        assert len(memory) <= 6
    assert memory.of(Kind.SERVICE, "s49") is not None
    assert memory.of(Kind.SERVICE, "s0") is None
    assert memory.deal_of("c0") is None
    assert memory.find_conversation("pat", None) in {None, "c49"}
    memory.clear()
    assert (len(memory), memory.deal_of("c49"), memory.conversation("c49")) == (0, None, None)


def test_what_is_told_of_again_is_not_forgotten_first() -> None:
    """A conversation that goes on outlives the messages in it."""
    memory = Memory("cleo", 12)
    bare = {**CONVERSATION, "service": None, "dispute": None, "block": None, "last_message": None}
    memory.take(Op.RETURN_CONVERSATIONS, listed(bare))
    for seq in range(1, 40):
        message = {**MESSAGE, "message": f"m{seq}", "seq": seq}
        alert = {"message": message, "unread": seq, "conversation_version": 1 + seq}
        memory.take(Op.ALERT_NEW_MSG, {"conversation": "c1", **alert})
    shown = memory.conversation("c1")
    assert shown is not None
    assert shown.last_message is not None
    assert (shown.unread, shown.last_message.seq) == (39, 39)
