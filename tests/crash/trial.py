"""One trial: people talk, parts are killed, and what is left is compared with what was said."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from random import Random

from tests.crash.books import Books, quiet, read_books
from tests.crash.checker import check
from tests.crash.deal_checks import changes_of
from tests.crash.findings import Findings, Violation
from tests.crash.history import read_history
from tests.crash.moderating import moderators
from tests.crash.recording import (
    Alerted,
    Answered,
    Commanded,
    Connected,
    DeviceRecord,
    Filed,
    Granted,
    History,
    Listed,
    Recorder,
    Recording,
    Refused,
    Restarted,
    Restricted,
    Resumed,
    Sent,
    Stored,
    Updated,
    count_events,
)
from tests.crash.talker import Talker
from tests.crash.talkers import TALKS, Talk, join_talkers, listen
from tests.support.killer import Killer, Strike
from tests.support.postgresql import Postgresql
from tests.support.system import SERVICES, System

# For everyone to have been told of everything once the last kill is over.
_SETTLE_SECONDS = 30.0
# So short that time acts during the trial, on offers that end soon and on requests to cancel.
_TIMES = {
    "min_offer_minutes": 1 / 60,
    "offer_reminder_hours": 1 / 3600,
    "cancellation_hours": 3 / 3600,
    "cancellation_reminder_hours": 1 / 3600,
}


# So many complaints as no person makes; the parties of a dispute state their case in seconds.
_MODERATION = {
    "reports_limit": 10_000,
    "unreliable_reports_limit": 10_000,
    "open_reports_limit": 10_000,
    "statements_hours": 3 / 3600,
}
# In which people have come to every kind of change by far, on a busy machine as well.
_TOLD_SECONDS = 180.0
# Whatever else is struck, moderation may be away.
_SPARE_MODERATION = frozenset({"edge", "messaging", "negotiation"})
_MODERATORS = ("moderator1", "moderator2")
# Who comes while moderation is away might be muted, and nobody knows.
_EDGE = {"moderation_down": "refuse", "moderation_timeout_seconds": 2}


@dataclass(frozen=True)
class Plan:
    """The plan of a trial. The seed decides who is killed after which pause, and who says what; the
    moments at which that meets the work of the parts are different every time. Then people talk on
    until they were told of all these `causes` of changes of services, or for a while.
    """

    kills: int
    talkers: int
    seed: int
    causes: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Progress:
    """A kill and its target."""

    strike: Strike
    under_way: int


@dataclass(frozen=True)
class Outcome:
    """The result of a trial."""

    plan: Plan
    progress: Sequence[Progress]
    recording: Recording
    history: History
    books: Books
    violations: Sequence[Violation]
    seconds: float

    @property
    def stored(self) -> int:
        """Messages in the history."""
        return sum(len(next(iter(views.values()))) for views in self.history.values())

    @property
    def restarts(self) -> int:
        """How often a device was closed and started again."""
        return sum((record.told or []).count(Restarted()) for record in self.recording.values())

    @property
    def causes(self) -> Counter[str]:
        """The counts of what happened to a service."""
        rows = chain.from_iterable(self.books.events.values())
        return Counter(str(row.event.cause) for row in rows)

    def summary(self) -> str:
        counts = count_events(self.recording)
        victims = [name for one in self.progress for name in one.strike.victims]
        killed = ", ".join(f"{name} {victims.count(name)} times" for name in sorted(set(victims)))
        hit = sum(one.under_way > 0 for one in self.progress)
        devices = len(self.recording) - len(_MODERATORS)
        again = counts[Connected] - devices
        return (
            f"{len(self.progress)} kills in {self.seconds:.0f} s: {killed or 'nothing'}; "
            f"{hit} with packets under way\n"
            f"{self.plan.talkers} people with {devices} devices in "
            f"{len(self.history)} conversations; {again} times connected again, "
            f"{counts[Resumed]} times resumed, {self.restarts} times closed and started again\n"
            f"{counts[Sent]} messages sent with repeats, {counts[Stored]} answers, "
            f"{self.stored} stored, {counts[Alerted]} alerts\n"
            f"{counts[Commanded]} commands about {len(self.books.services)} services sent with "
            f"repeats, {counts[Answered]} carried out, {self.causes.total()} events, "
            f"{counts[Updated]} told, {counts[Listed]} looked up\n"
            f"{counts[Filed]} reports, statements and decisions sent with repeats, "
            f"{counts[Granted]} accepted, of {len(self.books.moderation.cases)} cases and "
            f"{len(self.books.moderation.disputes)} disputes; {counts[Restricted]} sanctions told\n"
            f"{counts[Refused]} packets refused, for the moment, by a sanction, or as too late\n"
            f"{len(self.violations)} violations (seed {self.plan.seed})"
        )


@contextmanager
def empty_system(folder: Path, server: Postgresql | None = None) -> Iterator[System]:
    """A system on empty databases, SQLite's or this server's, not started yet."""
    with ExitStack() as stack:
        system = System(folder, openings_per_hour=10_000)
        if server is not None:
            for name in SERVICES:
                url = server.url(stack.enter_context(server.database()))
                system.settings.setdefault(name, {})["database_url"] = url
        yield stack.enter_context(system)


Disturb = Callable[[asyncio.Event, Callable[[Strike], None]], Awaitable[None]]
"""Disturbs a system and tells of each strike; the event is set whenever a packet is sent.

It returns when everything is in service again.
"""


async def run_trial(
    system: System,
    plan: Plan,
    report: Callable[[Progress], None] = lambda progress: None,
    disturb: Disturb | None = None,
    recorder: Callable[[DeviceRecord], Recorder] = Recorder,
) -> Outcome:
    """Start the parts of `system`, talk, kill them or `disturb` them otherwise, and check."""
    began = time.monotonic()
    system.settings["negotiation"] = {**_TIMES, **system.settings.get("negotiation", {})}
    system.settings["moderation"] = {**_MODERATION, **system.settings.get("moderation", {})}
    system.start_services(*SERVICES)
    for _ in range(2):
        system.start_edge(**_EDGE)
    traffic = asyncio.Event()
    progress: list[Progress] = []
    async with AsyncExitStack() as stack:
        talkers = await join_talkers(system, plan.talkers, plan.seed, traffic, recorder)
        for talker in talkers:
            stack.push_async_callback(talker.device.close)

        def struck(strike: Strike) -> None:
            progress.append(Progress(strike, sum(talker.device.under_way for talker in talkers)))
            report(progress[-1])

        deciding = await stack.enter_async_context(moderators(system, _MODERATORS, plan.seed))
        enough = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            listening = [group.create_task(listen(talker)) for talker in talkers]
            talking = [
                group.create_task(_talk(talk, talker, enough))
                for talk in TALKS
                for talker in talkers
            ]
            talking += [group.create_task(one.moderate(enough)) for one in deciding]
            if disturb is None:
                await Killer(system, Random(plan.seed), traffic, struck).run(plan.kills)
            else:
                await disturb(traffic, struck)
            await _until_told(plan.causes, [talker.record for talker in talkers], traffic)
            enough.set()
            await asyncio.wait(talking)
            await quiet(system)
            history = await read_history(system, sorted({one.record.user for one in talkers}))
            books = await asyncio.to_thread(read_books, system)
            recording = {talker.name: talker.record for talker in talkers}
            recording |= {moderator.name: moderator.record for moderator in deciding}
            await settle(talkers, Findings(recording, history, books))
            for task in listening:
                task.cancel()
    kills = sum(not _SPARE_MODERATION.issuperset(one.strike.victims) for one in progress)
    violations = check(recording, history, books, kills)
    seconds = time.monotonic() - began
    return Outcome(plan, progress, recording, history, books, violations, seconds)


async def _talk(talk: Talk, talker: Talker, enough: asyncio.Event) -> None:
    # Who waits in vain falls silent, and the checker says for what.
    with suppress(TimeoutError):
        await talk(talker, enough)


async def _until_told(
    causes: frozenset[str], records: Sequence[DeviceRecord], traffic: asyncio.Event
) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(_TOLD_SECONDS):
            while not causes <= {
                event.cause
                for record in records
                for event in record.events
                if isinstance(event, Updated)
            }:
                traffic.clear()
                await traffic.wait()


async def settle(talkers: Sequence[Talker], findings: Findings) -> None:
    """Wait until everyone has been told of everything. Who has not by then, the checker finds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_SETTLE_SECONDS):
            for talker in talkers:
                places = [
                    (conversation, entry.seq)
                    for conversation, views in findings.history.items()
                    for entry in views.get(talker.record.user, ())
                ]
                await talker.device.learn(places, changes_of(findings, talker.record))
