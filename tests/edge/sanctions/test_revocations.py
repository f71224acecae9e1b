"""Revoked tokens: who speaks by one is refused, and what falls between is found.

The moderation service is a real gRPC server on loopback whose answers the test writes.
"""

import asyncio

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from parley.moderation.v1 import moderation_pb2 as pb

from edge.handlers.connection import renew_token
from edge.sanctions.reader import StandingUnknownError
from edge.sessions.context import Edge
from edge.sessions.session import Session
from parley_protocol.errors import CloseCode
from parley_protocol.packets import Op
from service_kit.authentication.errors import AuthenticationError
from service_kit.authentication.revocations import (
    NOTHING,
    Revocations,
    is_revoked,
    read_revocations,
)
from tests.edge.conftest import Clock
from tests.edge.moderated import Moderated, log_in, moderated, sanction
from tests.edge.scripted import Wire, principal_of, running, sample
from tests.support.waiting import until


def revocations(*token_ids: str, before: float = 0) -> pb.Revocations:
    made = pb.Revocations(token_ids=token_ids)
    if before:
        made.issued_before_time.CopyFrom(Timestamp(seconds=int(before)))
    return made


def changed(at: Moderated, revision: int, what: pb.Revocations, user: str = "bob") -> pb.Event:
    """What moderation says when it has revoked something, at a revision that it has now."""
    at.service.revocations[user] = what
    at.service.revision = revision
    position = at.service.position()
    standing = pb.Standing(user=user, revocations=what, position=position)
    return pb.Event(recipients=[user], standing_changed=pb.StandingChanged(standing=standing))


async def closed_by(wire: Wire) -> int:
    """The code of the close frame, whatever came before it."""
    while (event := await wire.hear()).get("type") != "websocket.close":
        continue
    code: int = event["code"]
    return code


@given(st.none() | st.floats(0, 100), st.none() | st.sampled_from(["a", "b"]), st.floats(0, 100))
def test_a_token_is_refused_by_its_id_or_by_its_time(
    issued_at: float | None, token_id: str | None, before: float
) -> None:
    """One without a time may be of any; one without an id is refused by none."""
    principal = principal_of("bob", token_id=token_id, issued_at=issued_at)
    assert not is_revoked(principal, NOTHING)
    assert is_revoked(principal, Revocations(0, frozenset({"a"}))) is (token_id == "a")
    expected = before > 0 and (issued_at is None or issued_at < before)
    assert is_revoked(principal, Revocations(before)) is expected


def test_a_standing_without_revocations_refuses_nothing() -> None:
    assert read_revocations(pb.Standing(user="bob")) is NOTHING
    told = pb.Standing(user="bob", revocations=revocations("a", before=7))
    assert read_revocations(told) == Revocations(7.0, frozenset({"a"}))


async def test_a_revoked_token_is_closed_and_the_others_are_not(at: Moderated) -> None:
    """In the turn in which it is heard of, on all its sockets."""
    sockets = [await log_in(at, token_id=name) for name in ("one", "one", "two")]
    at.say(11, changed(at, 11, revocations("one")))
    for _, wire, _ in sockets[:2]:
        assert await closed_by(wire) == CloseCode.TOKEN_REVOKED
    session, _, _ = sockets[2]
    assert session.reachable
    at.say(12, changed(at, 12, revocations("one", before=2)))
    assert await closed_by(sockets[2][1]) == CloseCode.TOKEN_REVOKED


async def test_a_revoked_token_does_not_come_in(at: Moderated) -> None:
    at.service.revocations["bob"] = revocations(before=1_000)
    with pytest.raises(AuthenticationError) as refused:
        await log_in(at, issued_at=999.0)
    assert refused.value.reason == "token_revoked"
    await log_in(at, issued_at=1_000.0)


async def test_what_is_revoked_between_the_reading_and_the_events_closes(at: Moderated) -> None:
    """Whoever was let in just before is asked about again when the events begin."""
    at.service.answers.set()
    principal = principal_of("bob", token_id="one")
    assert await at.edge.sanctions_reader.admit(principal, at.deadline()) is None
    changed(at, 12, revocations("one"))
    at.edge.sanctions.enter("bob")
    followed = await at.feed.users.follow("bob")
    await at.edge.sanctions_reader.settle("bob", followed, at.deadline())
    assert at.edge.sanctions.is_revoked(principal)


@pytest.mark.parametrize("complete", [True, False])
async def test_what_was_revoked_while_the_stream_was_away_closes(
    at: Moderated, *, complete: bool
) -> None:
    """What was missed is told when it is back; where nobody can say it, everything is read."""
    session, wire, _ = await log_in(at, token_id="one")
    event = changed(at, 12, revocations("one"))
    if complete:
        at.service.changes = [pb.ListChangesResponse.Change(revision=12, events=[event])]
    at.service.complete = complete
    at.stream.put_nowait(None)
    await at.next_stream()
    assert await closed_by(wire) == CloseCode.TOKEN_REVOKED
    assert not session.reachable


async def test_without_moderation_the_last_known_counts(edge: Edge, clock: Clock) -> None:
    """Who is known to be revoked stays out; who is not comes in or not, as a setting says."""
    async with moderated(edge, clock, moderation_down="refuse") as at:
        reader = at.edge.sanctions_reader
        at.service.revocations["bob"] = revocations("one")
        assert await reader.admit(principal_of("bob", token_id="two"), at.deadline()) is None
        at.service.answers.clear()
        with pytest.raises(AuthenticationError):
            await reader.check_token(principal_of("bob", token_id="one"), at.deadline(0.05))
        with pytest.raises(StandingUnknownError):
            await reader.check_token(principal_of("eve", token_id="one"), at.deadline(0.05))
        at.service.answers.set()


async def test_who_has_left_weighs_as_much_as_is_remembered(edge: Edge, clock: Clock) -> None:
    """A revoked token counts like a user, so that what is kept is bounded."""
    async with moderated(edge, clock, known_standings=4) as at:
        reader = at.edge.sanctions_reader
        for user in ("a", "b", "c"):
            at.service.revocations[user] = revocations("one")
            await reader.admit(principal_of(user), at.deadline())
        known = [user for user in ("a", "b", "c") if at.edge.sanctions.is_known(user)]
        assert known == ["b", "c"]
        assert sample(at.edge, "limit_reached_total", limit="known_standings") == 1


async def test_a_sanction_and_a_revocation_are_told_apart(at: Moderated) -> None:
    """Whoever is banned is told why; whoever has a revoked token is only closed."""
    at.service.sanctions["bob"] = [sanction("muted")]
    _, wire, _ = await log_in(at, token_id="one")
    at.say(11, changed(at, 11, revocations("one")))
    assert await closed_by(wire) == CloseCode.TOKEN_REVOKED


__all__ = ["Op", "Session", "asyncio", "renew_token", "running", "until"]
