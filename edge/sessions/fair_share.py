"""The fair share of sockets: an edge that has more than that asks a few of them a second to come
back, which the proxy in front takes to another edge. They resume, so that nobody loses anything.
"""

import asyncio
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil

import structlog

from edge.metrics import Metrics
from edge.push.canary import Canary
from edge.push.hub import Hub, HubSession
from edge.sessions.drain import Drain
from edge.settings import Settings
from parley_protocol.errors import CloseCode
from parley_protocol.packets import Op
from parley_protocol.payloads.connection import Reconnect

_logger = structlog.get_logger(__name__)

_TURN_SECONDS = 1.0
# Below this many sockets beyond the share it is not worth a reconnect.
_LEAST_EXCESS = 10
# Within which those who were told leave; then they are closed.
_DELAY_MS = 1_000
_LEAVE_SECONDS = 5.0
# A proxy that chooses one of two edges by chance takes half of those who were told back, give or
# take a few. When fewer than this part have left it keeps clients to their edge.
_LEAST_MOVED = 0.25
# Where those who were told come back to the same edge, it waits for longer each time.
_FIRST_PAUSE_SECONDS = 60.0
_LAST_PAUSE_SECONDS = 3_600.0


def fair_share(own: int, others: Sequence[int]) -> int:
    """Give the sockets that each edge would have, rounded up."""
    return ceil((own + sum(others)) / (len(others) + 1))


@dataclass
class Balance:
    """The decision how many sockets to give away, a turn after the other, without a clock of its
    own. It begins when there are more than `tolerance` beyond the share, and goes on until there
    are none beyond it: so edges that are nearly even leave it at that.
    """

    tolerance: float
    giving: bool = False
    # Of the present or last time: sockets when it began, and how many were told.
    began_with: int = 0
    given: int = 0
    # Until when nothing is given away.
    resting_until: float = 0.0
    pause_seconds: float = _FIRST_PAUSE_SECONDS
    # How often those who were told came back to this edge.
    came_back: int = 0

    def excess(self, own: int, leaving: int, others: Sequence[int], now: float) -> int:
        """Give how many more are to be told, of `own` sockets of which `leaving` were told."""
        share = fair_share(own, others)
        if not self.giving:
            beyond = own - share
            least = max(_LEAST_EXCESS, share * self.tolerance)
            if not others or beyond <= least or now < self.resting_until:
                return 0
            if self.given and self.began_with - own < self.given * _LEAST_MOVED:
                self.came_back += 1
                self.given = 0
                self.resting_until = now + self.pause_seconds
                self.pause_seconds = min(self.pause_seconds * 2, _LAST_PAUSE_SECONDS)
                return 0
            if self.given:
                self.pause_seconds = _FIRST_PAUSE_SECONDS
            self.giving, self.began_with, self.given = True, own, 0
        more = min(own - leaving - share, self.began_with - share - self.given)
        return max(0, more) if others else 0

    def end(self, now: float, settle_seconds: float) -> None:
        """Rest until the others have told how many came to them."""
        self.giving = False
        self.resting_until = now + settle_seconds


class FairShare:
    """Gives sockets away, for as long as `run` runs."""

    def __init__(
        self, hub: Hub, canary: Canary, drain: Drain, settings: Settings, metrics: Metrics
    ) -> None:
        self._hub = hub
        self._canary = canary
        self._drain = drain
        self._per_second = settings.given_away_per_second
        self._settle_seconds = 2 * settings.canary_interval_seconds + _DELAY_MS / 1000
        self._balance = Balance(settings.fair_share_tolerance)
        # Those who were told, with the time by which they have to be gone.
        self._leaving: dict[HubSession, float] = {}
        # Users are told once in a round: who came back is not sent away again.
        self._told: set[str] = set()
        self._candidates: Iterator[HubSession] = iter(())
        self._allowance = 0.0
        self._given = metrics.given_away
        metrics.fair_share.set_function(lambda: fair_share(len(hub), canary.others()))

    async def run(self) -> None:
        """Look every second until cancelled."""
        while True:
            await asyncio.sleep(_TURN_SECONDS)
            self.turn(asyncio.get_running_loop().time())

    def turn(self, now: float) -> None:
        """Tell as many as may be told in a second, and close who was told and stayed."""
        self._close_late(now)
        if self._drain.begun or not self._canary.heard_itself:
            # What is known of the others may be old.
            return
        balance, own = self._balance, len(self._hub)
        before = balance.giving, balance.came_back
        excess = balance.excess(own, len(self._leaving), self._canary.others(), now)
        if balance.came_back > before[1]:
            _logger.warning(
                "sockets that were given away came back: does the proxy spread them?", sockets=own
            )
        if balance.giving and not before[0]:
            _logger.info("more sockets than the fair share", sockets=own, excess=excess)
            self._begin()
        self._allowance = min(self._allowance + self._per_second, max(1.0, self._per_second))
        count = min(excess, int(self._allowance))
        told = self._tell(count, now)
        self._allowance -= told
        nobody_left = count > 0 and told == 0
        if balance.giving and not self._leaving and (excess == 0 or nobody_left):
            balance.end(now, self._settle_seconds)

    def _begin(self) -> None:
        self._told.clear()
        self._allowance = 0.0
        everyone = list(self._hub)
        random.shuffle(everyone)
        self._candidates = iter(everyone)

    def _tell(self, count: int, now: float) -> int:
        told = 0
        while told < count and (session := next(self._candidates, None)) is not None:
            if (
                session not in self._hub.of(session.user)
                or session.user in self._told
                or not session.reachable
                or session.attaching
                or session.requests
            ):
                continue
            delay = random.randint(0, _DELAY_MS)  # noqa: S311 - no secret
            session.send(Op.RECONNECT, Reconnect(delay, "fair share"))
            self._leaving[session] = now + _LEAVE_SECONDS
            self._told.add(session.user)
            told += 1
        self._balance.given += told
        self._given.inc(told)
        return told

    def _close_late(self, now: float) -> None:
        for session, until in list(self._leaving.items()):
            if session not in self._hub.of(session.user):
                del self._leaving[session]
            elif now >= until and not session.requests:
                session.stop_typing()
                session.close(CloseCode.DRAINING, "fair share")
