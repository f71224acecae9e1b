"""One trial: people talk, parts are killed, and what is left is compared with what was said."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from random import Random

from tests.crash.checker import Violation, check
from tests.crash.history import read_history
from tests.crash.recording import (
    Alerted,
    Connected,
    History,
    Recording,
    Resumed,
    Sent,
    Stored,
    count_events,
)
from tests.crash.talkers import TALKS, Talk, Talker, join_talkers, listen
from tests.support.killer import Killer, Strike
from tests.support.system import System

# For everyone to have been told of everything once the last kill is over.
_SETTLE_SECONDS = 30.0


@dataclass(frozen=True)
class Plan:
    """What a trial does. The seed decides who is killed after which pause, and who says what; the
    moments at which that meets the work of the parts are different every time.
    """

    kills: int
    talkers: int
    seed: int


@dataclass(frozen=True)
class Progress:
    """What a kill has hit."""

    strike: Strike
    under_way: int


@dataclass(frozen=True)
class Outcome:
    """What a trial found."""

    plan: Plan
    progress: Sequence[Progress]
    recording: Recording
    history: History
    violations: Sequence[Violation]
    seconds: float

    @property
    def stored(self) -> int:
        """Messages in the history."""
        return sum(len(next(iter(views.values()))) for views in self.history.values())

    def summary(self) -> str:
        counts = count_events(self.recording)
        victims = [name for one in self.progress for name in one.strike.victims]
        killed = ", ".join(f"{name} {victims.count(name)} times" for name in sorted(set(victims)))
        hit = sum(one.under_way > 0 for one in self.progress)
        again = counts[Connected] - len(self.recording)
        return (
            f"{len(self.progress)} kills in {self.seconds:.0f} s: {killed or 'nothing'}; "
            f"{hit} with packets under way\n"
            f"{self.plan.talkers} people with {len(self.recording)} devices in "
            f"{len(self.history)} conversations; {again} times connected again, "
            f"{counts[Resumed]} times resumed\n"
            f"{counts[Sent]} messages sent with repeats, {counts[Stored]} answers, "
            f"{self.stored} stored, {counts[Alerted]} alerts\n"
            f"{len(self.violations)} violations (seed {self.plan.seed})"
        )


async def run_trial(
    system: System, plan: Plan, report: Callable[[Progress], None] = lambda progress: None
) -> Outcome:
    """Start the parts of `system`, talk, kill, and check."""
    began = time.monotonic()
    system.start_messaging()
    for _ in range(2):
        system.start_edge(wait=False)
    await system.all_ready()
    traffic = asyncio.Event()
    progress: list[Progress] = []
    async with AsyncExitStack() as stack:
        talkers = await join_talkers(system, plan.talkers, plan.seed, traffic)
        for talker in talkers:
            stack.push_async_callback(talker.device.close)

        def struck(strike: Strike) -> None:
            progress.append(Progress(strike, sum(talker.device.under_way for talker in talkers)))
            report(progress[-1])

        killer = Killer(system, Random(plan.seed), traffic, struck)
        enough = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            listening = [group.create_task(listen(talker)) for talker in talkers]
            talking = [
                group.create_task(_talk(talk, talker, enough))
                for talk in TALKS
                for talker in talkers
            ]
            await killer.run(plan.kills)
            enough.set()
            await asyncio.wait(talking)
            history = await read_history(system, sorted({one.record.user for one in talkers}))
            await _settle(talkers, history)
            for task in listening:
                task.cancel()
    recording = {talker.name: talker.record for talker in talkers}
    violations = check(recording, history)
    return Outcome(plan, progress, recording, history, violations, time.monotonic() - began)


async def _talk(talk: Talk, talker: Talker, enough: asyncio.Event) -> None:
    # Who waits in vain falls silent, and the checker says for what.
    with suppress(TimeoutError):
        await talk(talker, enough)


async def _settle(talkers: Sequence[Talker], history: History) -> None:
    """Wait until everyone has been told of everything. Who has not by then, the checker finds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_SETTLE_SECONDS):
            for talker in talkers:
                for conversation, views in history.items():
                    entries = views.get(talker.record.user, ())
                    await talker.device.learn((conversation, entry.seq) for entry in entries)
