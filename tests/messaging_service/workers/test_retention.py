"""Retention: texts that are no longer evidence are deleted beside the calls, a few at a time."""

import time
from typing import Any

import pytest
from sqlalchemy import text

from messaging_service.operations.messages import create_message
from messaging_service.settings import MessagingSettings
from messaging_service.storage.message_changes import find_old_versions
from messaging_service.workers.retention import DAY
from service_kit.storage.writer import Writer
from tests.support.metrics import read_sample
from tests.support.serving import opened
from tests.support.system import free_port
from tests.support.waiting import eventually, until


async def test_the_writer_is_left_alone_while_there_is_nothing_to_forget(
    serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty command would only lengthen the batches of others."""
    looks: list[int] = []
    operations: list[Any] = []
    find, submit = find_old_versions, Writer.submit

    def look(*arguments: Any) -> list[str]:
        found = find(*arguments)
        looks.append(len(found))
        return found

    async def note(writer: Writer, operation: Any, *arguments: Any) -> Any:
        operations.append(getattr(operation, "func", operation))
        return await submit(writer, operation, *arguments)

    monkeypatch.setattr("messaging_service.workers.retention.find_old_versions", look)
    monkeypatch.setattr(Writer, "submit", note)
    async with serve() as client:
        await until(lambda: looks)
        await client.say("a", to="b")
    assert looks == [0]
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
    old = time.time_ns() // 1_000_000 - 3 * DAY
    with opened(settings.database_url) as engine, engine.begin() as connection:
        query = text("UPDATE message_versions SET replaced_at = :old WHERE text < '5'")
        connection.execute(query, {"old": old})
    async with serve(evidence_days=2, evidence_batch=2, metrics_port=port) as client:
        await eventually(
            lambda: read_sample(port, "evidence_forgotten_total"), lambda count: count == 5
        )
        assert await read_sample(port, "limit_reached_total", limit="evidence_batch") == 2
        (evidence,) = (await client.call("ListEvidence", message_id=stored.id)).evidence
        assert (evidence.message.text, [one.text for one in evidence.versions]) == ("6", ["5"])
