"""Retention: texts that are no longer evidence are deleted beside the calls, a few at a time."""

import asyncio
import time
from typing import Any

import pytest
from parley.messaging.v1 import messaging_pb2 as pb
from sqlalchemy import text

from messaging_service.operations.messages import create_message
from messaging_service.settings import MessagingSettings
from messaging_service.storage.message_changes import find_old_versions
from messaging_service.workers.retention import DAY
from service_kit.storage.engines import open_engine
from service_kit.storage.writer import Writer
from tests.support.metrics import read_metric
from tests.support.system import free_port
from tests.support.waiting import until


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

    async def note(writer: Writer, operation: Any, items: Any) -> Any:
        operations.append(getattr(operation, "func", operation))
        return await submit(writer, operation, items)

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
            edit = pb.EditMessageRequest(actor="a", message_id=stored.id, text=str(number))
            await client.call("EditMessage", edit)
    engine = open_engine(settings.database_url, "writer")
    old = time.time_ns() // 1_000_000 - 3 * DAY
    with engine.begin() as connection:
        query = text("UPDATE message_versions SET replaced_at = :old WHERE text < '5'")
        connection.execute(query, {"old": old})
    engine.dispose()
    async with serve(evidence_days=2, evidence_batch=2, metrics_port=port) as client:
        url = f"http://127.0.0.1:{port}/metrics"
        async with asyncio.timeout(10):
            while await asyncio.to_thread(read_metric, url, "evidence_forgotten_total") != 5:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.01)
        limit = await asyncio.to_thread(
            read_metric, url, "limit_reached_total", limit="evidence_batch"
        )
        assert limit == 2
        asked = pb.ListEvidenceRequest(message_id=stored.id)
        (evidence,) = (await client.call("ListEvidence", asked)).evidence
        assert (evidence.message.text, [one.text for one in evidence.versions]) == ("6", ["5"])
