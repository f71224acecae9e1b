"""A migrated database of each kind, and a moderation service beside messaging and negotiation."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from parley.moderation.v1 import moderation_pb2 as pb
from parley.moderation.v1 import moderation_pb2_grpc

from moderation_service.__main__ import SERVICE
from moderation_service.settings import ModerationSettings
from service_kit.service import running
from tests.moderation_service.peers import SECRET as PEERS_SECRET
from tests.moderation_service.peers import Peers, serve_peers
from tests.support.serving import METADATA, SECRET, Described, Stream, check_refused

# What the contract asks of a client.
OPTIONS = (("grpc.max_metadata_size", 256 * 1024),)
MODERATOR = ("moderator",)
FACTS, RULE = "Asked for payment outside.", "Terms, 4.2"


def settings_of(folder: Path, database_url: str) -> ModerationSettings:
    """Settings with which tests do not wait for long."""
    credentials = folder / "service.key"
    credentials.write_text(f"{SECRET}\nthe-next-credential\n")
    (folder / "theirs.key").write_text(PEERS_SECRET)
    return ModerationSettings(
        listen="127.0.0.1:0",
        database_url=database_url,
        database_lock_timeout_seconds=1,
        credentials_file=credentials,
        messaging_credential_file=folder / "theirs.key",
        messaging_timeout_seconds=5,
        negotiation_timeout_seconds=5,
        saga_seconds=0.2,
        grace_seconds=0,
        log_level="info",
        watch_progress_seconds=0.05,
    )


DESCRIBED = Described(SERVICE, settings_of)


@pytest.fixture
def described() -> Described:
    """The service whose databases and settings tests get."""
    return DESCRIBED


@pytest.fixture
async def peers(tmp_path: Path) -> AsyncIterator[Peers]:
    """Messaging and negotiation, as they serve."""
    async with serve_peers(tmp_path) as made:
        yield made


class Client:
    """Calls a service with its credential."""

    def __init__(self, channel: grpc.aio.Channel, port: int, peers: Peers) -> None:
        self.channel = channel
        self.port = port
        self.peers = peers
        self.stub: Any = moderation_pb2_grpc.ModerationServiceStub(channel)

    async def call(self, name: str, request: Any = None, **fields: Any) -> Any:
        """Call the method of that name with a request, or with the fields of one."""
        request = request or getattr(pb, f"{name}Request")(**fields)
        return await getattr(self.stub, name)(request, metadata=METADATA, timeout=10)

    async def moderate(self, name: str, actor: str = "mia", **fields: Any) -> Any:
        """Call a method as a moderator."""
        return await self.call(name, actor=actor, roles=MODERATOR, **fields)

    async def watch(self, users: Sequence[str] = (), *, everything: bool = False) -> Stream:
        """Watch users, or everything."""
        request = pb.WatchRequest(watcher_name="test", everything=everything)
        call = self.stub.Watch(request, metadata=METADATA)
        stream = Stream(call, await call.read(), self._update_watch)
        await stream.update(add_users=users)
        return stream

    async def _update_watch(self, **fields: Any) -> Any:
        return await self.call("UpdateWatch", **fields)

    async def report(
        self, actor: str = "ann", author: str = "bob", text: str = "pay outside", **fields: Any
    ) -> pb.Report:
        """Report a message that the author has just written to the actor."""
        said = await self.peers.say(author, actor, text)
        given = {"reason": pb.REPORT_REASON_SCAM, **fields}
        response = await self.call("ReportMessage", actor=actor, message_id=said.id, **given)
        report: pb.Report = response.report
        return report

    async def cases(self, actor: str = "mia", **fields: Any) -> list[pb.Case]:
        """The cases that a moderator is shown first."""
        page = await self.moderate("ListCases", actor, **fields)
        return list(page.cases)

    async def decide(
        self, case: str, *measures: pb.Measure, actor: str = "mia", **fields: Any
    ) -> pb.Case:
        """Claim a case and decide it: a violation with measures, or none without."""
        claimed = (await self.moderate("ClaimCase", actor, case_id=case)).case
        verdict = pb.VERDICT_VIOLATION if measures else pb.VERDICT_NO_VIOLATION
        given = {"version": claimed.version, "verdict": verdict, "measures": measures, **fields}
        decided = await self.moderate("DecideCase", actor, case_id=case, **given)
        found: pb.Case = decided.case
        return found

    async def standing(self, user: str) -> pb.Standing:
        """The standing of a user."""
        found: pb.Standing = (await self.call("GetStanding", actor=user)).standing
        return found


def measure(kind: str, user: str = "bob", **fields: Any) -> pb.Measure:
    """A measure by the name of its kind, with reasons."""
    return pb.Measure(
        kind=pb.SanctionKind.Value(f"SANCTION_KIND_{kind}"),
        user=user,
        **{"facts": FACTS, "rule": RULE, **fields},
    )


def later(**time: float) -> Timestamp:
    """A time from now on."""
    made = Timestamp()
    made.GetCurrentTime()
    made.FromMilliseconds(made.ToMilliseconds() + int(timedelta(**time).total_seconds() * 1000))
    return made


def muted(user: str = "bob", **time: float) -> pb.Measure:
    """A mute for a while."""
    return measure("MUTED", user, until_time=later(**(time or {"hours": 1})))


Serve = Callable[..., AbstractAsyncContextManager[Client]]


@pytest.fixture
def serve(settings: ModerationSettings, peers: Peers) -> Serve:
    """Start a service with changed settings."""

    @asynccontextmanager
    async def start(**changes: Any) -> AsyncIterator[Client]:
        theirs = {
            "messaging_target": peers.messaging_target,
            "negotiation_target": peers.negotiation_target,
            "negotiation_credential_file": settings.messaging_credential_file,
        }
        changed = settings.model_copy(update={**theirs, **changes})
        async with (
            running(SERVICE, changed) as port,
            grpc.aio.insecure_channel(f"127.0.0.1:{port}", OPTIONS) as channel,
        ):
            yield Client(channel, port, peers)

    return start


@pytest.fixture
async def client(serve: Serve) -> AsyncIterator[Client]:
    """A running service with the settings as they are."""
    async with serve() as started:
        yield started


@pytest.fixture
def refused() -> Callable[..., Any]:
    """Check that a call is refused with a code and reason; gives the details."""

    async def check(awaitable: Any, code: grpc.StatusCode, reason: str, field: str = "") -> Any:
        more = (pb.Case, pb.Dispute, pb.Standing)
        return await check_refused(awaitable, "moderation.parley", code, reason, field, more)

    return check
