"""The states of a session: the table, and that nothing a session goes through leaves it."""

from collections.abc import Callable
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from edge.cursors import MESSAGING, Position
from edge.metrics import Metrics
from edge.push.hub import Hub
from edge.push.render import Alert
from edge.sessions.context import Edge
from edge.sessions.delivery import Delivery
from edge.sessions.people import People
from edge.sessions.state import TRANSITIONS, ImpossibleTransitionError, State, follow
from edge.settings import Settings
from parley_protocol.packets import JSON, Frame, Op
from parley_protocol.payloads.connection import Ping
from service_kit.authentication.claims import Principal
from tests.edge.scripted import CURSORS


class Queue:
    """An outbox that holds what it is given."""

    size = 0

    def __init__(self) -> None:
        self.frames: list[Frame] = []

    def put(self, frame: Frame, **_alone: bool) -> None:
        self.frames.append(frame)


class Sender(Delivery):
    """The sending half of a session, of which every state that it takes is recorded."""

    __slots__ = ("queue", "states")

    def __init__(self) -> None:
        settings = Settings(credential_file=Path("none"))
        hub = Hub(5, 30, CURSORS)
        people = People(hub, settings, Metrics(CollectorRegistry()), lambda: 0.0)
        edge = cast("Edge", SimpleNamespace(settings=settings, people=people, hub=hub))
        super().__init__(edge, Principal("alice", 0, frozenset(), False), JSON, cast("Any", None))
        self.queue = Queue()
        self._outbox = cast("Any", self.queue)
        self.states = [self.state]

    def _overflowed(self) -> None:
        raise AssertionError("the bound is far")

    def _enter(self, state: State) -> bool:
        entered = super()._enter(state)
        if entered:
            self.states.append(self.state)
        return entered


def attach(sender: Sender, revision: int) -> None:
    # The application attaches whom it connects, and a RESUME whom it has reattached.
    if sender.attaching or sender.state is State.CLOSING:
        sender.attach({MESSAGING: Position("e", revision)})


def release(sender: Sender, _revision: int) -> None:
    # Whoever holds releases: a greeting, a RESUME, a sanction.
    if sender.state not in {State.CONNECTING, State.LIVE}:
        sender.release()


def push(sender: Sender, revision: int) -> None:
    sender.push(MESSAGING, revision, Alert(Op.ALERT_NEW_MSG, Ping()))


STEPS: dict[str, Callable[[Sender, int], object]] = {
    "attach": attach,
    "reattach": lambda sender, _revision: sender.reattach(),
    "hold": lambda sender, _revision: sender.hold(),
    "release": release,
    "push": push,
    "ping": lambda sender, _revision: sender.ping(JSON.encode(Op.PING, {}, cur="here")),
    "stop": lambda sender, _revision: sender.stop(),
}


@given(st.lists(st.sampled_from(sorted(STEPS)), max_size=30))
def test_a_session_goes_from_state_to_state_as_the_table_says(steps: list[str]) -> None:
    """Whatever happens in whatever order; alerts leave in the state that lets them, in order."""
    sender = Sender()
    for revision, step in enumerate(steps, 1):
        before, queued, waiting = sender.state, len(sender.queue.frames), len(sender._held)
        STEPS[step](sender, revision)
        sent, held = len(sender.queue.frames) - queued, len(sender._held) - waiting
        match step:
            case "push":
                live = before is State.LIVE
                assert (sent, held) == (live, not live and before is not State.CLOSING)
            case "release" if before in {State.REPLAYING, State.ATTACHING}:
                assert (sender.state, sender._held) == (State.LIVE, [])
                assert sent <= -held
            case "ping":
                assert sent == (before not in {State.CONNECTING, State.CLOSING})
                covers = sent and "here" in sender.queue.frames[-1].event["text"]
                assert bool(covers) == (before is State.LIVE)
            case "stop":
                assert (sent, sender._held, sender.person.bytes) == (0, [], 0)
            case _:
                assert (sent, held) == (0, 0)
        assert (sender.state is State.CLOSING) == (before is State.CLOSING or step == "stop")
    for state, following in zip(sender.states, sender.states[1:], strict=False):
        assert following in TRANSITIONS[state]


@pytest.mark.parametrize(("state", "following"), list(product(State, State)))
def test_an_impossible_transition_is_an_error(state: State, following: State) -> None:
    """The table is all there is."""
    if following in TRANSITIONS[state]:
        assert follow(state, following) is following
    else:
        with pytest.raises(ImpossibleTransitionError, match=f"{following.name} after {state.name}"):
            follow(state, following)


def test_what_is_not_held_cannot_be_released() -> None:
    """It is a defect, and would let alerts pass before HELLO."""
    sender = Sender()
    with pytest.raises(ImpossibleTransitionError):
        sender.release()
    sender.attach({})
    sender.release()
    with pytest.raises(ImpossibleTransitionError):
        sender.release()


def test_every_state_is_reached_and_may_close() -> None:
    """A session begins by connecting, and ends from wherever it is."""
    assert TRANSITIONS.keys() == set(State)
    assert set().union(*TRANSITIONS.values()) == set(State) - {State.CONNECTING}
    ends = {state for state in State if State.CLOSING in TRANSITIONS[state]}
    assert ends == set(State) - {State.CLOSING}
