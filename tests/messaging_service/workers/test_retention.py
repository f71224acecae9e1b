"""Retention: what was kept long enough is deleted beside the calls, a few rows at a time."""

import json
import time
from functools import partial
from hashlib import sha256
from typing import Any

import grpc
import pytest
from parley.messaging.v1 import messaging_pb2 as pb
from sqlalchemy import text

from messaging_service.operations.messages import create_message
from messaging_service.settings import MessagingSettings
from service_kit.retention import DAY
from service_kit.storage.writer import Writer
from tests.support.metrics import read_sample
from tests.support.serving import opened
from tests.support.system import free_port
from tests.support.waiting import eventually


def run(settings: MessagingSettings, statement: str, **given: Any) -> list[Any]:
    """Run a statement past the service; gives its rows."""
    with opened(settings.database_url) as engine, engine.begin() as connection:
        found = connection.execute(text(statement), given)
        return [*found] if found.returns_rows else []


def days_ago(days: int) -> int:
    return time.time_ns() // 1_000_000 - days * DAY


async def test_the_writer_is_left_alone_while_there_is_nothing_to_forget(
    serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty command would only lengthen the batches of others."""
    operations: list[Any] = []
    submit = Writer.submit

    async def note(writer: Writer, operation: Any, *arguments: Any) -> Any:
        operations.append(getattr(operation, "func", operation))
        return await submit(writer, operation, *arguments)

    monkeypatch.setattr(Writer, "submit", note)
    port = free_port()
    async with serve(metrics_port=port) as client:
        await client.say("a", to="b")
        assert await read_sample(port, "rows_forgotten_total", table="message_versions") == 0
    assert operations == [create_message]


async def test_what_is_old_is_forgotten_in_small_transactions(
    serve: Any, settings: MessagingSettings
) -> None:
    """Of two texts of a message the one that was replaced too long ago; the other stays."""
    port = free_port()
    async with serve() as client:
        stored = await client.say("a", "0", to="b")
        for number in range(1, 7):
            await client.call("EditMessage", actor="a", message_id=stored.id, text=str(number))
    run(
        settings,
        "UPDATE message_versions SET replaced_at = :old WHERE text < '5'",
        old=days_ago(3),
    )
    async with serve(evidence_days=2, retention_batch=2, metrics_port=port) as client:
        await eventually(
            lambda: read_sample(port, "rows_forgotten_total", table="message_versions"),
            lambda count: count == 5,
        )
        assert await read_sample(port, "limit_reached_total", limit="retention_batch") == 2
        (evidence,) = (await client.call("ListEvidence", message_id=stored.id)).evidence
        assert (evidence.message.text, [one.text for one in evidence.versions]) == ("6", ["5"])


async def test_with_a_text_its_digest_is_gone(serve: Any, settings: MessagingSettings) -> None:
    """Whoever has the database cannot find a short text by trying, once it is forgotten; and until
    then a key that comes again is recognised.
    """
    async with serve() as client:
        stored = await client.say("a", "1234", to="b", idempotency_key="first")
        request = {"actor": "a", "message_id": stored.id}
        await client.call("EditMessage", **request, text="5678", idempotency_key="second")
        await client.call("DeleteMessage", **request, idempotency_key="third")
        again = await client.call("EditMessage", **request, text="5678", idempotency_key="second")
        assert again.duplicate
    words = [["create", stored.conversation_id, "1234"], ["edit", stored.id, "5678"]]
    digests = {sha256(json.dumps(one).encode()).hexdigest() for one in words}
    everything = "SELECT fingerprint FROM idempotency_keys"
    assert digests <= {row.fingerprint for row in run(settings, everything)}
    run(settings, "UPDATE message_versions SET replaced_at = :old", old=days_ago(200))
    port = free_port()
    async with serve(metrics_port=port) as client:
        await eventually(
            lambda: read_sample(port, "rows_forgotten_total", table="message_versions"),
            lambda count: count == 2,
        )
        repeated = await client.say("a", "1234", to="b")
        assert repeated.id != stored.id
    assert not digests & {row.fingerprint for row in run(settings, everything)}


async def test_what_nobody_needs_is_forgotten_and_an_old_resume_is_told_so(
    serve: Any, settings: MessagingSettings
) -> None:
    """Keys, blocks that have ended and people who are long away. A resume from before that cannot
    be complete, and one from after it is.
    """
    async with serve(presence=True) as client:
        start = (await client.watch(["a"])).first.position
        stored = await client.say("a", to="b")
        for user, blocked in (("x", True), ("x", False), ("y", True)):
            await client.call("SetBlock", actor="a", user=user, blocked=blocked)
        await client.call("DeleteMessage", actor="a", message_id=stored.id, idempotency_key="k")
    old = days_ago(1_000)
    run(settings, "UPDATE idempotency_keys SET used_at = :old", old=old)
    run(settings, "UPDATE blocks SET changed_at = :old", old=old)
    people = "INSERT INTO presence (user_id, online, last_seen, invisible, revision, version)"
    for user, online, invisible in (("away", "false", "false"), ("shy", "false", "true")):
        values = f" VALUES ('{user}', {online}, :old, {invisible}, 1, 1)"
        run(settings, people + values, old=old)
    port = free_port()
    async with serve(metrics_port=port) as client:
        for table in ("idempotency_keys", "blocks", "presence"):
            look = partial(read_sample, port, "rows_forgotten_total", table=table)
            await eventually(look, lambda count: count >= 1)
        now = (await client.watch(["a"])).first.position
        assert not (await client.changes("a", start, now.revision)).complete
        users = await client.call("ListChangedUsers", users=["a"], after=start, until=now)
        assert not users.complete
        later = pb.Position(epoch=now.epoch, revision=now.revision)
        assert (await client.changes("a", later, now.revision)).complete
        listed = (await client.call("ListBlocks", actor="a")).blocks
        assert [one.user for one in listed] == ["y"]
    left = [row.user_id for row in run(settings, "SELECT user_id FROM presence ORDER BY user_id")]
    assert left == ["a", "shy"]
    assert run(settings, "SELECT * FROM idempotency_keys") == []


async def test_to_block_and_unblock_invented_names_is_bounded(serve: Any, refused: Any) -> None:
    """Those that have ended stand until they are forgotten, and there are only so many."""
    code = grpc.StatusCode.FAILED_PRECONDITION
    async with serve(blocks_per_user=2) as client:
        for number in range(4):
            for blocked in (True, False):
                await client.call("SetBlock", actor="a", user=f"u{number}", blocked=blocked)
        one_more = client.call("SetBlock", actor="a", user="u4", blocked=True)
        await refused(one_more, code, "TOO_MANY_BLOCKS")
        # Who has a row already may be blocked again.
        await client.call("SetBlock", actor="a", user="u0", blocked=True)
