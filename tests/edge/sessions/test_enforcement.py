"""A sanction takes effect on every socket in the turn in which it is told."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from parley.messaging.v1 import messaging_pb2 as messaging
from parley.moderation.v1 import moderation_pb2 as pb

from edge.handlers.attach import attach
from edge.protocol.cursors import MODERATION, Position
from edge.protocol.packets import Activity, Op
from edge.sessions.requests import Request
from edge.sessions.session import Session
from edge.sessions.state import State
from edge.translation.status import TIMED_OUT
from tests.edge.moderated import Moderated, lifted, sanction, sanctioned
from tests.edge.scripted import Service, Stream, Wire, new_session
from tests.support.waiting import until

HELLO, ERROR, SANCTION = 0x03, 0x04, 0xFA

Start = Callable[..., Awaitable[tuple[Session, Wire]]]


@pytest.fixture
async def start(with_moderation: Moderated, live: Stream) -> AsyncIterator[Start]:
    """Serve a session of bob as the application does; both services deliver."""
    edge = with_moderation.edge
    tasks: list[asyncio.Task[None]] = []

    async def serve(session: Session, resume: str | None, deadline: float) -> None:
        await edge.sanctions_reader.admit(session.user, deadline)
        edge.hub.add(session)
        edge.sanctions.enter(session.user)
        try:
            await attach(session, resume, deadline)
            await session.run()
        finally:
            edge.hub.remove(session)
            edge.sanctions.leave(session.user)

    async def start(resume: str | None = None, seconds: float = 5) -> tuple[Session, Wire]:
        session, wire = new_session(edge, "bob")
        deadline = with_moderation.deadline(seconds)
        tasks.append(asyncio.create_task(serve(session, resume, deadline)))
        assert (await wire.hear())["op"] == HELLO
        return session, wire

    yield start
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)


async def hear(wire: Wire) -> tuple[int, str]:
    """The next packet: its op, and the code of an error or the kind of a sanction."""
    packet = await wire.hear()
    return packet["op"], packet["d"].get("code") or packet["d"].get("kind")


async def test_who_is_restricted_is_told_after_hello(
    start: Start, with_moderation: Moderated
) -> None:
    """What restricts, and nothing else; without a cursor, for it is no news."""
    with_moderation.service.sanctions["bob"] = [sanction("muted"), sanction("warning", "w")]
    _, wire = await start()
    told = await wire.hear()
    assert (told["op"], told["d"]["kind"]) == (SANCTION, "muted")
    assert "cur" not in told
    wire.say(Op.CREATE_MSG, {"to": "x", "text": "x"}, 1)
    assert await hear(wire) == (ERROR, "SANCTIONED")


async def test_what_waits_is_refused_and_what_has_left_is_answered(
    start: Start, with_moderation: Moderated, service: Service
) -> None:
    """The batch under way was sent before; those behind it are withdrawn, and only those that the
    sanction forbids. SANCTION comes when all that was written before it is answered.
    """
    at = with_moderation
    _, wire = await start()
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
    at.edge.hub.positions[MODERATION] = Position("moderation-1", 10)
    at.feed._sink.deliver(11, [event])
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
    start: Start, with_moderation: Moderated, service: Service
) -> None:
    """It had not been sent when the sanction came."""
    at = with_moderation
    service.hold_changes = True
    _, wire = await start()
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


async def test_a_call_that_was_about_to_be_made_is_not(
    start: Start, with_moderation: Moderated
) -> None:
    """A packet about a service starts a task; the sanction comes before its first step."""
    at = with_moderation
    session, wire = await start()
    called = asyncio.Event()

    async def call() -> None:
        called.set()

    outcomes = session.edge.metrics.outcomes("PRICE EDITED")
    session.start(Request(1, outcomes, Activity.WRITE), call())
    at.edge.hub.positions[MODERATION] = Position("moderation-1", 10)
    at.feed._sink.deliver(11, [sanctioned("bob", kind="muted")])
    assert await hear(wire) == (SANCTION, "muted")
    assert await hear(wire) == (ERROR, "SANCTIONED")
    assert not called.is_set()


async def test_what_comes_meanwhile_keeps_its_place_behind_the_sanction(
    start: Start, with_moderation: Moderated, service: Service
) -> None:
    """While SANCTION waits for answers, on all sockets, whatever else is pushed waits as well: no
    cursor passes it by. A resume that is asked for then is told to come again.
    """
    at = with_moderation
    service.hold_changes = True
    _, wire = await start()
    other, quiet = await start()
    wire.say(Op.EDIT_MSG, {"message": "m1", "text": "first"}, 1)
    await service.changed.get()
    at.edge.hub.positions[MODERATION] = Position("moderation-1", 10)
    at.feed._sink.deliver(11, [sanctioned("bob", kind="muted")])
    at.feed._sink.deliver(12, [sanctioned("bob", kind="warning", name="w")])
    quiet.say(Op.RESUME, {"cur": other.edge.hub.cursor().of(other.encoding.attached)}, 2)
    refusal = await quiet.hear()
    assert (refusal["d"]["code"], refusal["d"]["retryable"]) == ("INVALID_STATE", True)
    service.let_change.release()
    assert (await wire.hear())["re"] == 1
    for one in (wire, quiet):
        assert await hear(one) == (SANCTION, "muted")
        assert await hear(one) == (SANCTION, "warning")


async def test_every_write_is_over_when_it_is_answered(
    start: Start, with_moderation: Moderated, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However it ends, or SANCTION would wait for it: stored, refused, at fault, without an answer;
    and with the socket, also one that nobody answers.
    """
    session, wire = await start()
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
    monkeypatch.setattr(with_moderation.edge.messaging, "call", _never)
    wire.say(Op.EDIT_MSG, {"message": "m", "text": "x"}, 6)
    await until(lambda: bool(session.writes))
    wire.hang_up()
    await until(lambda: not session.writes)


async def _never(_name: str, _request: Any, _seconds: float) -> Any:
    await asyncio.Event().wait()


async def test_a_ban_waits_for_nothing(
    start: Start, with_moderation: Moderated, service: Service
) -> None:
    """What had left for a service is not answered any more: SANCTION is the last packet."""
    at = with_moderation
    service.hold_changes = True
    session, wire = await start()
    wire.say(Op.EDIT_MSG, {"message": "m1", "text": "first"}, 1)
    await service.changed.get()
    at.edge.hub.positions[MODERATION] = Position("moderation-1", 10)
    at.feed._sink.deliver(11, [sanctioned("bob", kind="banned")])
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
    start: Start, with_moderation: Moderated, service: Service, op: Op, d: dict[str, Any]
) -> None:
    """The service may not have heard of the lock yet; the edge asks it where the packet belongs."""
    at = with_moderation
    participants = ["alice", "bob"]
    service.conversations = [
        messaging.Conversation(id="c", subject="tap", participants=participants)
    ]
    service.messages = [messaging.Message(id="of c", conversation_id="c")]
    _, wire = await start()
    at.edge.hub.positions[MODERATION] = Position("moderation-1", 10)
    event = sanctioned("bob", kind="conversation_locked", conversation="c")
    at.feed._sink.deliver(11, [event])
    assert await hear(wire) == (SANCTION, "conversation_locked")
    wire.say(op, d, 1)
    assert await hear(wire) == (ERROR, "SANCTIONED")
    assert service.changed.empty()
    assert not service.created


async def test_what_is_not_locked_goes_on_in_its_order(
    start: Start, with_moderation: Moderated, service: Service
) -> None:
    """Another subject, another person, another message; a lock that messaging does not know."""
    at = with_moderation
    service.conversations = [messaging.Conversation(id="c", participants=["alice", "bob"])]
    _, wire = await start()
    at.edge.hub.positions[MODERATION] = Position("moderation-1", 10)
    for number, locked in enumerate(("unknown", "c"), 11):
        event = sanctioned("bob", kind="conversation_locked", name=locked, conversation=locked)
        at.feed._sink.deliver(number, [event])
        assert await hear(wire) == (SANCTION, "conversation_locked")
    wire.say(Op.CREATE_MSG, {"to": "alice", "subject": "tap", "text": "1"}, 1)
    wire.say(Op.CREATE_MSG, {"conversation": "d", "text": "2"}, 2)
    wire.say(Op.CREATE_MSG, {"to": "carol", "text": "3"}, 3)
    wire.say(Op.EDIT_MSG, {"message": "of d", "text": "x"}, 4)
    answers = [await wire.hear() for _ in range(4)]
    assert ERROR not in {one["op"] for one in answers}
    assert [one.text for one in service.created] == ["1", "2", "3"]


@pytest.mark.parametrize("kind", ["banned", "suspended"])
async def test_all_sockets_of_the_banned_close_in_the_same_turn(
    start: Start, with_moderation: Moderated, kind: str
) -> None:
    """SANCTION is the last packet of each, also of one that is in the middle of a resume."""
    at = with_moderation
    first, second = await start(), await start()
    resuming = await start()
    assert resuming[0].hold()
    at.edge.hub.positions[MODERATION] = Position("moderation-1", 10)
    at.feed._sink.deliver(11, [sanctioned("bob", kind=kind)])
    # Nothing was waited for.
    assert all(session.state is State.CLOSING for session, _ in (first, second, resuming))
    for _, wire in (first, second, resuming):
        wire.say(Op.CREATE_MSG, {"to": "x", "text": "x"}, 1)
        assert await hear(wire) == (SANCTION, kind)
        closed = await wire.hear()
        assert (closed["type"], closed["code"]) == ("websocket.close", 4403)


async def test_a_ban_that_comes_during_the_greeting_closes_after_it(
    start: Start, with_moderation: Moderated
) -> None:
    """It was decided after the standing was read, and before the user was followed."""
    at = with_moderation
    at.service.follows.clear()
    session, wire = new_session(at.edge, "bob")
    assert await at.edge.sanctions_reader.admit("bob", at.deadline()) is None
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
    start: Start, with_moderation: Moderated
) -> None:
    """HELLO comes without its position; when it answers, RESUMED says that it is back."""
    at = with_moderation
    at.service.follows.clear()
    session, wire = await start(seconds=0.1)
    assert MODERATION not in session.encoding.attached
    wire.say(Op.ASK_CONVERSATIONS, None, 1)
    assert (await wire.hear())["re"] == 1
    at.service.follows.set()
    resumed = await wire.hear()
    assert (resumed["op"], resumed["d"]["complete"]) == (0x0D, False)
    assert MODERATION in session.encoding.attached


async def test_a_resume_tells_what_was_missed_of_moderation(
    start: Start, with_moderation: Moderated
) -> None:
    """Also a sanction that was lifted meanwhile, and who cannot be told is told that."""
    at = with_moderation
    session, wire = await start()
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
