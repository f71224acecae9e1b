"""Messaging and negotiation refuse what moderation forbids: three real services at once."""

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, closing
from pathlib import Path
from typing import Any

import grpc
import pytest
from parley.messaging.v1 import messaging_pb2 as words
from parley.messaging.v1.messaging_pb2_grpc import MessagingServiceStub
from parley.moderation.v1 import moderation_pb2 as pb
from parley.negotiation.v1 import negotiation_pb2 as deals
from parley.negotiation.v1.negotiation_pb2_grpc import NegotiationServiceStub
from sqlalchemy import text

from messaging_service.__main__ import SERVICE as MESSAGING
from moderation_service.settings import ModerationSettings
from negotiation_service.__main__ import SERVICE as NEGOTIATION
from service_kit.authentication.callers import Caller
from service_kit.follow.positions import read_followed
from service_kit.follow.sanctions import MODERATION
from service_kit.service import running
from service_kit.storage.engines import open_engine
from service_kit.storage.readers import Readers
from tests.moderation_service.conftest import Client, measure, muted
from tests.moderation_service.peers import (
    Peers,
    code_of,
    dial_peer,
    messaging_settings,
    negotiation_settings,
)
from tests.support.callers import write_credential
from tests.support.serving import Serve, opened, status_of, unpack
from tests.support.system import free_port
from tests.support.waiting import eventually


class Town:
    """The three services on ports of their own; each can stop and come back."""

    def __init__(self, folder: Path, serve: Serve) -> None:
        self.ports = {one: free_port() for one in ("messaging", "negotiation", "moderation")}

        def follows(caller: Caller) -> dict[str, Any]:
            return {
                "moderation_target": self.target("moderation"),
                "moderation_credential_file": write_credential(folder, caller),
            }

        settings: dict[str, Any] = {
            "messaging": messaging_settings(folder, **follows(Caller.MESSAGING)),
            "negotiation": negotiation_settings(
                folder, self.target("messaging"), **follows(Caller.NEGOTIATION)
            ),
        }
        self.settings = {
            name: one.model_copy(update={"listen": self.target(name)})
            for name, one in settings.items()
        }
        self._serve = serve
        self._running: dict[str, AsyncExitStack] = {}
        self.peers: Any = None
        self.client: Any = None

    def target(self, name: str) -> str:
        return f"127.0.0.1:{self.ports[name]}"

    def _service(self, name: str) -> AbstractAsyncContextManager[Any]:
        if name == "moderation":
            targets = {f"{one}_target": self.target(one) for one in self.settings}
            return self._serve(listen=self.target(name), **targets)
        service: Any = {"messaging": MESSAGING, "negotiation": NEGOTIATION}[name]
        return running(service, self.settings[name])

    async def start(self, name: str) -> None:
        self._running[name] = AsyncExitStack()
        started = await self._running[name].enter_async_context(self._service(name))
        if name == "moderation":
            self.client = started
            self.client.peers = self.peers
        elif self.peers is not None:
            await eventually(self._is_reached)

    async def _is_reached(self) -> bool:
        """Tell whether the connections to both have found them again."""
        codes = {
            await code_of(self.peers.messaging.call("GetMessages", words.GetMessagesRequest())),
            await code_of(self.peers.negotiation.call("GetService", deals.GetServiceRequest())),
        }
        return grpc.StatusCode.UNAVAILABLE not in codes

    async def stop(self, name: str) -> None:
        await self._running.pop(name).aclose()

    async def close(self) -> None:
        for name in list(self._running):
            await self.stop(name)

    async def heard(self) -> None:
        """Return when all that was decided is known to both that refuse, one follows the other."""
        stream = await self.client.watch(everything=True)
        known = stream.first.position
        stream.call.cancel()
        for settings in self.settings.values():
            readers = Readers(open_engine(settings.database_url, "reader"), 1)

            async def knows(readers: Readers = readers) -> bool:
                stored = await readers.run(read_followed, MODERATION)
                return (
                    stored is not None
                    and stored.epoch == known.epoch
                    and stored.revision >= known.revision
                )

            await eventually(knows)
            await readers.close()


@pytest.fixture
async def town(tmp_path: Path, serve: Serve) -> AsyncIterator[Town]:
    """All three, serving."""
    made = Town(tmp_path, serve)
    try:
        async with AsyncExitStack() as stack:
            for name in ("messaging", "negotiation"):
                await made.start(name)
            stubs = {"messaging": MessagingServiceStub, "negotiation": NegotiationServiceStub}
            said, dealt = [
                await stack.enter_async_context(dial_peer(made.target(name), stub))
                for name, stub in stubs.items()
            ]
            targets = (made.target("messaging"), made.target("negotiation"))
            made.peers = Peers(tmp_path, *targets, said, dealt)
            await made.start("moderation")
            yield made
    finally:
        await made.close()


async def outcome(awaitable: Any) -> str:
    """The reason of a refusal; empty when it was accepted."""
    try:
        await awaitable
    except grpc.aio.AioRpcError as error:
        return str(unpack(status_of(error))["ErrorInfo"].reason)
    return ""


async def steps(
    town: Town, deal: deals.Service, actor: str = "bob", other: str = "ann"
) -> set[str]:
    """The outcomes of writing, and of words in a deal: one party says why it asks to cancel, which
    is refused as asked already when it comes to that.
    """
    cancel = deals.TerminateServiceRequest(
        actor=actor,
        service_id=deal.id,
        outcome=deals.TERMINATION_OUTCOME_CANCELLED,
        reason="I moved away",
    )
    return {
        await outcome(town.peers.say(actor, other, "anything")),
        (await outcome(town.peers.negotiation.call("TerminateService", cancel))).replace(
            "CANCELLATION_REQUESTED", ""
        ),
    }


async def reported(town: Town, words: str = "pay outside") -> tuple[pb.Report, str]:
    """A report about what bob wrote to ann, and its case."""
    report = await town.client.report(text=words)
    (case,) = await town.client.cases()
    return report, case.id


async def overturn(client: Client, decision: str, actor: str = "bob") -> None:
    await client.call("CreateAppeal", actor=actor, decision_id=decision, text="It was nothing.")
    (appeal,) = (await client.moderate("ListAppeals", "max")).appeals
    await client.moderate(
        "DecideAppeal",
        "max",
        appeal_id=appeal.id,
        version=appeal.version,
        outcome=pb.APPEAL_STATUS_OVERTURNED,
        answer="It was nothing.",
    )


@pytest.mark.parametrize("kind_of_measure", ["MUTED", "SUSPENDED", "BANNED"])
async def test_lift_sanction_frees_at_both(town: Town, kind_of_measure: str) -> None:
    """From the decision on, until it is lifted; the other is as free as before."""
    deal = await town.peers.agree()
    _, case = await reported(town)
    assert await steps(town, deal) == {""}
    decided = measure(kind_of_measure)
    if kind_of_measure != "BANNED":
        decided.until_time.CopyFrom(muted().until_time)
    await town.client.decide(case, decided)
    await town.heard()
    assert await steps(town, deal) == {"SANCTIONED"}
    assert await outcome(town.peers.say("ann", "bob")) == ""
    (sanction,) = (await town.client.standing("bob")).sanctions
    await town.client.moderate("LiftSanction", sanction_id=sanction.id, reason="enough")
    await town.heard()
    assert await steps(town, deal) == {""}


async def test_a_mute_ends_at_its_time_by_itself(town: Town) -> None:
    """Nobody has to tell the services."""
    deal = await town.peers.agree()
    _, case = await reported(town)
    await town.client.decide(case, muted(seconds=2))
    await town.heard()
    assert await steps(town, deal) == {"SANCTIONED"}
    await town.stop("moderation")

    async def is_free() -> bool:
        return await steps(town, deal) == {""}

    await eventually(is_free)


async def test_an_overturned_decision_leaves_all_as_it_was(town: Town) -> None:
    """M3: a locked conversation is open, and a removed message says what it said."""
    deal = await town.peers.agree()
    report, case = await reported(town, "exactly this")
    asked = words.ListMessagesRequest(actor="ann", conversation_id=report.subject.conversation_id)
    before = await town.peers.messaging.call("ListMessages", asked)
    decided = await town.client.decide(
        case, measure("MESSAGE_REMOVED", ""), measure("CONVERSATION_LOCKED", "")
    )
    await town.heard()
    for actor, other in (("ann", "bob"), ("bob", "ann")):
        assert await steps(town, deal, actor, other) == {"SANCTIONED"}
        assert await outcome(town.peers.say(actor, "zoe")) == ""
    page = await town.peers.messaging.call("ListMessages", asked)
    gone = next(one for one in page.messages if one.id == report.subject.id)
    assert (gone.text, gone.tombstone) == ("", words.TOMBSTONE_REMOVED)
    assert await outcome(town.peers.delete("bob", report.subject.id)) == "MESSAGE_REMOVED"
    await overturn(town.client, decided.decisions[-1].id)
    await town.heard()
    after = await town.peers.messaging.call("ListMessages", asked)
    # Restored is a version of its own.
    for one, was in zip(after.messages, before.messages, strict=True):
        assert one.version > was.version or one.id != report.subject.id
        one.version = was.version
    assert after == before
    assert await steps(town, deal) == {""}


async def test_nothing_is_accepted_once_a_service_knows(town: Town) -> None:
    """M2: of many who write all the while none comes through after that moment; before it
    everything did.
    """
    deal = await town.peers.agree()
    _, case = await reported(town)
    before, during, after = (set[str](), set[str](), set[str]())
    into, counted = before, 0
    ended = False

    async def write_on() -> None:
        nonlocal counted
        while not ended:
            begun_in = into
            begun_in |= await steps(town, deal)
            counted += 1

    async def come(more: int) -> None:
        enough = counted + more

        async def are_there() -> bool:
            return counted >= enough

        await eventually(are_there)

    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(write_on())
        await come(8)
        into = during
        # What began before has to end before the decision.
        await come(8)
        await town.client.decide(case, measure("BANNED"))
        await town.heard()
        into = after
        await come(20)
        ended = True
    assert before == {""}
    assert after == {"SANCTIONED"}


@pytest.mark.parametrize("name", ["messaging", "negotiation", "moderation"])
async def test_a_restart_in_between_changes_nothing(town: Town, name: str) -> None:
    """Neither of a service that refuses, which hears later of what was decided meanwhile, nor of
    moderation, without which what is known stands.
    """
    deal = await town.peers.agree()
    _, case = await reported(town)
    if name == "negotiation":
        await town.stop(name)
    await town.client.decide(case, measure("BANNED"))
    if name == "negotiation":
        await town.start(name)
    await town.heard()
    assert await steps(town, deal) == {"SANCTIONED"}
    await town.stop(name)
    if name == "moderation":
        assert await steps(town, deal) == {"SANCTIONED"}
    await town.start(name)
    assert await steps(town, deal) == {"SANCTIONED"}
    (sanction,) = (await town.client.standing("bob")).sanctions
    await town.client.moderate("LiftSanction", sanction_id=sanction.id, reason="enough")
    await town.heard()
    assert await steps(town, deal) == {""}


@pytest.fixture
def backup(settings: ModerationSettings, tmp_path: Path) -> Any:
    """Copies the database of moderation, and goes back to the copy as docs/operations.md says."""
    file = Path(settings.database_url.removeprefix("sqlite:///"))
    copy = tmp_path / "copy.sqlite3"

    def make() -> None:
        with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)

    def go_back() -> None:
        for one in tmp_path.glob(f"{file.name}*"):
            one.unlink()
        shutil.copy(copy, file)
        with opened(settings.database_url) as engine, engine.begin() as connection:
            connection.execute(text("UPDATE clock SET epoch = lower(hex(randomblob(16)))"))

    return make, go_back


@pytest.mark.parametrize("kind", ["sqlite"])
async def test_a_moderation_from_a_backup_is_believed(town: Town, backup: Any) -> None:
    """Sanctions it still has stand all the while; lost ones are over, and the message is back."""
    make, go_back = backup
    deal = await town.peers.agree()
    other = await town.peers.agree("eve", "dan")
    kept, case = await reported(town, "stays removed")
    await town.client.decide(case, measure("MESSAGE_REMOVED", ""), measure("BANNED"))
    await town.heard()
    await town.stop("moderation")
    make()
    await town.start("moderation")
    lost = await town.client.report("eve", "dan", "comes back")
    (case_of_dan,) = await town.client.cases()
    await town.client.decide(
        case_of_dan.id, measure("MESSAGE_REMOVED", ""), measure("BANNED", "dan")
    )
    await town.heard()
    assert await steps(town, deal) == {"SANCTIONED"}
    assert await steps(town, other, "dan", "eve") == {"SANCTIONED"}
    await town.stop("moderation")
    go_back()
    await town.start("moderation")
    await town.heard()

    async def is_free() -> bool:
        assert await steps(town, deal) == {"SANCTIONED"}
        return await steps(town, other, "dan", "eve") == {""}

    await eventually(is_free)
    assert await steps(town, deal) == {"SANCTIONED"}
    asked = words.GetMessagesRequest(message_ids=[kept.subject.id, lost.subject.id])
    found = (await town.peers.messaging.call("GetMessages", asked)).messages
    assert [(one.text, one.tombstone) for one in found] == [
        ("", words.TOMBSTONE_REMOVED),
        ("comes back", words.TOMBSTONE_UNSPECIFIED),
    ]
