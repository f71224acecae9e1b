"""The edge's canary: heard in time, late, refused, and among those of other edges."""

from collections.abc import Callable
from typing import Any, cast

import pytest
from parley.messaging.v1 import messaging_pb2 as pb
from prometheus_client import CollectorRegistry

from edge.cursors import MESSAGING, Position
from edge.metrics import Metrics
from edge.push.canary import Canary
from edge.push.deliver import Deliverer
from edge.push.hub import Hub
from edge.settings import Settings
from edge.translation.status import UNAVAILABLE
from parley_protocol.errors import Error
from service_kit.names import CANARY_FROM, CANARY_TO
from tests.edge.scripted import CURSORS, EPOCH, message_event


class Line:
    """Takes the songs of a canary; the test says what becomes of them."""

    def __init__(self) -> None:
        self.songs: list[pb.CreateMessageRequest] = []
        self.answer: pb.StoredMessage | Error = pb.StoredMessage()

    def submit(
        self, request: pb.CreateMessageRequest, done: Callable[[pb.StoredMessage | Error], None]
    ) -> None:
        self.songs.append(request)
        done(self.answer)


class Sky:
    """A canary whose clock the test moves."""

    def __init__(self) -> None:
        self.line = Line()
        self.registry = CollectorRegistry()
        self.now = 100.0
        self.canary = self.new_canary()

    def new_canary(self) -> Canary:
        settings = Settings(
            credential_file="unread",  # type: ignore[arg-type] # a path
            canary_interval_seconds=10,
            canary_limit_seconds=5,
        )
        canary = Canary(cast("Any", self.line), lambda: 7, settings, Metrics(self.registry))
        canary._loop = cast("Any", self)
        return canary

    def time(self) -> float:
        return self.now

    def sing(self, seconds: float = 0) -> pb.Event:
        """The canary sings, and time passes; gives the event that would come back."""
        self.canary._sing()
        self.now += seconds
        return event_of(self.line.songs[-1].text)

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)


def event_of(text: str, sender: str = CANARY_FROM) -> pb.Event:
    event = message_event(1, recipients=[CANARY_FROM, CANARY_TO], sender=sender)
    event.message_created.message.text = text
    return event


@pytest.fixture
async def sky() -> Sky:
    return Sky()


async def test_what_comes_back_in_time_is_good(sky: Sky) -> None:
    """How long it took is told."""
    assert sky.canary.problem() is None
    sky.canary.hear(sky.sing(0.5))
    assert sky.canary.problem() is None
    assert sky.value("parley_edge_canary_seconds_sum") == 0.5
    (song,) = sky.line.songs
    assert (song.actor, song.to) == (CANARY_FROM, CANARY_TO)
    assert song.idempotency_key


async def test_what_does_not_come_back_makes_the_edge_deaf(sky: Sky) -> None:
    """Until something comes back, also a later one; the log and the counters say so once."""
    sky.sing(4.9)
    assert sky.canary.problem() is None
    sky.now += 0.2
    assert "has not come back for 5 s" in (sky.canary.problem() or "")
    sky.canary._review()
    sky.canary._review()
    assert sky.value("parley_edge_canary_failures_total", reason="deaf") == 1
    assert sky.value("parley_edge_canary_deaf") == 1
    assert not sky.canary.heard_itself
    sky.canary.hear(sky.sing(1))
    assert sky.canary.problem() is None
    assert sky.value("parley_edge_canary_deaf") == 0


async def test_a_refused_song_is_late_as_any_other(sky: Sky) -> None:
    """People's messages are refused as well; the reason is told."""
    sky.line.answer = UNAVAILABLE
    sky.sing(1)
    assert sky.canary.problem() is None
    sky.now += 5
    assert "is not available now" in (sky.canary.problem() or "")
    assert sky.value("parley_edge_canary_failures_total", reason="refused") == 1


async def test_a_deaf_edge_remembers_little_and_since_when(sky: Sky) -> None:
    """Also after a day of it."""
    for _ in range(500):
        sky.sing(10)
    assert len(sky.canary._sung) == 100
    assert "for 5000 s" in (sky.canary.problem() or "")


async def test_other_edges_are_heard_until_they_are_gone(sky: Sky) -> None:
    """With the number of their sockets, the last that they said."""
    sky.canary.hear(event_of("other 1 12"))
    sky.canary.hear(event_of("another 8 30"))
    sky.now += 20
    sky.canary.hear(event_of("other 2 15"))
    assert sorted(sky.canary.others()) == [15, 30]
    assert sky.value("parley_edge_edges") == 3
    sky.now += 20
    assert sky.canary.others() == [15]
    sky.now += 20
    assert sky.canary.others() == []
    assert sky.canary.problem() is None


@pytest.mark.parametrize(
    "event",
    [
        event_of("other 1 12", sender="mallory"),
        event_of("other 1"),
        event_of("other one 12"),
        event_of("other 1 many"),
        event_of(""),
        pb.Event(recipients=[CANARY_TO], typing=pb.Typing(user=CANARY_FROM)),
    ],
)
async def test_what_is_no_song_is_passed_over(sky: Sky, event: pb.Event) -> None:
    """Anybody may write to that name."""
    sky.canary.hear(event)
    assert sky.canary.others() == []


async def test_songs_are_heard_among_other_events(sky: Sky) -> None:
    """Live, and in what is read after an interruption; of another user's nothing is."""
    hub = Hub(5, 30, CURSORS)
    hub.positions[MESSAGING] = Position(EPOCH, 10)
    own = {CANARY_TO: sky.canary.hear}
    deliverer = Deliverer(hub, MESSAGING, Metrics(CollectorRegistry()), None, own)
    deliverer.deliver(11, [sky.sing(), message_event(3)])
    assert not sky.canary._sung
    deliverer.deliver(12, [sky.sing()], (CANARY_TO,))
    assert not sky.canary._sung
    deliverer.deliver(13, [sky.sing()], ("alice",))
    assert sky.canary._sung
