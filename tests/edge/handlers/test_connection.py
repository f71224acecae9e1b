"""PONG, RENEW TOKEN, and a RESUME of which a service learns late."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import jwt
import pytest
from parley.messaging.v1 import messaging_pb2 as pb

from edge.cursors import MESSAGING, MODERATION, Position
from edge.sessions.context import Edge
from edge.sessions.session import Session
from parley_protocol.errors import ErrorCode, refusal
from parley_protocol.packets import JSON, Op
from parley_protocol.payloads.connection import Pong
from tests.edge import moderated as moderation
from tests.edge.conftest import Clock
from tests.edge.moderated import Moderated, moderated, sanctioned
from tests.edge.scripted import (
    CURSORS,
    EPOCH,
    SECRET,
    Held,
    Service,
    Start,
    Stream,
    Wire,
    at,
    cursor,
    given,
    message_event,
    presence_event,
    running,
    sample,
    with_settings,
)
from tests.support.waiting import until


async def test_a_pong_marks_what_it_covers_as_delivered(
    greeted: tuple[Session, Wire], service: Service, live: Stream
) -> None:
    """One mark for each conversation, up to the newest message that the cursor covers."""
    session, wire = greeted
    for number in (1, 2, 3):
        live.say(10 + number, message_event(number))
        await wire.hear()
    wire.say(Op.PONG, {"cur": cursor(12)})
    mark = await asyncio.wait_for(service.marks.get(), 5)
    assert (mark.actor, mark.conversation_id, mark.seq) == ("alice", "c", 2)
    assert list(session.unconfirmed) == [(13, 0, "c", 3)]


async def test_a_pong_marks_a_page_that_was_processed_as_delivered(
    greeted: tuple[Session, Wire], service: Service, live: Stream
) -> None:
    """By the cursor of the page, of a PING after it, or of whatever came later; never by one from
    before it, which says as much of the services.
    """
    session, wire = greeted

    def message(seq: int, sender: str = "bob") -> pb.Message:
        return pb.Message(id=f"m{seq}", conversation_id="c", seq=seq, sender=sender)

    async def show(*seqs: int) -> str:
        own = message(max(seqs) + 1, "alice")
        page = pb.ListMessagesResponse(messages=[*map(message, seqs), own])
        service.list_messages = given(page)
        wire.say(Op.ASK_MESSAGES, {"conversation": "c"}, 1)
        shown = await wire.hear()
        assert shown["op"] == Op.RETURN_MESSAGES
        return str(shown["cur"])

    async def marked() -> int:
        mark = await asyncio.wait_for(service.marks.get(), 5)
        assert (mark.actor, mark.conversation_id) == ("alice", "c")
        assert not session.unconfirmed
        return int(mark.seq)

    live.say(11, presence_event())
    before = (await wire.hear())["cur"]
    cur = await show(1, 2)
    assert at({"cur": cur}) == 11
    wire.say(Op.PONG, {"cur": before})
    wire.say(Op.PONG, {"cur": cur})
    assert await marked() == 2
    await show(3)
    assert len(session.unconfirmed) == 1
    session.ping(JSON.encode(Op.PING, {}, cur=before))
    wire.say(Op.PONG, {"cur": (await wire.hear())["cur"]})
    assert await marked() == 3
    await show(4)
    live.say(12, presence_event(online=False))
    wire.say(Op.PONG, {"cur": (await wire.hear())["cur"]})
    assert await marked() == 4
    assert service.marks.empty()
    # A page of one's own messages has nothing to deliver.
    service.list_messages = given(pb.ListMessagesResponse(messages=[message(1, "alice")]))
    wire.say(Op.ASK_MESSAGES, {"conversation": "c"}, 2)
    assert "cur" not in await wire.hear()


async def test_a_pong_that_says_nothing_new_is_known_by_its_text(
    edge: Edge, greeted: tuple[Session, Wire], service: Service, live: Stream
) -> None:
    """It counts as any other, and is read as any other as soon as there is something to confirm."""
    session, wire = greeted
    text = JSON.encode_from_client(Pong(cur=cursor(11)))

    def handled() -> float:
        return sample(edge, "packets_total", opcode="PONG", outcome="ok")

    assert not edge.hub.pongs.count(text)
    before = handled()
    session._packet(text)
    assert edge.hub.pongs.count(text)
    session._packet(text)
    assert handled() == before + 3
    live.say(11, message_event(1))
    await wire.hear()
    session._packet(text)
    mark = await asyncio.wait_for(service.marks.get(), 5)
    assert (mark.conversation_id, mark.seq) == ("c", 1)
    assert not session.unconfirmed


async def test_a_pong_that_is_refused_is_refused_each_time(
    edge: Edge, greeted: tuple[Session, Wire]
) -> None:
    """Also the texts that are remembered are bounded."""
    session, wire = greeted
    for _ in range(2):
        session._packet(JSON.encode_from_client(Pong(cur="no cursor")))
        assert (await wire.hear())["d"]["code"] == ErrorCode.INVALID_ARGUMENT
    for number in range(1_000):
        session._packet(JSON.encode_from_client(Pong(), number))
    assert len(edge.hub.pongs._known) <= 256
    edge.hub.pongs.learn("x" * 2_000, edge.routes[Op.PONG].outcomes)
    assert not edge.hub.pongs.count("x" * 2_000)


@pytest.mark.parametrize("epoch", ["another", "epoch-2"])
async def test_a_pong_of_another_clock_marks_nothing(
    greeted: tuple[Session, Wire], service: Service, live: Stream, epoch: str
) -> None:
    """Its revision says nothing about the alerts of this one."""
    session, wire = greeted
    live.say(11, message_event(1))
    await wire.hear()
    wire.say(Op.PONG, {"cur": cursor(99, epoch)})
    wire.say(Op.ASK_MESSAGES, {"conversation": "c"}, 1)
    assert (await wire.hear())["op"] == Op.RETURN_MESSAGES
    assert list(session.unconfirmed) == [(11, 0, "c", 1)]
    assert service.marks.empty()


async def test_alerts_that_nobody_confirms_are_forgotten_beyond_a_limit(
    edge: Edge, enter: Start, live: Stream
) -> None:
    """The oldest first; they are not marked delivered by a later Op.PONG."""
    session, wire = await enter(on=with_settings(edge, unconfirmed_alerts=2))
    for number in (1, 2, 3):
        live.say(10 + number, message_event(number))
        await wire.hear()
    assert [one.seq for one in session.unconfirmed] == [2, 3]
    assert sample(edge, "limit_reached_total", limit="unconfirmed_alerts") == 1


@pytest.mark.parametrize("epoch", [EPOCH, "epoch-2"])
async def test_a_mark_that_failed_is_made_again_on_the_same_clock_alone(
    greeted: tuple[Session, Wire],
    service: Service,
    edge: Edge,
    live: Stream,
    monkeypatch: pytest.MonkeyPatch,
    epoch: str,
) -> None:
    """Of another database the number of the message says nothing."""
    session, wire = greeted
    waiting: list[Any] = []
    batcher = edge.messaging.mark_delivered
    monkeypatch.setattr(batcher, "submit", lambda _mark, done: waiting.append(done))
    live.say(11, message_event(1))
    await wire.hear()
    wire.say(Op.PONG, {"cur": cursor(11)})
    await until(lambda: waiting)
    assert not session.unconfirmed
    edge.hub.positions[MESSAGING] = Position(epoch, 11)
    waiting[0](refusal(ErrorCode.UNAVAILABLE, "away"))
    assert [one.seq for one in session.unconfirmed] == ([1] if epoch == EPOCH else [])


def token(**changed: object) -> str:
    claims = {"sub": "alice", "exp": time.time() + 7200, **changed}
    return jwt.encode(claims, SECRET, algorithm="HS256")


async def test_a_renewed_token_is_answered_by_hello(greeted: tuple[Session, Wire]) -> None:
    """The socket lives on until the new token expires."""
    session, wire = greeted
    before = session.principal.expires_at
    wire.say(Op.RENEW_TOKEN, {"token": token()}, 1)
    hello = await wire.hear()
    assert (hello["op"], hello["re"], hello["d"]["cur"]) == (Op.HELLO, 1, cursor(10))
    assert session.principal.expires_at > before


async def test_a_renewed_token_may_make_invisible(
    greeted: tuple[Session, Wire], service: Service
) -> None:
    """The service learns of it, and again when the next one does not."""
    _, wire = greeted
    await service.updates.get()
    for invisible in (True, False):
        wire.say(Op.RENEW_TOKEN, {"token": token(invisible=invisible)}, 1)
        assert (await wire.hear())["op"] == Op.HELLO
        update = await asyncio.wait_for(service.updates.get(), 5)
        assert list(update.add_users) == ["alice"]
        assert list(update.invisible_users) == (["alice"] if invisible else [])


async def test_a_token_renewed_during_a_replay_brings_no_cursor(
    enter: Start, service: Service, live: Stream
) -> None:
    """Whoever kept it and dropped off would miss the rest of the replay."""
    service.changes = held = Held(pb.ListChangesResponse(complete=True))
    _, wire = await enter(cursor(7))
    wire.say(Op.RENEW_TOKEN, {"token": token()}, 1)
    hello = await wire.hear()
    assert (hello["re"], hello["d"]["cur"]) == (1, "")
    held.go.set()


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (token(sub="bob"), "PERMISSION_DENIED"),
        (token(exp=1), "INVALID_ARGUMENT"),
        ("no token", "INVALID_ARGUMENT"),
        ("\N{GRINNING FACE}", "INVALID_ARGUMENT"),
    ],
    ids=["another's", "expired", "none", "not ASCII"],
)
async def test_a_wrong_token_changes_nothing(
    greeted: tuple[Session, Wire], bad: str, code: str
) -> None:
    """The session stays the user's, until its own token expires."""
    session, wire = greeted
    principal = session.principal
    wire.say(Op.RENEW_TOKEN, {"token": bad}, 1)
    assert (await wire.hear())["d"]["code"] == code
    assert session.principal is principal


def ahead() -> str:
    """A cursor of a client whose last edge was told more by moderation than this one."""
    return CURSORS.encode(
        {MESSAGING: Position(EPOCH, 10), MODERATION: Position(moderation.EPOCH, 30)}
    )


@pytest.fixture
async def resumed_late(
    edge: Edge, clock: Clock, start: Start, live: Stream
) -> AsyncIterator[tuple[Moderated, Session, Wire]]:
    """A session whose RESUME was answered before moderation said from where on it is followed."""
    async with (
        moderated(edge, clock, moderation_timeout_seconds=0.05) as at,
        running(at.feed.run()),
    ):
        await at.next_stream()
        session, wire = await start(on=at.edge, user="bob")
        assert (await wire.hear())["op"] == Op.HELLO
        at.service.follows.clear()
        wire.say(Op.RESUME, {"cur": ahead()}, 1)
        resumed = await wire.hear()
        assert (resumed["op"], resumed["re"]) == (Op.RESUMED, 1)
        assert resumed["d"]["missing"] == [MODERATION]
        yield at, session, wire
        at.service.follows.set()


async def test_a_service_that_answers_after_a_resume_is_attached_then(
    resumed_late: tuple[Moderated, Session, Wire],
) -> None:
    """A further RESUMED says so, and what happens from then on reaches the client."""
    at, session, wire = resumed_late
    at.service.revision = 30
    at.service.follows.set()
    resumed = await wire.hear()
    assert (resumed["op"], resumed["d"]["complete"]) == (Op.RESUMED, False)
    assert CURSORS.decode(resumed["cur"])[MODERATION] == Position(moderation.EPOCH, 30)
    assert session.floors == {MESSAGING: 10, MODERATION: 30}
    at.say(31, sanctioned("bob", kind="muted"))
    told = await wire.hear()
    assert (told["op"], told["d"]["sanction"]) == (Op.SANCTION, "s1")


async def test_a_service_that_answers_during_a_replay_is_no_longer_missing(
    resumed_late: tuple[Moderated, Session, Wire], service: Service, live: Stream
) -> None:
    """RESUMED, which ends the replay, does not name what was attached meanwhile."""
    at, _, wire = resumed_late
    service.changes = held = Held(pb.ListChangesResponse(complete=True))
    live.say(12)
    await until(lambda: at.edge.hub.positions[MESSAGING].revision == 12)
    wire.say(Op.RESUME, {"cur": cursor(7)}, 2)
    await held.asked.wait()
    at.service.revision = 30
    at.service.follows.set()
    first = await wire.hear()
    held.go.set()
    last = await wire.hear()
    assert (first.get("re"), last["re"]) == (None, 2)
    assert last["d"]["complete"] is False
    assert "missing" not in last["d"]
    assert CURSORS.decode(last["cur"])[MODERATION] == Position(moderation.EPOCH, 30)


async def test_messaging_that_answers_after_the_handshake_is_attached_then(
    edge: Edge, start: Start, service: Service, live: Stream
) -> None:
    """HELLO does not wait for ever: every service has its time."""
    service.hold_updates = True
    session, wire = await start(on=with_settings(edge, call_timeout_seconds=0.05))
    hello = await wire.hear()
    assert (hello["op"], hello["d"]["cur"]) == (Op.HELLO, "")
    assert sample(edge, "limit_reached_total", limit="call_timeout_seconds") == 1
    service.release_update(12)
    resumed = await wire.hear()
    assert resumed["d"] == {"replayed": 0, "complete": False, "cur": cursor(12)}
    live.say(13, message_event(1))
    assert (await wire.hear())["op"] == Op.ALERT_NEW_MSG
    assert session.floors == {MESSAGING: 12}
