"""A messaging service whose answers the test writes, and sessions on wires that the test holds."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import grpc
import msgspec
from google.protobuf.timestamp_pb2 import Timestamp
from parley.messaging.v1 import messaging_pb2 as pb
from parley.messaging.v1 import messaging_pb2_grpc

from edge.cursors import Cursors, Position
from edge.sessions.context import Edge
from edge.sessions.people import People
from edge.sessions.session import Session
from parley_protocol.packets import JSON, Format
from service_kit.authentication.claims import Principal
from tests.support.waiting import PATIENCE

EPOCH = "epoch-1"
Change = pb.EditMessageRequest | pb.DeleteMessageRequest | pb.SetBlockRequest
SECRET = b"a secret of the tests that is long enough for HS512 as well, really long"


def position(revision: int, epoch: str = EPOCH) -> pb.Position:
    return pb.Position(epoch=epoch, revision=revision)


def message_event(
    seq: int, *, recipients: Iterable[str] = ("alice", "bob"), sender: str = "bob", origin: str = ""
) -> pb.Event:
    """Message `seq` of conversation c."""
    recipients = list(recipients)
    message = pb.Message(id=f"m{seq}", conversation_id="c", seq=seq, sender=sender, text="hi")
    created = pb.MessageCreated(message=message, unread=[seq] * len(recipients), origin=origin)
    return pb.Event(recipients=recipients, message_created=created)


def typing_event(user: str = "bob") -> pb.Event:
    typing = pb.Typing(conversation_id="c", user=user, typing=True)
    return pb.Event(recipients=["alice", "bob"], typing=typing)


def change(revision: int, *events: pb.Event) -> pb.ListChangesResponse.Change:
    return pb.ListChangesResponse.Change(revision=revision, events=events)


class Stream:
    """One Watch stream as the service sees it."""

    def __init__(self, watcher_id: str) -> None:
        self.watcher_id = watcher_id
        self._responses: asyncio.Queue[pb.WatchResponse | grpc.StatusCode] = asyncio.Queue()

    def say(self, revision: int, *events: pb.Event, epoch: str = EPOCH) -> None:
        self._responses.put_nowait(
            pb.WatchResponse(position=position(revision, epoch), events=events)
        )

    def end(self, status: grpc.StatusCode = grpc.StatusCode.UNAVAILABLE) -> None:
        self._responses.put_nowait(status)

    async def next(self) -> pb.WatchResponse | grpc.StatusCode:
        return await self._responses.get()


def given(answer: Any) -> Callable[[object], Awaitable[Any]]:
    """An RPC that is answered by this, or fails with it."""

    async def give(_request: object) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return give


class Held:
    """An RPC that is answered when the test lets it `go`, and never without that."""

    def __init__(self, answer: Any = None) -> None:
        self.asked, self.go = asyncio.Event(), asyncio.Event()
        self._answer = answer

    async def __call__(self, _request: object) -> Any:
        self.asked.set()
        await self.go.wait()
        return self._answer


@asynccontextmanager
async def running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run something beside the body, and cancel it at its end."""
    task = asyncio.create_task(work)
    yield
    task.cancel()
    await asyncio.wait({task})


class Service(messaging_pb2_grpc.MessagingServiceServicer):
    """The contract, as far as an edge uses it. What a test does not script is answered simply."""

    def __init__(self) -> None:
        self.epoch = EPOCH
        self.revision = 10
        self.watchers = 0
        self.streams: asyncio.Queue[Stream] = asyncio.Queue()
        # Of a version that has no stream for updates.
        self.is_earlier = False
        # Every UpdateWatch in order; with `hold_updates` each waits for `release_update`.
        self.updates: asyncio.Queue[pb.UpdateWatchRequest] = asyncio.Queue()
        self.hold_updates = False
        self._releases: asyncio.Queue[pb.UpdateWatchResponse | grpc.StatusCode] = asyncio.Queue()
        self.changes: Callable[[pb.ListChangesRequest], Awaitable[pb.ListChangesResponse]]
        self.changes = given(pb.ListChangesResponse(complete=True))
        self.change_requests: list[pb.ListChangesRequest] = []
        self.change_batches: list[list[str]] = []
        # Those for whom there may be changes; None: everybody who is asked about.
        self.changed_users: set[str] | None = None
        self.can_tell = True
        self.changed_users_requests: list[pb.ListChangedUsersRequest] = []
        self.list_messages: Callable[[pb.ListMessagesRequest], Awaitable[pb.ListMessagesResponse]]
        self.list_messages = given(pb.ListMessagesResponse())
        self.conversations: list[pb.Conversation] = []
        self.messages: list[pb.Message] = []
        self.created: list[pb.CreateMessageRequest] = []
        # Every EditMessage, DeleteMessage and SetBlock in order; with `hold_changes` each waits for
        # its turn.
        self.changed: asyncio.Queue[Change] = asyncio.Queue()
        self.hold_changes = False
        self.let_change = asyncio.Semaphore(0)
        self.looks: asyncio.Queue[str] = asyncio.Queue()
        self.typing: asyncio.Queue[tuple[str, bool]] = asyncio.Queue()
        self.let_look = asyncio.Event()
        self.let_look.set()
        self.let_create = asyncio.Event()
        self.let_create.set()
        self.marks: asyncio.Queue[pb.Mark] = asyncio.Queue()

    def release_update(self, revision: int | grpc.StatusCode) -> None:
        if isinstance(revision, int):
            answer = pb.UpdateWatchResponse(position=position(revision, self.epoch))
            self._releases.put_nowait(answer)
        else:
            self._releases.put_nowait(revision)

    async def Watch(  # noqa: N802 - the contract's name
        self, _request: pb.WatchRequest, context: Any
    ) -> AsyncIterator[pb.WatchResponse]:
        self.watchers += 1
        stream = Stream(f"watcher-{self.watchers}")
        yield pb.WatchResponse(
            watcher_id=stream.watcher_id, position=position(self.revision, self.epoch)
        )
        self.streams.put_nowait(stream)
        while isinstance(response := await stream.next(), pb.WatchResponse):
            yield response
        await context.abort(response, "the test ends the stream")

    async def UpdateWatch(  # noqa: N802 - the contract's name
        self, request: pb.UpdateWatchRequest, context: Any
    ) -> pb.UpdateWatchResponse:
        self.updates.put_nowait(request)
        if not self.hold_updates:
            return pb.UpdateWatchResponse(position=position(self.revision, self.epoch))
        answer = await self._releases.get()
        if isinstance(answer, grpc.StatusCode):
            await context.abort(answer, "the test refuses the update")
        assert isinstance(answer, pb.UpdateWatchResponse)
        return answer

    async def StreamUpdateWatch(  # noqa: N802 - the contract's name
        self, request_iterator: AsyncIterator[pb.StreamUpdateWatchRequest], context: Any
    ) -> AsyncIterator[pb.StreamUpdateWatchResponse]:
        if self.is_earlier:
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")
        async for request in request_iterator:
            answer = await self.UpdateWatch(request.update, context)
            yield pb.StreamUpdateWatchResponse(answer=answer)

    async def ListChanges(  # noqa: N802 - the contract's name
        self, request: pb.ListChangesRequest, _context: Any
    ) -> pb.ListChangesResponse:
        self.change_requests.append(request)
        return await self.changes(request)

    async def BatchListChanges(  # noqa: N802 - the contract's name
        self, request: pb.BatchListChangesRequest, context: Any
    ) -> pb.BatchListChangesResponse:
        if self.is_earlier:
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")
        self.change_batches.append([one.user for one in request.requests])
        pages = await asyncio.gather(*(self.ListChanges(one, context) for one in request.requests))
        result = pb.BatchListChangesResponse.Result
        return pb.BatchListChangesResponse(results=[result(page=page) for page in pages])

    async def ListChangedUsers(  # noqa: N802 - the contract's name
        self, request: pb.ListChangedUsersRequest, _context: Any
    ) -> pb.ListChangedUsersResponse:
        self.changed_users_requests.append(request)
        changed = self.changed_users
        users = [one for one in request.users if changed is None or one in changed]
        return pb.ListChangedUsersResponse(complete=self.can_tell, users=users)

    async def ListMessages(  # noqa: N802 - the contract's name
        self, request: pb.ListMessagesRequest, _context: Any
    ) -> pb.ListMessagesResponse:
        return await self.list_messages(request)

    async def StreamCreateMessages(  # noqa: N802 - the contract's name
        self, request_iterator: AsyncIterator[pb.StreamCreateMessagesRequest], _context: Any
    ) -> AsyncIterator[pb.StreamCreateMessagesResponse]:
        async for request in request_iterator:
            await self.let_create.wait()
            answer = pb.StreamCreateMessagesResponse()
            for item in request.batch.requests:
                self.created.append(item)
                stored = answer.batch.results.add().stored
                stored.id, stored.conversation_id = f"m{len(self.created)}", item.conversation_id
                stored.seq = len(self.created)
            yield answer

    async def EditMessage(  # noqa: N802 - the contract's name
        self, request: pb.EditMessageRequest, _context: Any
    ) -> pb.EditMessageResponse:
        await self._change(request)
        message = pb.Message(id=request.message_id, text=request.text, seq=3)
        changed = pb.MessageChanged(message=message, change=pb.MESSAGE_CHANGE_EDITED)
        return pb.EditMessageResponse(changed=changed)

    async def DeleteMessage(  # noqa: N802 - the contract's name
        self, request: pb.DeleteMessageRequest, _context: Any
    ) -> pb.DeleteMessageResponse:
        await self._change(request)
        message = pb.Message(id=request.message_id, seq=3, tombstone=pb.TOMBSTONE_DELETED)
        changed = pb.MessageChanged(message=message, change=pb.MESSAGE_CHANGE_DELETED)
        return pb.DeleteMessageResponse(changed=changed)

    async def _change(self, request: Change) -> None:
        self.changed.put_nowait(request)
        if self.hold_changes:
            await self.let_change.acquire()

    async def SetBlock(  # noqa: N802 - the contract's name
        self, request: pb.SetBlockRequest, _context: Any
    ) -> pb.SetBlockResponse:
        await self._change(request)
        return pb.SetBlockResponse(user=request.user, blocked=request.blocked)

    async def ListConversations(  # noqa: N802 - the contract's name
        self, _request: pb.ListConversationsRequest, _context: Any
    ) -> pb.ListConversationsResponse:
        return pb.ListConversationsResponse(conversations=self.conversations)

    async def GetConversation(  # noqa: N802 - the contract's name
        self, request: pb.GetConversationRequest, context: Any
    ) -> pb.GetConversationResponse:
        self.looks.put_nowait(request.conversation_id)
        await self.let_look.wait()
        for one in self.conversations:
            if one.id == request.conversation_id:
                return pb.GetConversationResponse(conversation=one)
        await context.abort(grpc.StatusCode.NOT_FOUND, "there is none")
        raise AssertionError("abort raises")

    async def GetMessages(  # noqa: N802 - the contract's name
        self, request: pb.GetMessagesRequest, _context: Any
    ) -> pb.GetMessagesResponse:
        found = [one for one in self.messages if one.id in request.message_ids]
        return pb.GetMessagesResponse(messages=found)

    async def MarkRead(  # noqa: N802 - the contract's name
        self, request: pb.MarkReadRequest, _context: Any
    ) -> pb.MarkReadResponse:
        results = [pb.MarkResult(watermark=pb.Watermark(seq=mark.seq)) for mark in request.marks]
        return pb.MarkReadResponse(results=results)

    async def SendTyping(  # noqa: N802 - the contract's name
        self, request: pb.SendTypingRequest, _context: Any
    ) -> pb.SendTypingResponse:
        for signal in request.signals:
            self.typing.put_nowait((signal.conversation_id, signal.typing))
        results = [pb.SendTypingResponse.Result() for _ in request.signals]
        return pb.SendTypingResponse(results=results)

    async def MarkDelivered(  # noqa: N802 - the contract's name
        self, request: pb.MarkDeliveredRequest, _context: Any
    ) -> pb.MarkDeliveredResponse:
        for mark in request.marks:
            self.marks.put_nowait(mark)
        results = [pb.MarkResult(watermark=pb.Watermark(seq=mark.seq)) for mark in request.marks]
        return pb.MarkDeliveredResponse(results=results)


CURSORS = Cursors("the credential")


class Wire:
    """The client's end of a session: what it sends, and what has been sent to it."""

    def __init__(self, format_: Format) -> None:
        self._format = format_
        self._incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._outgoing: asyncio.Queue[Any] = asyncio.Queue()
        self.reads = asyncio.Event()
        self.reads.set()
        # Without it a peer takes the close frame and never answers.
        self.answers_close = True
        self.aborted = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        return await self._incoming.get()

    async def send(self, event: dict[str, Any]) -> None:
        await self.reads.wait()
        if event["type"] == "websocket.close":
            self._outgoing.put_nowait(event)
            if self.answers_close:
                self.hang_up()
            return
        text = event.get("text")
        packet = json.loads(text) if text else msgspec.msgpack.decode(event["bytes"])
        self._outgoing.put_nowait(packet)

    def abort(self, after_seconds: float = 0) -> None:
        if after_seconds:
            asyncio.get_running_loop().call_later(after_seconds, self.abort)
            return
        self.aborted.set()
        self.hang_up()

    def hang_up(self, code: int = 1006, limit: str | None = None) -> None:
        event = {"type": "websocket.disconnect", "code": code, "limit": limit}
        self._incoming.put_nowait(event)

    def say(self, op: int, payload: object = None, packet_id: object = None) -> None:
        packet: dict[str, Any] = {"op": op}
        if packet_id is not None:
            packet["id"] = packet_id
        if payload is not None:
            packet["d"] = payload
        self.say_raw(json.dumps(packet))

    @property
    def taken(self) -> bool:
        """Whether everything that was said has been received."""
        return self._incoming.empty()

    def say_raw(self, text: str) -> None:
        self._incoming.put_nowait({"type": "websocket.receive", "text": text})

    async def hear(self) -> Any:
        """The next packet, or the event of the closing."""
        async with asyncio.timeout(PATIENCE):
            return await self._outgoing.get()

    def heard(self) -> list[Any]:
        """What has arrived and was not asked for yet."""
        packets = []
        while not self._outgoing.empty():
            packets.append(self._outgoing.get_nowait())
        return packets


def sample(edge: Edge, name: str, **labels: str) -> float:
    """The present value of a metric; 0 for a counter that was never touched."""
    return edge.metrics.registry.get_sample_value(f"parley_edge_{name}", labels) or 0.0


def presence_event(
    user: str = "bob", *, online: bool = True, last_seen: Timestamp | None = None
) -> pb.Event:
    """What alice is told of somebody's presence."""
    presence = pb.Presence(user=user, online=online, last_seen_time=last_seen)
    return pb.Event(recipients=["alice"], presence=presence)


def principal_of(
    user: str,
    expires_in: float = 3600,
    invisible: bool = False,
    token_id: str | None = None,
    issued_at: float | None = None,
) -> Principal:
    """Whoever a token of a user names."""
    expires_at = time.time() + expires_in
    return Principal(user, expires_at, frozenset(), invisible, issued_at, token_id)


def new_session(
    edge: Edge,
    user: str = "alice",
    format_: Format = JSON,
    expires_in: float = 3600,
    *,
    invisible: bool = False,
    token_id: str | None = None,
    issued_at: float | None = None,
) -> tuple[Session, Wire]:
    wire = Wire(format_)
    principal = principal_of(user, expires_in, invisible, token_id, issued_at)
    return Session(edge, principal, format_, wire.receive, wire.send, wire.abort), wire


# Serves a session as the application does.
Start = Callable[..., Awaitable[tuple[Session, Wire]]]


def cursor(revision: int, epoch: str = EPOCH) -> str:
    return CURSORS.encode({"messaging": Position(epoch, revision)})


def at(packet: dict[str, Any]) -> int:
    """The revision of a packet's cursor."""
    return CURSORS.decode(packet["cur"])["messaging"].revision


def with_settings(edge: Edge, **changed: object) -> Edge:
    """The same edge with other settings, and with people who have done nothing yet."""
    settings = edge.settings.model_copy(update=changed)
    people = People(edge.hub, settings, edge.metrics, asyncio.get_running_loop().time)
    return replace(edge, settings=settings, people=people)
