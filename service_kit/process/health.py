"""Health of a process: alive or stuck, ready or not, and why; each question answered in time.

Alive: restarting it would mend nothing. Ready: it can be given work. What drains is alive and not
ready. Two questions, for whoever starts a process anew because it is not ready ends what it does.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import NamedTuple

# How often the event loop says that it turns, and the silence after which it is stuck. Nothing that
# is done in one turn takes a part of that, but a frozen machine may.
_BEAT_SECONDS = 1.0
_STUCK_SECONDS = 15.0
# For all checks together; those who probe wait for some seconds, and mostly for one.
_ANSWER_SECONDS = 0.8
# For which an answer stands, however often it is asked.
_KEPT_SECONDS = 0.5

LOOP = "event_loop"
DRAINING = "draining"

Look = Callable[[], Awaitable[str | None]]
"""Gives what is wrong, in words; None: nothing."""
LookNow = Callable[[], str | None]
"""The same, in any thread and without waiting."""


class Answer(NamedTuple):
    """An answer over HTTP."""

    status: HTTPStatus
    body: bytes


@dataclass(frozen=True)
class Report:
    """The results of the checks: of each what is wrong, None being nothing.

    `needed` are those without which `good` is false; `facts` are told beside them.
    """

    name: str
    found: Mapping[str, str | None]
    needed: frozenset[str]
    facts: Mapping[str, bool] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Whether nothing that is needed is wrong."""
        wrong = any(self.found[name] is not None for name in self.needed)
        return not wrong and not self.facts.get(DRAINING, False)

    def answer(self, *, verbose: bool = False) -> Answer:
        """Give a JSON object: the whole as `name`, each check true or false, and if it is
        `verbose` in `problems` what is wrong with each in words.
        """
        told: dict[str, object] = {
            self.name: self.good,
            **{name: problem is None for name, problem in self.found.items()},
            **self.facts,
        }
        if verbose:
            told["problems"] = {name: one for name, one in self.found.items() if one is not None}
        status = HTTPStatus.OK if self.good else HTTPStatus.SERVICE_UNAVAILABLE
        return Answer(status, json.dumps(told).encode() + b"\n")


class Health:
    """The checks of a process; made on its event loop, asked there or in another thread.

    `draining` tells whether it is about to end. Without calls it costs a timer of a second.
    """

    def __init__(
        self, draining: Callable[[], bool], answer_seconds: float = _ANSWER_SECONDS
    ) -> None:
        self._draining = draining
        self._answer_seconds = answer_seconds
        self._live: dict[str, LookNow] = {LOOP: self._look_at_loop}
        self._ready: dict[str, Look] = {}
        self._needed: set[str] = set()
        # Looks under way, which may outlast the question: each is made once at a time.
        self._looking: dict[str, asyncio.Task[str | None]] = {}
        self._kept: tuple[float, Report] | None = None
        self._loop = asyncio.get_running_loop()
        self._beat_at = time.monotonic()
        self._timer = self._loop.call_later(_BEAT_SECONDS, self._beat)

    def live_if(self, name: str, look: LookNow) -> None:
        """Add a check of being alive."""
        self._live[name] = look

    def ready_if(self, name: str, look: Look, *, needed: bool = True) -> None:
        """Add a check of being ready; one that is not `needed` is told and changes nothing."""
        self._ready[name] = look
        if needed:
            self._needed.add(name)

    def close(self) -> None:
        """End the timer."""
        self._timer.cancel()

    def liveness(self) -> Report:
        """Whether the process is alive, asked in any thread."""
        found = {name: look() for name, look in self._live.items()}
        return Report("live", found, frozenset(found))

    async def readiness(self) -> Report:
        """Whether the process is ready. A look that takes too long has found nothing good."""
        now = time.monotonic()
        if self._kept is not None and now - self._kept[0] < _KEPT_SECONDS:
            report = self._kept[1]
        else:
            report = Report("ready", await self._look(), frozenset(self._needed))
            self._kept = (now, report)
        return Report(report.name, report.found, report.needed, {DRAINING: self._draining()})

    def readiness_from_thread(self) -> Report:
        """As `readiness`, in another thread than the loop's; waits for that no longer than it
        should take.
        """
        asking = asyncio.run_coroutine_threadsafe(self.readiness(), self._loop)
        try:
            return asking.result(2 * self._answer_seconds)
        except (TimeoutError, CancelledError):
            asking.cancel()
            wrong = {LOOP: "it does not answer", **dict.fromkeys(self._ready, "not known")}
            return Report("ready", wrong, frozenset(wrong), {DRAINING: self._draining()})

    async def _look(self) -> dict[str, str | None]:
        for name, look in self._ready.items():
            if name not in self._looking:
                self._looking[name] = self._loop.create_task(_look_once(look))
        looks = dict(self._looking)
        if looks:
            await asyncio.wait(looks.values(), timeout=self._answer_seconds)
        found: dict[str, str | None] = {}
        for name, task in looks.items():
            if task.done():
                found[name] = task.result()
                self._looking.pop(name, None)
            else:
                found[name] = f"no answer within {self._answer_seconds:g} s"
        return found

    def _beat(self) -> None:
        self._timer = self._loop.call_later(_BEAT_SECONDS, self._beat)
        self._beat_at = time.monotonic()

    def _look_at_loop(self) -> str | None:
        silence = time.monotonic() - self._beat_at
        return f"it stands still since {silence:.0f} s" if silence > _STUCK_SECONDS else None


async def _look_once(look: Look) -> str | None:
    try:
        return await look()
    except Exception as error:  # noqa: BLE001, whatever it is, it is what is wrong
        return f"{type(error).__name__}: {error}"
