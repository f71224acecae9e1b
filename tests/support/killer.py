"""Kills parts with SIGKILL at random moments, and starts them again at once."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from random import Random

from tests.support.system import Part, System

# Most strikes find everything in service; the others hit what is still starting or recovering.
_SHARE_WHEN_READY = 0.75
_SHARE_OF_DOUBLE_STRIKES = 0.2
_LONGEST_PAUSE_SECONDS = 0.8
# Half of the strikes are aimed: a packet that was just sent is at most this far on its way.
_SHARE_OF_AIMED = 0.5
_LONGEST_WAY_SECONDS = 0.01


@dataclass(frozen=True)
class Strike:
    """Parts that were killed at the same moment, and the time since the strike before."""

    number: int
    victims: tuple[str, ...]
    seconds: float


class Killer:
    """Strikes the parts of a system. Each kind of part is hit as often as any other, however many
    processes it has. Whoever sends a packet sets `traffic`. `struck` is called after each strike.
    """

    def __init__(
        self,
        system: System,
        random: Random,
        traffic: asyncio.Event,
        struck: Callable[[Strike], None] = lambda strike: None,
    ) -> None:
        self._system = system
        self._random = random
        self._traffic = traffic
        self._struck = struck
        self.strikes: list[Strike] = []

    async def run(self, kills: int) -> None:
        """Strike `kills` times; return when everything is in service again."""
        before = time.monotonic()
        for number in range(1, kills + 1):
            if self._random.random() < _SHARE_WHEN_READY:
                await self._system.all_ready()
            await self._moment()
            victims = self._choose()
            for part in victims:
                assert part.process.poll() is None, f"{part.name} ended: {part.read_log()[-4000:]}"
                part.process.kill()
            now = time.monotonic()
            strike = Strike(number, tuple(part.name for part in victims), now - before)
            before = now
            self.strikes.append(strike)
            self._struck(strike)
            for part in victims:
                await asyncio.to_thread(part.process.wait)
                part.start()
        await self._system.all_ready()

    async def _moment(self) -> None:
        """Wait for a random moment."""
        await asyncio.sleep(self._random.uniform(0, _LONGEST_PAUSE_SECONDS))
        if self._random.random() < _SHARE_OF_AIMED:
            self._traffic.clear()
            # Nobody may be left who sends, and then any moment is as good.
            with suppress(TimeoutError):
                async with asyncio.timeout(_LONGEST_PAUSE_SECONDS):
                    await self._traffic.wait()
            await asyncio.sleep(self._random.uniform(0, _LONGEST_WAY_SECONDS))

    def _choose(self) -> list[Part]:
        """One part, or now and then one of each of two kinds."""
        kinds: dict[str, list[Part]] = {}
        for part in self._system.parts:
            kinds.setdefault(part.name, []).append(part)
        count = 2 if self._random.random() < _SHARE_OF_DOUBLE_STRIKES else 1
        names = self._random.sample(sorted(kinds), min(count, len(kinds)))
        return [self._random.choice(kinds[name]) for name in names]
