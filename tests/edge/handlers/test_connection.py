"""PONG and RENEW TOKEN."""

import asyncio
import time

import jwt
import pytest
from parley.messaging.v1 import messaging_pb2 as pb

from edge.protocol.packets import Op
from edge.sessions.context import Edge
from edge.sessions.session import Session
from tests.edge.scripted import (
    SECRET,
    Held,
    Service,
    Start,
    Stream,
    Wire,
    cursor,
    message_event,
    sample,
    with_settings,
)


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
    assert list(session.unconfirmed) == [(13, "c", 3)]


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
    assert list(session.unconfirmed) == [(11, "c", 1)]
    assert service.marks.empty()


async def test_alerts_that_nobody_confirms_are_forgotten_beyond_a_limit(
    edge: Edge, enter: Start, live: Stream
) -> None:
    """The oldest first; they are not marked delivered by a later Op.PONG."""
    session, wire = await enter(on=with_settings(edge, unconfirmed_alerts=2))
    for number in (1, 2, 3):
        live.say(10 + number, message_event(number))
        await wire.hear()
    assert [seq for _, _, seq in session.unconfirmed] == [2, 3]
    assert sample(edge, "limit_reached_total", limit="unconfirmed_alerts") == 1


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
