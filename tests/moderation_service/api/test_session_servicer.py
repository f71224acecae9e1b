"""Ended sessions and revoked tokens over gRPC, on real databases."""

from collections.abc import Callable
from functools import partial
from typing import Any

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy import Engine, text

from moderation_service.domain.sessions import RevokeToken
from moderation_service.domain.shared.limits import DAY, Limits
from moderation_service.operations.sessions import forget_revocations, read_revocations, revoke
from tests.moderation_service.conftest import Client, measure
from tests.support.serving import Database, Serve

Refused = Callable[..., Any]
FAR = Timestamp(seconds=32_503_680_000)


async def revocations(client: Client, user: str) -> Any:
    """What an edge is told of a user's tokens when that user connects."""
    response = await client.call("BatchGetStandings", users=["someone", user])
    assert not response.standings[0].HasField("revocations")
    return response.standings[1].revocations


async def test_end_sessions_is_told_to_edges_and_stays(serve: Serve) -> None:
    """At once on the stream, when asked, in what was missed, and after a restart."""
    async with serve() as client:
        stream = await client.watch(["bob"])
        start = stream.first.position
        ended = await client.call("EndSessions", user="bob")
        assert not ended.duplicate
        ((_, live),) = await stream.events(1)
        standing = live.standing_changed.standing
        assert standing.user == "bob"
        assert standing.revocations.issued_before_time == ended.before_time
        page = await client.changes("bob", start, standing.position.revision)
        (missed,) = [event for change in page.changes for event in change.events]
        assert missed.standing_changed.standing.revocations == standing.revocations
        # How it is is for edges, and not for the user.
        assert not (await client.standing("bob")).HasField("revocations")
    async with serve() as client:
        assert (await revocations(client, "bob")).issued_before_time == ended.before_time


async def test_end_sessions_repeated_is_the_same(client: Client) -> None:
    first = await client.call("EndSessions", user="bob")
    again = await client.call("EndSessions", user="bob", before_time=first.before_time)
    assert again.duplicate
    assert again.before_time == first.before_time
    earlier = Timestamp(seconds=first.before_time.seconds - 60)
    earlier_one = await client.call("EndSessions", user="bob", before_time=earlier)
    assert earlier_one.duplicate
    assert earlier_one.before_time == first.before_time


async def test_revoke_token_is_told_to_edges_and_stays(serve: Serve) -> None:
    async with serve() as client:
        stream = await client.watch(["bob"])
        assert not (await client.call("RevokeToken", user="bob", token_id="b")).duplicate
        await client.call("RevokeToken", user="bob", token_id="a", expire_time=FAR)
        assert (await client.call("RevokeToken", user="bob", token_id="a")).duplicate
        events = await stream.events(2)
        told = [list(one.standing_changed.standing.revocations.token_ids) for _, one in events]
        assert told == [["b"], ["a", "b"]]
    async with serve() as client:
        found = await revocations(client, "bob")
        assert (list(found.token_ids), found.HasField("issued_before_time")) == (["a", "b"], False)


async def test_revoke_token_is_bounded(serve: Serve, refused: Refused) -> None:
    async with serve(revoked_tokens_limit=1) as client:
        await client.call("RevokeToken", user="bob", token_id="one")
        code = grpc.StatusCode.FAILED_PRECONDITION
        too_many = client.call("RevokeToken", user="bob", token_id="two")
        await refused(too_many, code, "TOO_MANY_REVOKED_TOKENS")
        # Another user has as many, and all sessions can still be ended.
        await client.call("RevokeToken", user="ann", token_id="two")
        await client.call("EndSessions", user="bob")


async def test_a_sanction_does_not_forget_what_is_revoked(client: Client) -> None:
    """Each change of a standing tells all of it, and so the revocations too."""
    await client.call("RevokeToken", user="bob", token_id="one")
    stream = await client.watch(["bob"])
    await client.report()
    (case,) = await client.cases()
    await client.decide(case.id, measure("BANNED"))
    events = [event for _, event in await stream.events(2)]
    (changed,) = [one.standing_changed for one in events if one.HasField("standing_changed")]
    assert changed.standing.banned
    assert list(changed.standing.revocations.token_ids) == ["one"]


async def test_erasing_a_user_leaves_no_name_and_no_token_good(
    client: Client, engine: Engine
) -> None:
    """What was refused is refused for ever after, by a digest; the name is in no table."""
    user = "somebody to be erased"
    await client.call("EndSessions", user=user)
    await client.call("RevokeToken", user=user, token_id="one")
    await client.moderate("EraseUser", "dora", ["data_protection"], user=user)
    found = await revocations(client, user)
    assert list(found.token_ids) == ["one"]
    assert found.HasField("issued_before_time")
    with engine.connect() as connection:
        for table in ("revocations", "news", "audit", "events", "idempotency_keys"):
            rows = connection.execute(text(f"SELECT * FROM {table}")).all()  # noqa: S608 - names of tables above
            assert user not in str(rows)


def test_what_is_over_is_forgotten(database: Database) -> None:
    """In small transactions, and only what is over."""
    operation = partial(revoke, Limits())
    commands = [RevokeToken("bob", str(number), database.now + number) for number in range(3)]
    database.run(operation, *commands)
    over = database.now + DAY
    assert database.run(partial(forget_revocations, 1), over) == [1]
    assert database.run(partial(forget_revocations, 5), over) == [1]
    left = database.read(read_revocations, ["bob"], 0)["bob"]
    assert left.token_ids == ("2",)
