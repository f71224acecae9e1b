"""A moderation service whose answers the test writes, and an edge that dials it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from parley.moderation.v1 import moderation_pb2 as pb
from parley.moderation.v1 import moderation_pb2_grpc

from edge.backends.moderation import ModerationBackend
from edge.cursors import MODERATION, Position
from edge.push.feed import Feed
from edge.sanctions.cache import SanctionsCache
from edge.sanctions.reader import SanctionsReader
from edge.sessions.context import Edge
from edge.sessions.enforcement import Enforcement, ModerationDeliverer
from edge.sessions.session import Session
from parley_protocol.packets import Activity
from parley_protocol.payloads.moderation import Standing
from tests.edge.scripted import Wire, new_session
from tests.support.waiting import PATIENCE, until

EPOCH = "moderation-1"


def sanction(
    kind: str,
    name: str = "s1",
    *,
    until: float | None = None,
    conversation: str = "",
    lifted: bool = False,
) -> pb.Sanction:
    """A sanction of this kind as its user sees it."""
    number = pb.SanctionKind.Value(f"SANCTION_KIND_{kind.upper()}")
    made = pb.Sanction(
        id=name,
        kind=number,
        conversation_id=conversation,
        decision_id="d1",
        appealable=True,
        statement=pb.Statement(
            kind=number, scope="account", facts="Advertised.", ground=pb.GROUND_TERMS, rule="3"
        ),
    )
    if until is not None:
        made.until_time.CopyFrom(Timestamp(seconds=int(until), nanos=int(until % 1 * 1e9)))
    if lifted:
        made.lift_time.CopyFrom(Timestamp(seconds=1))
    return made


def sanctioned(*recipients: str, **of: Any) -> pb.Event:
    kind = of.pop("kind")
    return pb.Event(recipients=recipients, sanctioned=pb.Sanctioned(sanction=sanction(kind, **of)))


def lifted(*recipients: str, **of: Any) -> pb.Event:
    kind = of.pop("kind")
    told = pb.SanctionLifted(sanction=sanction(kind, lifted=True, **of))
    return pb.Event(recipients=recipients, sanction_lifted=told)


class Moderation(moderation_pb2_grpc.ModerationServiceServicer):
    """The contract, as far as an edge uses it."""

    def __init__(self) -> None:
        self.epoch = EPOCH
        self.revision = 10
        self.sanctions: dict[str, list[pb.Sanction]] = {}
        self.revocations: dict[str, pb.Revocations] = {}
        # What each BatchGetStandings asked for; while `answers` is not set, none is answered.
        self.reads: list[list[str]] = []
        # Whom each UpdateWatch added and removed.
        self.updates: list[tuple[list[str], list[str]]] = []
        self.answers = asyncio.Event()
        self.answers.set()
        self.follows = asyncio.Event()
        self.follows.set()
        # UpdateWatch answers that events come from here on; None: from the present revision.
        self.followed_from: int | None = None
        self.changes: list[pb.ListChangesResponse.Change] = []
        self.complete = True
        self.streams: asyncio.Queue[asyncio.Queue[pb.WatchResponse | None]] = asyncio.Queue()

    def position(self, revision: int | None = None) -> pb.Position:
        return pb.Position(
            epoch=self.epoch, revision=self.revision if revision is None else revision
        )

    async def BatchGetStandings(  # noqa: N802 - the contract's name
        self, request: pb.BatchGetStandingsRequest, _context: Any
    ) -> pb.BatchGetStandingsResponse:
        self.reads.append(list(request.users))
        await self.answers.wait()
        standings = [
            pb.Standing(
                user=user,
                sanctions=self.sanctions.get(user, []),
                position=self.position(),
                revocations=self.revocations.get(user),
            )
            for user in request.users
        ]
        return pb.BatchGetStandingsResponse(standings=standings)

    async def Watch(  # noqa: N802 - the contract's name
        self, _request: pb.WatchRequest, context: Any
    ) -> AsyncIterator[pb.WatchResponse]:
        stream: asyncio.Queue[pb.WatchResponse | None] = asyncio.Queue()
        yield pb.WatchResponse(watcher_id="w", position=self.position())
        self.streams.put_nowait(stream)
        while (response := await stream.get()) is not None:
            yield response
        await context.abort(grpc.StatusCode.UNAVAILABLE, "the test ends the stream")

    async def UpdateWatch(  # noqa: N802 - the contract's name
        self, request: pb.UpdateWatchRequest, _context: Any
    ) -> pb.UpdateWatchResponse:
        self.updates.append((list(request.add_users), list(request.remove_users)))
        await self.follows.wait()
        return pb.UpdateWatchResponse(position=self.position(self.followed_from))

    async def StreamUpdateWatch(  # noqa: N802 - the contract's name
        self, request_iterator: AsyncIterator[pb.StreamUpdateWatchRequest], context: Any
    ) -> AsyncIterator[pb.StreamUpdateWatchResponse]:
        async for request in request_iterator:
            answer = await self.UpdateWatch(request.update, context)
            yield pb.StreamUpdateWatchResponse(answer=answer)

    async def ListChanges(  # noqa: N802 - the contract's name
        self, _request: pb.ListChangesRequest, _context: Any
    ) -> pb.ListChangesResponse:
        return pb.ListChangesResponse(complete=self.complete, changes=self.changes)

    async def BatchListChanges(  # noqa: N802 - the contract's name
        self, request: pb.BatchListChangesRequest, context: Any
    ) -> pb.BatchListChangesResponse:
        pages = [await self.ListChanges(one, context) for one in request.requests]
        result = pb.BatchListChangesResponse.Result
        return pb.BatchListChangesResponse(results=[result(page=page) for page in pages])

    async def ListChangedUsers(  # noqa: N802 - the contract's name
        self, request: pb.ListChangedUsersRequest, _context: Any
    ) -> pb.ListChangedUsersResponse:
        return pb.ListChangedUsersResponse(complete=True, users=request.users)


class Moderated:
    """An edge with moderation: its service, and the stream to it."""

    def __init__(self, edge: Edge, service: Moderation) -> None:
        self.edge = edge
        self.service = service
        self.stream: asyncio.Queue[pb.WatchResponse | None]

    @property
    def feed(self) -> Feed:
        return self.edge.feeds[MODERATION]

    def say(self, revision: int, *events: pb.Event) -> None:
        """Let something happen, and tell it on the stream."""
        self.service.revision = revision
        response = pb.WatchResponse(position=self.service.position(), events=events)
        self.stream.put_nowait(response)

    def tell(self, revision: int, *events: pb.Event) -> None:
        """Let the edge learn of events in this turn, as if the stream had just brought them."""
        self.edge.hub.positions[MODERATION] = Position(EPOCH, 10)
        self.feed._sink.deliver(revision, events)

    async def next_stream(self) -> None:
        """Return when the feed watches, perhaps anew."""
        async with asyncio.timeout(PATIENCE):
            self.stream = await self.service.streams.get()
        await until(lambda: self.feed.users.ready)

    def deadline(self, seconds: float = 5) -> float:
        return asyncio.get_running_loop().time() + seconds


@asynccontextmanager
async def moderated(edge: Edge, clock: Any, **settings: Any) -> AsyncIterator[Moderated]:
    """The edge of the fixture, with a moderation service that serves. The feed of moderation does
    not run yet.
    """
    service = Moderation()  # type: ignore[abstract]  # the rest is unimplemented
    server = grpc.aio.server()
    moderation_pb2_grpc.add_ModerationServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    changed = edge.settings.model_copy(update={"moderation_timeout_seconds": 5.0, **settings})
    backend = ModerationBackend(f"127.0.0.1:{port}", changed, tuple, edge.metrics)
    sanctions = SanctionsCache(edge.hub, changed, edge.metrics, clock)
    enforcement = Enforcement(edge.hub, sanctions, edge.messaging, edge.negotiation)
    reader = SanctionsReader(
        backend, sanctions, edge.hub, changed, edge.metrics, enforcement.enforce
    )
    feed = Feed(
        backend,
        edge.hub,
        ModerationDeliverer(edge.hub, sanctions, reader, enforcement, edge.metrics),
        watcher_name="test",
        timeout_seconds=changed.watch_timeout_seconds,
        batch_items=changed.batch_items,
        metrics=edge.metrics,
        linger_seconds=settings.get("follow_linger_seconds", 0),
        most_lingering=changed.known_standings,
    )
    whole = replace(
        edge,
        settings=changed,
        feeds={**edge.feeds, MODERATION: feed},
        moderation=backend,
        sanctions=sanctions,
        sanctions_reader=reader,
    )
    try:
        yield Moderated(whole, service)
    finally:
        await backend.close()
        await server.stop(None)


async def log_in(
    at: Moderated, user: str = "bob", seconds: float = 5, **of: Any
) -> tuple[Session, Wire, Standing | None]:
    """As the application does it, up to HELLO."""
    reader, deadline = at.edge.sanctions_reader, at.deadline(seconds)
    session, wire = new_session(at.edge, user, **of)
    excluding = await reader.admit(session.principal, deadline)
    at.edge.hub.add(session)
    at.edge.sanctions.enter(user)
    positions = {}
    if at.feed.live:
        positions[MODERATION] = await at.feed.users.follow(user)
        await reader.settle(user, positions[MODERATION], deadline)
    session.attach(positions)
    session.release()
    return session, wire, excluding


def log_out(at: Moderated, session: Session) -> None:
    at.edge.hub.remove(session)
    at.feed.users.review(session.user)
    at.edge.sanctions.leave(session.user, followed=at.feed.users.lingers(session.user))


def may_write(at: Moderated, user: str = "bob", conversation: str = "") -> bool:
    return at.edge.sanctions.check(user, Activity.WRITE, conversation) is None
