"""Each limit of the service reached through real gRPC: the named refusal, and the metric."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import grpc
import pytest
from parley.messaging.v1 import messaging_pb2 as pb

from messaging_service.settings import MessagingSettings
from tests.support.metrics import read_metric, read_sample
from tests.support.serving import METADATA, locked
from tests.support.system import free_port
from tests.support.waiting import PATIENCE, eventually

INVALID, EXHAUSTED = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED

Metric = Callable[..., Awaitable[float | None]]


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def metric(port: int) -> Metric:
    return partial(read_sample, port)


def a_message(text: str = "x", **fields: Any) -> pb.CreateMessageRequest:
    return pb.CreateMessageRequest(actor="a", to="b", text=text, **fields)


LARGE_BATCH = pb.BatchCreateMessagesRequest(requests=[a_message()] * 2)
LONG_SUBJECT = pb.CreateConversationRequest(participants=["a", "b"], subject="1234")


@pytest.mark.parametrize(
    ("limit", "request_", "code", "why"),
    [
        ("text_limit", a_message("12345"), INVALID, "INVALID_ARGUMENT"),
        ("subject_limit", a_message(subject="1234"), INVALID, "INVALID_ARGUMENT"),
        ("subject_limit", LONG_SUBJECT, INVALID, "INVALID_ARGUMENT"),
        ("max_batch", pb.GetMessagesRequest(message_ids=["m"] * 3), INVALID, "BATCH_TOO_LARGE"),
        ("max_waiting_items", LARGE_BATCH, EXHAUSTED, "WRITER_OVERLOADED"),
    ],
)
async def test_a_limit_refuses_by_name_and_is_counted(
    serve: Any, refused: Any, port: int, metric: Metric,
    limit: str, request_: Any, code: grpc.StatusCode, why: str,
) -> None:  # fmt: skip
    """Whatever the call; and what the limit is set to is told as well."""
    method = type(request_).__name__.removesuffix("Request")
    small = {"text_limit": 4, "subject_limit": 3, "max_batch": 2, "max_waiting_items": 1}
    async with serve(metrics_port=port, **small) as client:
        assert await metric("limit_reached_total", limit=limit) == 0
        assert await metric("limit_value", limit=limit) == small[limit]
        await refused(client.call(method, request_), code, why)
        assert await metric("limit_reached_total", limit=limit) == 1
        name = f"/parley.messaging.v1.MessagingService/{method}"
        assert await metric("calls_total", method=name, code=code.name) == 1
        assert await metric("call_seconds_count", method=name) == 1


async def test_items_of_a_batch_are_counted_each(serve: Any, port: int, metric: Metric) -> None:
    """Also those of a call that ends well."""
    async with serve(metrics_port=port, text_limit=4, openings_per_hour=1) as client:
        requests = [a_message(), a_message("12345"), a_message(subject="s"), a_message("12345")]
        await client.call("BatchCreateMessages", requests=requests)
        assert await metric("limit_reached_total", limit="text_limit") == 2
        assert await metric("limit_reached_total", limit="openings_per_hour") == 1
        name = "/parley.messaging.v1.MessagingService/BatchCreateMessages"
        assert await metric("calls_total", method=name, code="OK") == 1


async def test_edits_beyond_the_limit_are_counted(
    serve: Any, refused: Any, port: int, metric: Metric
) -> None:
    """And refused for good: no wait helps."""
    async with serve(metrics_port=port, edits_per_message=1) as client:
        stored = await client.say("a", to="b")
        edit = pb.EditMessageRequest(actor="a", message_id=stored.id, text="x")
        await client.call("EditMessage", edit)
        code = grpc.StatusCode.FAILED_PRECONDITION
        found = await refused(client.call("EditMessage", edit), code, "TOO_MANY_EDITS")
        assert "RetryInfo" not in found
        assert await metric("limit_reached_total", limit="edits_per_message") == 1


async def test_a_page_is_no_larger_than_its_limit(serve: Any, port: int, metric: Metric) -> None:
    """Asking for more is no mistake (AIP-158): it is less, and counted."""
    pages = {"conversations_page": 1, "messages_page": 1, "changes_page": 1}
    async with serve(metrics_port=port, **pages) as client:
        start = (await client.watch(["a"])).first.position
        stored = [await client.say("a", to="b", subject=str(number)) for number in range(2)]
        await client.say("a", conversation_id=stored[0].conversation_id)
        for size, times in ((1, 0), (2, 1)):
            conversations = await client.call("ListConversations", actor="a", page_size=size)
            messages = await client.call(
                "ListMessages",
                actor="a",
                conversation_id=stored[0].conversation_id,
                page_size=size,
            )
            changes = await client.changes("a", start, 3, page_size=size)
            assert len(conversations.conversations) == len(messages.messages) == 1
            assert len(changes.changes) == 1
            for limit in pages:
                assert await metric("limit_reached_total", limit=limit) == times


async def test_a_page_of_messages_is_bounded_in_bytes(
    serve: Any, port: int, metric: Metric
) -> None:
    """It has those next to where it begins, at least one, and says that there are more."""
    async with serve(metrics_port=port, messages_bytes=5_000) as client:
        sizes = (2_000, 1_000, 4_000, 2_000, 10)
        stored = [await client.say("b", "x" * size, to="a") for size in sizes]
        place = {"actor": "a", "conversation_id": stored[0].conversation_id}

        async def page(**of: int) -> tuple[list[int], bool]:
            answer = await client.call("ListMessages", **place, **of)
            return [one.seq for one in answer.messages], answer.more

        assert await page() == ([4, 5], True)
        assert await page(before_seq=4) == ([3], True)
        assert await page(before_seq=3) == ([1, 2], False)
        assert await page(after_seq=0) == ([1, 2], True)
        assert await page(after_seq=2) == ([3], True)
        assert await page(after_seq=3) == ([4, 5], False)
        assert await metric("limit_reached_total", limit="messages_bytes") == 4


async def test_a_page_of_changes_is_bounded_in_bytes(serve: Any, port: int, metric: Metric) -> None:
    """It ends between two revisions, has at least one, and the next goes on from there."""
    async with serve(metrics_port=port, changes_bytes=5_000) as client:
        start = (await client.watch(["a"])).first.position
        for size in (2_000, 1_000, 4_000, 10):
            await client.say("b", "x" * size, to="a")
        found, token = [], ""
        while True:
            page = await client.changes("a", start, 4, page_token=token)
            found.append([change.revision for change in page.changes])
            if not (token := page.next_page_token):
                break
        assert found == [[1, 2], [3, 4]]
        assert await metric("limit_reached_total", limit="changes_bytes") == 1


async def test_a_transaction_takes_no_more_than_its_limit(
    serve: Any, settings: MessagingSettings, port: int, metric: Metric
) -> None:
    """The rest goes with the next; nothing is refused."""
    changes = {"max_transaction_items": 2, "database_lock_timeout_seconds": 10}
    async with serve(metrics_port=port, **changes) as client:
        await client.say("a", to="b")
        with locked(settings.database_url):
            calls = [asyncio.ensure_future(client.say("a", str(i), to="b")) for i in range(7)]
            # One transaction is waiting for the lock, with what had come by then.
            await eventually(
                lambda: metric("writer_waiting_items"), lambda items: (items or 0) >= 5
            )
        assert sorted([(await call).seq for call in calls]) == list(range(2, 9))
        assert (await metric("limit_reached_total", limit="max_transaction_items") or 0) >= 2
        assert await metric("writer_transaction_items_sum") == 8


async def test_a_watcher_that_reads_nothing_lags_and_is_cut_off(
    serve: Any, port: int, metric: Metric
) -> None:
    """Its lag is told by its name until then; the others are told everything."""
    async with serve(metrics_port=port, watch_queue_events=20) as client:
        slow = client.stub.Watch(pb.WatchRequest(watcher_name="slow"), metadata=METADATA)
        first = await slow.read()
        await client.call("UpdateWatch", watcher_id=first.watcher_id, add_users=["b"])
        quick = await client.watch(["b"])
        lagged = written = 0.0
        while not await metric("limit_reached_total", limit="watch_queue_events"):
            # What gRPC and the sockets hold has to be full before anything waits here.
            requests = [a_message("x" * 4_000) for _ in range(15)]
            await client.call("BatchCreateMessages", requests=requests)
            await quick.events(15)
            written += 1
            lagged = max(lagged, await metric("watch_lag_revisions", watcher="slow") or 0)
            assert written < 500
        assert lagged >= 1
        assert await metric("watch_lag_revisions", watcher="slow") is None
        assert await metric("watch_lag_revisions", watcher="test") == 0
        assert await metric("watch_cut_offs_total", reason="WATCHER_TOO_SLOW") == 1
        slow.cancel()


async def test_a_call_without_the_credential_is_counted(
    serve: Any, refused: Any, port: int, metric: Metric
) -> None:
    """Under no name that it gives itself, for it may give any."""
    async with serve(metrics_port=port) as client:
        unauthenticated = (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")
        await refused(
            client.stub.GetMessages(pb.GetMessagesRequest(), timeout=PATIENCE), *unauthenticated
        )
        assert await metric("calls_total", method="refused", code="UNAUTHENTICATED") == 1


async def test_the_address_of_the_metrics_is_a_setting(serve: Any, port: int) -> None:
    """Loopback unless it is said; 127.0.0.2 is loopback as well, and another address."""
    async with serve(metrics_port=port, metrics_host="127.0.0.2"):
        url = f"http://127.0.0.2:{port}/metrics"
        assert await asyncio.to_thread(read_metric, url, "watch_watchers") == 0
        with pytest.raises(OSError, match="refused"):
            await asyncio.to_thread(read_metric, f"http://127.0.0.1:{port}/metrics", "x")


async def test_presence_is_told_in_so_many_conversations_and_the_rest_is_counted(
    serve: Any, port: int, metric: Metric
) -> None:
    """In those of newest activity: of two others one is told."""
    async with serve(metrics_port=port, presence=True, presence_conversations=1) as client:
        for other in ("old", "new"):
            await client.say("b", to=other)
        others = await client.watch(["old", "new"])
        # Both are online from here on, which is told to b in one conversation each.
        await client.watch(["b"])
        ((_, event),) = await others.events(1)
        assert (event.presence.user, list(event.recipients)) == ("b", ["new"])
        assert await metric("limit_reached_total", limit="presence_conversations") == 1.0
        assert await metric("limit_value", limit="presence_conversations") == 1.0


async def test_beyond_the_limit_whoever_began_to_type_first_ends(
    serve: Any, port: int, metric: Metric
) -> None:
    """Nothing is kept without a bound, and nobody is left typing."""
    async with serve(metrics_port=port, typing_people=1, typing_seconds=600) as client:
        places = [
            (await client.say("a", to="b", subject=subject)).conversation_id
            for subject in ("", "tap")
        ]
        stream = await client.watch(["b"])
        for place in places:
            signal = pb.TypingSignal(actor="a", conversation_id=place, typing=True)
            await client.call("SendTyping", signals=[signal])
        told = [event.typing for _, event in await stream.events(3)]
        assert [(one.conversation_id, one.typing) for one in told] == [
            (places[0], True),
            (places[0], False),
            (places[1], True),
        ]
        assert await metric("limit_reached_total", limit="typing_people") == 1
        assert await metric("typing_people") == 1
