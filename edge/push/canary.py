"""The edge's canary: a message to itself by the way of all messages, and back by its Watch stream.

All canaries sing in one conversation, which nobody sees and of which the service keeps the newest
messages alone. So each edge hears the others as well, and how many sockets they have.
"""

import asyncio
import random
import secrets
from collections.abc import Callable
from typing import NamedTuple

import structlog
from parley.messaging.v1 import messaging_pb2 as pb

from edge.backends.batcher import Batcher
from edge.metrics import Metrics
from edge.settings import Settings
from parley_protocol.errors import Error
from service_kit.names import CANARY_FROM, CANARY_TO

_logger = structlog.get_logger(__name__)

# An edge that was not heard for so many intervals is gone.
_MISSED_SONGS = 3
# Songs that are waited for; the oldest alone says how deaf the edge is.
_MOST_WAITING = 100


class _Heard(NamedTuple):
    """The last words of another edge."""

    at: float
    sockets: int


class Canary:
    """Sings at every interval, for as long as `run` runs, and hears what comes back.

    `count` gives the sockets of this edge. Times are on the clock of the loop.
    """

    def __init__(
        self,
        create_message: Batcher[pb.CreateMessageRequest, pb.StoredMessage],
        count: Callable[[], int],
        settings: Settings,
        metrics: Metrics,
    ) -> None:
        self._create_message = create_message
        self._count = count
        self._interval = settings.canary_interval_seconds
        self._limit = settings.canary_limit_seconds
        self._name = secrets.token_hex(6)
        self._number = 0
        # By number, when each was sung that has not come back; in order.
        self._sung: dict[int, float] = {}
        # Why the last one was refused, if it was.
        self._refusal = ""
        self._deaf = False
        self._others: dict[str, _Heard] = {}
        self._seconds = metrics.canary_seconds
        self._failures = metrics.canary_failures
        metrics.canary_deaf.set_function(lambda: float(self.problem() is not None))
        metrics.edges.set_function(lambda: len(self.others()) + 1)
        self._reached = metrics.limits.reached
        self._loop = asyncio.get_running_loop()

    async def run(self) -> None:
        """Sing until cancelled."""
        while True:
            self._sing()
            # Edges that were started together must not sing together for ever.
            pause = self._interval * random.uniform(0.9, 1.1)  # noqa: S311 - no secret
            if pause > self._limit:
                await asyncio.sleep(self._limit)
                self._review()
                pause -= self._limit
            await asyncio.sleep(pause)
            self._review()

    def problem(self) -> str | None:
        """Name what is wrong: a message that has not come back within the limit; None: nothing."""
        if not self._sung:
            return None
        seconds = self._loop.time() - next(iter(self._sung.values()))
        if seconds <= self._limit:
            return None
        why = f", and the last was refused: {self._refusal}" if self._refusal else ""
        return f"a message to itself has not come back for {seconds:.0f} s{why}"

    def others(self) -> list[int]:
        """The sockets of each other edge that was heard lately."""
        before = self._loop.time() - _MISSED_SONGS * self._interval
        for edge, heard in list(self._others.items()):
            if heard.at < before:
                del self._others[edge]
        return [heard.sockets for heard in self._others.values()]

    @property
    def heard_itself(self) -> bool:
        """Whether this edge hears what is sung now, and so all the others."""
        return self._number > 1 and self.problem() is None

    def hear(self, event: pb.Event) -> None:
        """Take what a canary sang: this edge's own, or another's."""
        message = event.message_created.message
        words = message.text.split(" ")
        if message.sender != CANARY_FROM or len(words) != 3 or not words[1].isdigit():
            return
        edge, number, sockets = words
        now = self._loop.time()
        if edge != self._name:
            if sockets.isdigit():
                self._others[edge] = _Heard(now, int(sockets))
            return
        sung_at = self._sung.get(int(number))
        if sung_at is None:
            return
        self._seconds.observe(now - sung_at)
        # What was sung before it came as well, or was lost without harm.
        for one in [one for one in self._sung if one <= int(number)]:
            del self._sung[one]
        self._review()

    def _sing(self) -> None:
        self._number += 1
        if len(self._sung) >= _MOST_WAITING:
            # The oldest stays, for it says since when the edge is deaf.
            del self._sung[next(reversed(self._sung))]
        self._sung[self._number] = self._loop.time()
        text = f"{self._name} {self._number} {self._count()}"
        request = pb.CreateMessageRequest(
            actor=CANARY_FROM,
            to=CANARY_TO,
            text=text,
            idempotency_key=f"{self._name}-{self._number}",
        )
        self._create_message.submit(request, self._answered)

    def _answered(self, result: pb.StoredMessage | Error) -> None:
        self._refusal = ""
        if isinstance(result, Error):
            self._refusal = result.message
            self._failures.labels(reason="refused").inc()

    def _review(self) -> None:
        """Tell the log when it turned deaf, and when it hears again."""
        problem = self.problem()
        if problem is not None and not self._deaf:
            self._reached("canary_limit_seconds")
            self._failures.labels(reason="deaf").inc()
            _logger.error("the canary is not heard", cause=problem)
        elif problem is None and self._deaf:
            _logger.info("the canary is heard again")
        self._deaf = problem is not None
