"""A sanction takes effect on every socket in the turn in which it is told."""

import asyncio
from functools import partial
from typing import Any

import pytest
from parley.messaging.v1 import messaging_pb2 as messaging
from parley.moderation.v1 import moderation_pb2 as pb

from edge.cursors import MODERATION, Position
from edge.handlers.attach import attach
from edge.sessions.requests import Request
from edge.sessions.state import State
from edge.translation.status import TIMED_OUT
from parley_protocol.packets import Activity, Op
from tests.edge.moderated import Moderated, lifted, sanction, sanctioned
from tests.edge.scripted import Service, Start, Stream, Wire, new_session, principal_of
from tests.support.waiting import until

HELLO, ERROR, SANCTION = 0x03, 0x04, 0xFA


@pytest.fixture
def enter(enter: Start, at: Moderated, live: Stream) -> Start:
    """Serve a session of bob as the application does; both services deliver."""
    return partial(enter, on=at.edge, user="bob")


async def hear(wire: Wire) -> tuple[int, str]:
    """The next packet: its op, and the code of an error or the kind of a sanction."""
    packet = await wire.hear()
    return packet["op"], packet["d"].get("code") or packet["d"].get("kind")


async def test_who_is_restricted_is_told_after_hello(enter: Start, at: Moderated) -> None:
    """What restricts, and nothing else; without a cursor, for it is no news."""
    at.service.sanctions["bob"] = [sanction("muted"), sanction("warning", "w")]
    _, wire = await enter()
    told = await wire.hear()
    assert (told["op"], told["d"]["kind"]) == (SANCTION, "muted")
    assert "cur" not in told
    wire.say(Op.CREATE_MSG, {"to": "x", "text": "x"}, 1)
    assert await hear(wire) == (ERROR, "SANCTIONED")


async def test_what_waits_is_refused_and_what_has_left_is_answered(
    enter: Start, at: Moderated, service: Service
) -> None:
    """The batch under way was sent before; those behind it are withdrawn, and only those that the
    sanction forbids. SANCTION comes when all that was written before it is answered.
    """
    _, wire = await enter()
    answers: list[Any] = []
    batcher = at.edge.messaging.create_message
    wire.say(Op.CREATE_MSG, {"conversation": "c", "text": "sent"}, "sent")
    await until(lambda: batcher._in_flight)
    for name in ("c", "d"):
        wire.say(Op.CREATE_MSG, {"conversation": name, "text": "waits"}, name)
    await until(lambda: len(batcher) == 2)
    request = type(batcher._waiting[0].item)(actor="dan", conversation_id="c", text="of another")
    batcher.submit(request, answers.append)
    event = sanctioned("bob", kind="conversation_locked", conversation="c")
    at.tell(11, event)
    assert await hear(wire) == (ERROR, "SANCTIONED")
    wire.say(Op.CREATE_MSG, {"conversation": "c", "text": "too late"}, "late")
    heard = [await wire.hear() for _ in range(4)]
    assert {one["re"] for one in heard[:3]} == {"sent", "d", "late"}
    assert [one["op"] for one in heard].count(Op.STATUS_MSG) == 2
    assert heard[3]["op"] == SANCTION
    await until(lambda: answers)
    assert [one.text for one in service.created] == ["sent", "waits", "of another"]
    assert [one.conversation_id for one in service.created] == ["c", "d", "c"]


async def test_a_change_that_waits_for_the_one_before_is_refused(
    enter: Start, at: Moderated, service: Service
) -> None:
    """It had not been sent when the sanction came."""
    service.hold_changes = True
    _, wire = await enter()
    wire.say(Op.EDIT_MSG, {"message": "m1", "text": "first"}, 1)
    await service.changed.get()
    wire.say(Op.EDIT_MSG, {"message": "m2", "text": "second"}, 2)
    at.say(11, sanctioned("bob", kind="muted"))
    await until(lambda: at.edge.sanctions.is_restricted("bob"))
    service.let_change.release()
    answers = [await wire.hear(), await wire.hear()]
    assert await hear(wire) == (SANCTION, "muted")
    assert [(one["re"], one["op"]) for one in answers] == [(1, 0x16), (2, ERROR)]
    assert answers[1]["d"]["code"] == "SANCTIONED"
    assert service.changed.empty()


async def test_a_call_that_was_about_to_be_made_is_not(enter: Start, at: Moderated) -> None:
    """A packet about a service starts a task; the sanction comes before its first step."""
    session, wire = await enter()
    called = asyncio.Event()

    async def call() -> None:
        called.set()

    outcomes = session.edge.metrics.outcomes("PRICE EDITED")
    session.start(Request(1, outcomes, activity=Activity.WRITE), call())
    at.tell(11, sanctioned("bob", kind="muted"))
    assert await hear(wire) == (SANCTION, "muted")
    assert await hear(wire) == (ERROR, "SANCTIONED")
    assert not called.is_set()


async def test_what_comes_meanwhile_keeps_its_place_behind_the_sanction(
    enter: Start, at: Moderated, service: Service
) -> None:
    """While SANCTION waits for answers, on all sockets, whatever else is pushed waits as well: no
    cursor passes it by. A resume that is asked for then is told to come again.
    """
    service.hold_changes = True
    _, wire = await enter()
    other, quiet = await enter()
    wire.say(Op.EDIT_MSG, {"message": "m1", "text": "first"}, 1)
    await service.changed.get()
    at.tell(11, sanctioned("bob", kind="muted"))
    at.tell(12, sanctioned("bob", kind="warning", name="w"))
    quiet.say(Op.RESUME, {"cur": other.edge.hub.cursor().of(other.encoding.attached)}, 2)
    refusal = await quiet.hear()
    assert (refusal["d"]["code"], refusal["d"]["retryable"]) == ("INVALID_STATE", True)
    service.let_change.release()
    assert (await wire.hear())["re"] == 1
    for one in (wire, quiet):
        assert await hear(one) == (SANCTION, "muted")
        assert await hear(one) == (SANCTION, "warning")


async def test_every_write_is_over_when_it_is_answered(
    enter: Start, at: Moderated, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However it ends, or SANCTION would wait for it: stored, refused, at fault, without an answer;
    and with the socket, also one that nobody answers.
    """
    session, wire = await enter()
    for number, (op, d) in enumerate(
        (
            (Op.CREATE_MSG, {"conversation": "c", "text": "x"}),
            (Op.CREATE_MSG, {"conversation": "c", "to": "alice", "text": "x"}),
            (Op.TYPING, {"conversation": "c", "typing": True}),
            (Op.EDIT_MSG, {"message": "m", "text": "x"}),
            (Op.EDIT_MSG, {"message": "m"}),
            (Op.NOTE_SUBMITTED, {"service": "s", "score": 5}),
        )
    ):
        wire.say(op, d, number)
    assert {(await wire.hear())["re"] for _ in range(5)} == {0, 1, 3, 4, 5}
    await until(lambda: not session.writes)
    monkeypatch.setattr(at.edge.messaging, "call", _never)
    wire.say(Op.EDIT_MSG, {"message": "m", "text": "x"}, 6)
    await until(lambda: bool(session.writes))
    wire.hang_up()
    await until(lambda: not session.writes)


async def _never(_name: str, _request: Any, _seconds: float) -> Any:
    await asyncio.Event().wait()


async def test_a_ban_waits_for_nothing(enter: Start, at: Moderated, service: Service) -> None:
    """What had left for a service is not answered any more: SANCTION is the last packet."""
    service.hold_changes = True
    session, wire = await enter()
    wire.say(Op.EDIT_MSG, {"message": "m1", "text": "first"}, 1)
    await service.changed.get()
    at.tell(11, sanctioned("bob", kind="banned"))
    assert session.state is State.CLOSING
    session.fail(Request(7, session.edge.metrics.outcomes("EDIT MSG")), TIMED_OUT)
    assert await hear(wire) == (SANCTION, "banned")
    assert (await wire.hear())["code"] == 4403


@pytest.mark.parametrize(
    ("op", "d"),
    [
        (Op.EDIT_MSG, {"message": "of c", "text": "x"}),
        (Op.DELETE_MSG, {"message": "of c"}),
        (Op.CREATE_MSG, {"to": "alice", "subject": "tap", "text": "x"}),
    ],
)
async def test_a_locked_conversation_is_found_by_what_a_packet_names(
    enter: Start, at: Moderated, service: Service, op: Op, d: dict[str, Any]
) -> None:
    """The service may not have heard of the lock yet; the edge asks it where the packet belongs."""
    participants = ["alice", "bob"]
    service.conversations = [
        messaging.Conversation(id="c", subject="tap", participants=participants)
    ]
    service.messages = [messaging.Message(id="of c", conversation_id="c")]
    _, wire = await enter()
    event = sanctioned("bob", kind="conversation_locked", conversation="c")
    at.tell(11, event)
    assert await hear(wire) == (SANCTION, "conversation_locked")
    wire.say(op, d, 1)
    assert await hear(wire) == (ERROR, "SANCTIONED")
    assert service.changed.empty()
    assert not service.created


async def test_what_is_not_locked_goes_on_in_its_order(
    enter: Start, at: Moderated, service: Service
) -> None:
    """Another subject, another person, another message; a lock that messaging does not know."""
    service.conversations = [messaging.Conversation(id="c", participants=["alice", "bob"])]
    _, wire = await enter()
    for number, locked in enumerate(("unknown", "c"), 11):
        event = sanctioned("bob", kind="conversation_locked", name=locked, conversation=locked)
        at.tell(number, event)
        assert await hear(wire) == (SANCTION, "conversation_locked")
    wire.say(Op.CREATE_MSG, {"to": "alice", "subject": "tap", "text": "1"}, 1)
    wire.say(Op.CREATE_MSG, {"conversation": "d", "text": "2"}, 2)
    wire.say(Op.CREATE_MSG, {"to": "carol", "text": "3"}, 3)
    wire.say(Op.EDIT_MSG, {"message": "of d", "text": "x"}, 4)
    answers = [await wire.hear() for _ in range(4)]
    assert ERROR not in {one["op"] for one in answers}
    assert [one.text for one in service.created] == ["1", "2", "3"]


async def test_messages_keep_their_order_when_a_lock_is_lifted_among_them(
    enter: Start, at: Moderated, service: Service
) -> None:
    """What is written after the lifting waits for what was written before it and is looked up."""
    service.conversations = [messaging.Conversation(id="c", participants=["alice", "bob"])]
    session, wire = await enter()
    at.tell(11, sanctioned("bob", kind="conversation_locked", conversation="c"))
    assert await hear(wire) == (SANCTION, "conversation_locked")
    service.let_look.clear()
    for number in range(3):
        wire.say(Op.CREATE_MSG, {"to": "alice", "subject": "tap", "text": str(number)}, number)
    await service.looks.get()
    at.tell(12, lifted("bob", kind="conversation_locked", conversation="c"))
    for number in range(3, 6):
        wire.say(Op.CREATE_MSG, {"to": "alice", "subject": "tap", "text": str(number)}, number)
    await until(wire._incoming.empty)
    service.let_look.set()
    answers = [await wire.hear() for _ in range(7)]
    assert [one["re"] for one in answers if one["op"] == Op.STATUS_MSG] == list(range(6))
    assert [one.text for one in service.created] == [str(number) for number in range(6)]
    await until(lambda: not session.in_turn)
    wire.say(Op.CREATE_MSG, {"to": "alice", "text": "at once"}, 6)
    assert (await wire.hear())["re"] == 6
    assert not session.in_turn


@pytest.mark.parametrize("kind", ["banned", "suspended"])
async def test_all_sockets_of_the_banned_close_in_the_same_turn(
    enter: Start, at: Moderated, kind: str
) -> None:
    """SANCTION is the last packet of each, also of one that is in the middle of a resume."""
    first, second = await enter(), await enter()
    resuming = await enter()
    assert resuming[0].hold()
    at.tell(11, sanctioned("bob", kind=kind))
    # Nothing was waited for.
    assert all(session.state is State.CLOSING for session, _ in (first, second, resuming))
    for _, wire in (first, second, resuming):
        wire.say(Op.CREATE_MSG, {"to": "x", "text": "x"}, 1)
        assert await hear(wire) == (SANCTION, kind)
        closed = await wire.hear()
        assert (closed["type"], closed["code"]) == ("websocket.close", 4403)


async def test_a_ban_that_comes_during_the_greeting_closes_after_it(
    enter: Start, at: Moderated
) -> None:
    """It was decided after the standing was read, and before the user was followed."""
    at.service.follows.clear()
    session, wire = new_session(at.edge, "bob")
    assert await at.edge.sanctions_reader.admit(principal_of("bob"), at.deadline()) is None
    at.edge.hub.add(session)
    at.edge.sanctions.enter("bob")
    attaching = asyncio.create_task(attach(session, None, at.deadline()))
    at.service.sanctions["bob"] = [sanction("banned")]
    at.service.revision = 11
    at.service.follows.set()
    await attaching
    assert (await wire.hear())["op"] == HELLO
    assert await hear(wire) == (SANCTION, "banned")
    assert (await wire.hear())["code"] == 4403


async def test_a_moderation_that_does_not_follow_holds_a_greeting_no_longer_than_it_may(
    enter: Start, at: Moderated
) -> None:
    """HELLO comes without its position; when it answers, RESUMED says that it is back."""
    at.service.follows.clear()
    session, wire = await enter(seconds=0.1)
    assert MODERATION not in session.encoding.attached
    wire.say(Op.ASK_CONVERSATIONS, None, 1)
    assert (await wire.hear())["re"] == 1
    at.service.follows.set()
    resumed = await wire.hear()
    assert (resumed["op"], resumed["d"]["complete"]) == (0x0D, False)
    assert MODERATION in session.encoding.attached


async def test_a_resume_tells_what_was_missed_of_moderation(enter: Start, at: Moderated) -> None:
    """Also a sanction that was lifted meanwhile, and who cannot be told is told that."""
    session, wire = await enter()
    cursor = at.edge.hub.cursor().of(session.encoding.attached)
    events = [sanctioned("bob", kind="muted"), lifted("bob", kind="muted")]
    at.service.changes = [
        pb.ListChangesResponse.Change(revision=11, events=events[:1]),
        pb.ListChangesResponse.Change(revision=12, events=events[1:]),
    ]
    at.service.revision = at.service.followed_from = 12
    at.say(12)
    await until(lambda: at.feed.position == Position("moderation-1", 12))
    wire.say(Op.RESUME, {"cur": cursor}, 1)
    told = [await wire.hear() for _ in range(3)]
    assert [one["d"].get("lifted") for one in told] == [False, True, None]
    assert told[2]["d"]["complete"] is True
    at.service.complete = False
    wire.say(Op.RESUME, {"cur": cursor}, 2)
    assert (await wire.hear())["d"]["complete"] is False
