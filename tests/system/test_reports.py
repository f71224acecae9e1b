"""Reports of messages and conversations, through real processes and sockets."""

import json

import pytest

from parley_protocol.packets import Op
from tests.support.inbox import Packet
from tests.support.moderator import FACTS, Moderator
from tests.support.system import System
from tests.system.conftest import Connect
from tests.system.scenes import Scene


async def test_the_reporter_learns_what_became_of_a_report(
    scene: Scene, moderator: Moderator, alice: str, bob: str
) -> None:
    """Received, in review, actioned; the same key reports once. The reported learns of a warning,
    and nothing of who reported."""
    told = await scene.report(idempotency_key="one")
    assert (told["status"], told["duplicate"]) == ("received", False)
    assert told["subject"] == {"conversation": scene.conversation, "message": scene.message}
    again = await scene.report(idempotency_key="one")
    assert (again["report"], again["duplicate"]) == (told["report"], True)
    await moderator.decide(bob, "warning")
    for status in ("in_review", "actioned"):
        news = await scene.alice.expect(Op.REPORT_STATUS, report=told["report"], status=status)
        assert "cur" in news
    warned = await scene.bob.expect(Op.SANCTION, kind="warning")
    assert warned["d"]["statement"]["facts"] == FACTS
    assert alice not in json.dumps(warned)
    # A warning restricts nothing.
    assert (await scene.bob.write(alice, "Sorry"))["status"] == "stored"


async def test_a_conversation_is_reported(scene: Scene) -> None:
    """The other half of the two; whoever has no part in it is told that it does not exist."""
    d = {"conversation": scene.conversation, "reason": "other", "comment": "odd"}
    reply = await scene.alice.ask(Op.REPORT_CONVERSATIONS, d)
    assert (reply["op"], reply["d"]["status"]) == (Op.REPORT_STATUS, "received")
    assert "message" not in reply["d"]["subject"]
    unknown = await scene.alice.ask(
        Op.REPORT_MSG, {"message": scene.conversation, "reason": "spam"}
    )
    assert unknown["d"]["code"] == "NOT_FOUND"
    wordless = await scene.alice.ask(Op.REPORT_CONVERSATIONS, {**d, "comment": ""})
    assert wordless["d"]["fields"][0]["field"] == "comment"


@pytest.mark.parametrize(
    ("op", "d", "field"),
    [
        (Op.REPORT_MSG, {"reason": "spam"}, ""),
        (Op.REPORT_MSG, {"message": 7, "reason": "spam"}, "message"),
        (Op.REPORT_MSG, {"message": "m" * 129, "reason": "spam"}, "message"),
        (Op.REPORT_MSG, {"message": "m", "reason": "boredom"}, "reason"),
        (Op.REPORT_MSG, {"message": "m", "reason": "spam", "comment": 7}, "comment"),
        (
            Op.REPORT_MSG,
            {"message": "m", "reason": "spam", "idempotency_key": ""},
            "idempotency_key",
        ),
        (Op.REPORT_CONVERSATIONS, {"conversation": [], "reason": "spam"}, "conversation"),
        (Op.REPORT_CONVERSATIONS, {"conversation": "c", "reason": None}, "reason"),
        (Op.APPEAL, {"decision": "", "text": "x"}, "decision"),
        (Op.APPEAL, {"decision": "d"}, ""),
    ],
)
async def test_a_field_at_fault_is_named(
    moderated_system: System, connect: Connect, alice: str, op: int, d: Packet, field: str
) -> None:
    """INVALID_ARGUMENT, and nothing is reported."""
    client = await connect(moderated_system, alice)
    reply = await client.ask(op, d)
    assert (reply["op"], reply["d"].get("code")) == (Op.ERROR, "INVALID_ARGUMENT"), reply
    assert [one["field"] for one in reply["d"]["fields"]] == [field]


@pytest.mark.parametrize(
    "comment", ["<script>alert(1)</script>", "a\u202eb\u2066c", "\u0000", "x" * 2_001, "\ufffe" * 9]
)
async def test_a_hostile_comment_harms_nobody(scene: Scene, comment: str) -> None:
    """It is kept as it is, or refused by its field; the message can be reported all the same."""
    reply = await scene.alice.ask(
        Op.REPORT_MSG, {"message": scene.message, "reason": "spam", "comment": comment}
    )
    if reply["op"] == Op.ERROR:
        assert [one["field"] for one in reply["d"]["fields"]] == ["comment"]
        reply = await scene.alice.ask(Op.REPORT_MSG, {"message": scene.message, "reason": "spam"})
    assert (reply["op"], reply["d"]["status"]) == (Op.REPORT_STATUS, "received")


async def test_a_flood_of_reports_is_told_when_to_come_back(scene: Scene, alice: str) -> None:
    """Beyond the limits each is refused by name; what was reported stays reported."""
    replies = []
    for number in range(25):
        stored = await scene.bob.write(alice, f"{number}")
        report = {"message": stored["message"], "reason": "spam"}
        replies.append(await scene.alice.ask(Op.REPORT_MSG, report))
    assert {one["op"] for one in replies[:20]} == {Op.REPORT_STATUS}
    for reply in replies[20:]:
        assert reply["op"] == Op.ERROR, reply
        if reply["d"]["code"] == "RATE_LIMITED":
            assert reply["d"]["retry_after_ms"] > 0
        else:
            assert reply["d"]["reason"] == "TOO_MANY_OPEN_REPORTS"
