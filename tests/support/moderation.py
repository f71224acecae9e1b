"""A scripted moderation service, by the contract, over real gRPC."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from parley.moderation.v1 import moderation_pb2 as pb

from service_kit.follow.positions import read_followed
from service_kit.follow.sanctions import MODERATION
from service_kit.rules import Position
from service_kit.storage.engines import open_engine
from service_kit.storage.readers import Readers
from tests.support.waiting import PATIENCE

SECRET = "what-the-scripted-moderation-accepts"
FAR = 4_102_444_800_000
"""A time in milliseconds UTC that does not come while a test runs."""

RESTRICTIONS: dict[str, dict[str, Any]] = {
    "muted": {"muted": FAR},
    "suspended": {"suspended": FAR},
    "banned": {"banned": True},
}
"""The arguments of `standing` for a user who is restricted in each way."""

_SERVICE = "parley.moderation.v1.ModerationService"

_epochs = count(1)


def _at(milliseconds: int) -> Timestamp | None:
    if not milliseconds:
        return None
    seconds, rest = divmod(milliseconds, 1000)
    return Timestamp(seconds=seconds, nanos=rest * 1_000_000)


def standing(user: str, *, muted: int = 0, suspended: int = 0, banned: bool = False) -> pb.Event:
    """The event of a user's new standing; restrictions end at times in milliseconds UTC."""
    now = pb.Standing(
        user=user,
        muted_until_time=_at(muted),
        suspended_until_time=_at(suspended),
        banned=banned,
    )
    return pb.Event(standing_changed=pb.StandingChanged(standing=now))


def lock(conversation: str, locked: bool = True) -> pb.Event:
    """The event of a conversation that is locked, or no longer."""
    changed = pb.ConversationLockChanged(conversation_id=conversation, locked=locked)
    return pb.Event(conversation_lock_changed=changed)


def removal(message: str, removed: bool = True, conversation: str = "") -> pb.Event:
    """The event of a message that is removed, or shown again."""
    changed = pb.MessageRemovalChanged(
        conversation_id=conversation, message_id=message, removed=removed
    )
    return pb.Event(message_removal_changed=changed)


class ScriptedModeration:
    """Serves a history, revision by revision, to watchers of everything."""

    def __init__(self) -> None:
        self.epoch = f"epoch-{next(_epochs)}"
        self.changes: list[list[pb.Event]] = []
        self.target = ""
        self._changed = asyncio.Event()

    @property
    def position(self) -> pb.Position:
        return pb.Position(epoch=self.epoch, revision=len(self.changes))

    def tell(self, *events: pb.Event) -> None:
        """Add events as one revision, and send them to all watchers."""
        self.changes.append(list(events))
        self._wake()

    def go_back(self, revisions: int) -> None:
        """Restore a backup with the first revisions only; streams end."""
        self.epoch, self.changes = f"epoch-{next(_epochs)}", self.changes[:revisions]
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def watch(self, request: Any, context: Any) -> AsyncIterator[Any]:
        """Watch, as the contract says."""
        assert request.everything
        await _check(context)
        epoch, told = self.epoch, len(self.changes)
        yield pb.WatchResponse(watcher_id="w", position=self.position)
        while True:
            changed = self._changed
            if self.epoch != epoch:
                return
            for events in self.changes[told:]:
                told += 1
                position = pb.Position(epoch=epoch, revision=told)
                yield pb.WatchResponse(position=position, events=events)
            try:
                await asyncio.wait_for(changed.wait(), 0.2)
            except TimeoutError:
                # Not of a revision whose events were added this instant and are yet to be sent.
                yield pb.WatchResponse(position=pb.Position(epoch=epoch, revision=told))

    async def list_changes(self, request: Any, context: Any) -> Any:
        """ListChanges, as the contract says, in pages of two revisions."""
        assert request.everything
        await _check(context)
        if request.after.epoch != self.epoch:
            return pb.ListChangesResponse(complete=False)
        start = int(request.page_token or request.after.revision)
        end = min(start + 2, request.until.revision)
        changes = [
            pb.ListChangesResponse.Change(revision=start + number, events=events)
            for number, events in enumerate(self.changes[start:end], start=1)
        ]
        token = str(end) if end < request.until.revision else ""
        return pb.ListChangesResponse(complete=True, changes=changes, next_page_token=token)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["ScriptedModeration"]:
        """Serve on a port of this machine, the same each time."""
        server = grpc.aio.server()
        handlers: Any = {
            "Watch": grpc.unary_stream_rpc_method_handler(
                self.watch, pb.WatchRequest.FromString, pb.WatchResponse.SerializeToString
            ),
            "ListChanges": grpc.unary_unary_rpc_method_handler(
                self.list_changes,
                pb.ListChangesRequest.FromString,
                pb.ListChangesResponse.SerializeToString,
            ),
        }
        handler = grpc.method_handlers_generic_handler(_SERVICE, handlers)
        server.add_generic_rpc_handlers((handler,))
        port = server.add_insecure_port(self.target or "127.0.0.1:0")
        await server.start()
        self.target = f"127.0.0.1:{port}"
        try:
            yield self
        finally:
            await server.stop(None)


async def _check(context: Any) -> None:
    if ("authorization", f"Bearer {SECRET}") not in context.invocation_metadata():
        await context.abort(grpc.StatusCode.UNAUTHENTICATED, "another credential")


class Following:
    """A service that follows a moderation: what it has heard, as its database says."""

    def __init__(self, database_url: str, moderation: ScriptedModeration) -> None:
        self._url = database_url
        self._moderation = moderation

    async def tell(self, *events: pb.Event) -> None:
        """Add events, and return when the service has applied them all."""
        if events:
            self._moderation.tell(*events)
        known = Position(self._moderation.epoch, len(self._moderation.changes))
        engine = open_engine(self._url, "reader")
        readers = Readers(engine, 1)
        try:
            async with asyncio.timeout(PATIENCE):
                while await readers.run(read_followed, MODERATION) != known:  # noqa: ASYNC110 - nothing tells of it
                    await asyncio.sleep(0.005)
        finally:
            await readers.close()
            engine.dispose()
