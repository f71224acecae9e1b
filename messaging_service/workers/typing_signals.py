"""Typing signals on their way: who was told that somebody types is told when it ends.

It ends with the signal that says so, with a message, with a block between the two, and by itself. A
message that says that somebody has stopped goes to those alone who were told the beginning.
"""

import asyncio
from collections.abc import Iterable

from prometheus_client import Gauge

from messaging_service.domain.events import Typing
from messaging_service.domain.typists import Typist, Typists
from messaging_service.settings import MessagingSettings
from service_kit.resources import Resources
from service_kit.storage.writer import Events


class TypingTracker:
    """Publishes typing signals and their ends. Used on one event loop, with one timer for all."""

    def __init__(self, resources: Resources[MessagingSettings]) -> None:
        settings, registry = resources.settings, resources.registry
        self._hub = resources.hub
        self._reached = resources.limits.reached
        self._lifetime = settings.typing_seconds
        self._typists = Typists(settings.typing_seconds, settings.typing_people)
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        people = Gauge(
            "typing_people",
            "People of whom others see that they type.",
            registry=registry,
        )
        people.set_function(lambda: float(len(self._typists)))

    def publish(self, events: Events) -> None:
        """Tell signals that may be told."""
        for (peer,), signal in events:
            if not isinstance(signal, Typing):
                continue
            if not signal.typing:
                self.end(signal.user, signal.conversation_id)
                continue
            typist = Typist(signal.user, signal.conversation_id, peer)
            if dropped := self._typists.begin(typist, self._loop.time()):
                self._reached("typing_people")
                self._tell([dropped])
            lifetime_ms = round(self._lifetime * 1000)
            self._hub.publish_ephemeral([((peer,), signal._replace(lifetime_ms=lifetime_ms))])
            self._wait()

    def end(self, user: str, conversation_id: str) -> None:
        """Tell that somebody does not type there any more, if anybody was told of it."""
        if typist := self._typists.end(user, conversation_id):
            self._tell([typist])

    def end_between(self, one: str, other: str) -> None:
        """End what either of two sees of the other's typing."""
        self._tell(self._typists.end_between(one, other))

    def hear(self, peer: str, signal: Typing) -> None:
        """Note what another replica has told, so that whichever learns of its end can tell that."""
        if not signal.typing:
            self._typists.end(signal.user, signal.conversation_id)
            return
        typist = Typist(signal.user, signal.conversation_id, peer)
        if dropped := self._typists.begin(typist, self._loop.time()):
            self._reached("typing_people")
            self._tell([dropped])
        self._wait()

    def close(self) -> None:
        """Tell nothing more."""
        if self._timer is not None:
            self._timer.cancel()

    def _tell(self, ended: Iterable[Typist]) -> None:
        self._hub.publish_ephemeral(
            [
                ((typist.peer,), Typing(typist.conversation_id, typist.user, typing=False))
                for typist in ended
            ]
        )

    def _wait(self) -> None:
        end = self._typists.next_end
        if self._timer is None and end is not None:
            self._timer = self._loop.call_at(end, self._end_due)

    def _end_due(self) -> None:
        self._timer = None
        self._tell(self._typists.end_due(self._loop.time()))
        self._wait()
