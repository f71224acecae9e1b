"""The states of a connection: each has an exit, and each input is defined in every one."""

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley_client import states
from parley_client.errors import (
    AskedToLeaveError,
    ConsumerBehindError,
    DisconnectedError,
    ParleyError,
    SignedOutError,
    TokenRefusedError,
)
from parley_client.options import Options
from parley_client.states import (
    ATTEMPTING,
    CONNECTED,
    CaughtUp,
    Close,
    Connect,
    Greeted,
    Heard,
    Input,
    Lost,
    Opened,
    PlaceLost,
    Refused,
    SignedOut,
    Situation,
    State,
    Step,
    StillBehind,
    TimedOut,
    TokenReady,
    TokenRefused,
    follow,
)

OPTIONS = Options()
ERROR = DisconnectedError(1006)

seconds = st.floats(0, 1e6)
INPUTS: dict[type[Any], st.SearchStrategy[Any]] = {
    Connect: st.just(Connect()),
    TokenReady: st.just(TokenReady()),
    Opened: st.just(Opened()),
    Greeted: st.builds(Greeted, st.booleans(), st.floats(0.1, 100)),
    CaughtUp: st.just(CaughtUp()),
    PlaceLost: st.just(PlaceLost()),
    Heard: st.builds(Heard, st.floats(0.001, 100)),
    Lost: st.builds(
        Lost,
        st.sampled_from([ERROR, ConsumerBehindError("behind")]),
        st.booleans(),
        st.none() | st.floats(0, 1e12),
    ),
    TokenRefused: st.builds(TokenRefused, st.just(TokenRefusedError("expired")), st.booleans()),
    SignedOut: st.just(SignedOut(SignedOutError("nobody"))),
    Refused: st.builds(Refused, st.just(ERROR), st.none() | st.floats(-1e3, 1e12)),
    StillBehind: st.just(StillBehind()),
    TimedOut: st.just(TimedOut()),
    Close: st.just(Close()),
}
inputs = st.one_of(*INPUTS.values())


def test_each_input_is_tried() -> None:
    """A new input has a row in the table, and a place in these tests."""
    assert set(INPUTS) == set(get_args(Input)) == set(states.TRANSITIONS)


@given(st.lists(st.tuples(inputs, seconds, st.floats(0, 1)), max_size=60))
def test_no_state_is_without_an_exit(steps: list[tuple[Input, float, float]]) -> None:
    """Whatever happens, there is a deadline that is left in time, or a typed, final reason."""
    situation, now = Situation(), 0.0
    for happened, passed, chance in steps:
        now += passed
        before = situation
        situation = follow(situation, happened, now, chance, OPTIONS)
        has_exit(situation)
        if before.state is State.CLOSED:
            assert situation is before


def has_exit(situation: Situation) -> None:
    match situation.state:
        case State.IDLE:
            # Where nobody has asked for anything yet.
            assert situation.deadline is None
        case State.CONNECTING:
            assert situation.deadline is not None
            assert situation.step is not None
        case State.RESUMING | State.LIVE | State.WAITING:
            assert situation.deadline is not None
            assert situation.step is None
        case State.UNAUTHORIZED | State.REFUSED:
            assert isinstance(situation.reason, ParleyError)
        case State.CLOSED:
            assert situation.deadline is None


@given(st.lists(st.tuples(inputs, seconds, st.floats(0, 1)), max_size=40))
def test_a_deadline_leads_out_of_its_state(steps: list[tuple[Input, float, float]]) -> None:
    """When it comes nothing else has to happen, but where more events wait than may."""
    situation, now = Situation(), 0.0
    for happened, passed, chance in steps:
        now += passed
        situation = follow(situation, happened, now, chance, OPTIONS)
    if situation.deadline is not None:
        left = follow(situation, TimedOut(), situation.deadline, 0.5, OPTIONS)
        assert left.state is not situation.state
        has_exit(left)


@given(st.lists(st.tuples(inputs, seconds, st.floats(0, 1)), max_size=40), st.floats(0, 1))
def test_a_pause_is_no_longer_than_what_was_asked_for_or_the_longest(
    steps: list[tuple[Input, float, float]], chance: float
) -> None:
    """A server that asks for a hundred years is asked again in an hour."""
    situation, now = Situation(), 0.0
    for happened, passed, luck in steps:
        now += passed
        situation = follow(situation, happened, now, luck, OPTIONS)
        if isinstance(happened, Lost) and situation.state is State.WAITING:
            assert situation.deadline is not None
    lost = follow(situation, Lost(ERROR), now, chance, OPTIONS)
    if situation.state in ATTEMPTING:
        assert lost.deadline is not None
        assert 0 <= lost.deadline - now <= OPTIONS.backoff_cap_seconds + 1e-6 * now
    asked = follow(situation, Lost(ERROR, delay=1e15), now, chance, OPTIONS)
    if situation.state in ATTEMPTING:
        assert asked.deadline is not None
        assert asked.deadline - now <= OPTIONS.longest_delay_seconds * 1.1 + 1e-6 * now


def live(now: float = 0) -> Situation:
    situation = Situation()
    for happened in (Connect(), TokenReady(), Opened(), Greeted(caught_up=True, silence=15)):
        situation = follow(situation, happened, now, 0.5, OPTIONS)
    assert situation.state is State.LIVE
    return situation


def test_each_step_of_connecting_has_a_time_of_its_own() -> None:
    """The token, the socket and HELLO; what took too long is said."""
    situation = follow(Situation(), Connect(), 0, 0.5, OPTIONS)
    for step, happened in ((Step.TOKEN, TokenReady()), (Step.SOCKET, Opened()), (Step.HELLO, None)):
        assert situation.step is step
        assert situation.deadline == 10
        late = follow(situation, TimedOut(), 10, 0.5, OPTIONS)
        assert late.state is State.WAITING
        assert late.reason is not None
        if happened is not None:
            situation = follow(situation, happened, 0, 0.5, OPTIONS)


def test_pauses_grow_at_random_from_the_first_and_begin_small_again_when_it_was_steady() -> None:
    """Full jitter over 0.5 s, doubled each time, up to 30 s; none is fixed."""
    situation, now = live(), 0.0
    longest = []
    for _ in range(8):
        assert follow(situation, Lost(ERROR), now, 0.0, OPTIONS).deadline == now
        situation = follow(situation, Lost(ERROR), now, 1.0, OPTIONS)
        assert situation.deadline is not None
        longest.append(situation.deadline - now)
        now = situation.deadline
        situation = follow(situation, TimedOut(), now, 0.5, OPTIONS)
    assert longest == pytest.approx([0.5, 1, 2, 4, 8, 16, 30, 30])
    for happened in (TokenReady(), Opened(), Greeted(caught_up=True, silence=15)):
        situation = follow(situation, happened, now, 0.5, OPTIONS)
    soon = follow(situation, Lost(ERROR), now + 4.9, 1.0, OPTIONS)
    assert soon.deadline == pytest.approx(now + 4.9 + 30)
    steady = follow(situation, Lost(ERROR), now + 5, 1.0, OPTIONS)
    assert steady.deadline == pytest.approx(now + 5.5)


def test_come_back_now_is_soon_and_not_the_same_moment_for_all() -> None:
    """41xx: below a tenth of a second, at random; again and again it takes longer."""
    situation = follow(live(), Lost(ERROR, at_once=True), 0, 1.0, OPTIONS)
    assert situation.deadline == pytest.approx(0.1)
    assert follow(live(), Lost(ERROR, at_once=True), 0, 0.3, OPTIONS).deadline == pytest.approx(
        0.03
    )


def test_the_delay_of_the_server_wins() -> None:
    """RECONNECT and Retry-After: never before it, and a tenth later at most."""
    reason = AskedToLeaveError(20, "draining")
    for chance in (0.0, 1.0):
        situation = follow(live(), Lost(reason, delay=20), 0, chance, OPTIONS)
        assert situation.reason is reason
        assert situation.deadline == pytest.approx(20 * (1 + chance / 10))


def test_the_third_fresh_token_that_is_refused_is_the_last() -> None:
    """Then nobody is signed in, until the application says otherwise."""
    refused = TokenRefused(TokenRefusedError("expired"), renewable=True)
    situation = Situation()
    for attempt in range(3):
        situation = follow(situation, Connect(), attempt, 0.5, OPTIONS)
        situation = follow(situation, TokenReady(), attempt, 0.5, OPTIONS)
        situation = follow(situation, refused, attempt, 0.5, OPTIONS)
        assert situation.state is (State.UNAUTHORIZED if attempt == 2 else State.WAITING)
    again = follow(situation, Connect(), 9, 0.5, OPTIONS)
    assert again.state is State.CONNECTING
    assert follow(again, refused, 9, 0.5, OPTIONS).state is State.WAITING


def test_a_fixed_token_is_refused_once() -> None:
    """There is no other to try."""
    refused = TokenRefused(TokenRefusedError("expired"), renewable=False)
    situation = follow(follow(Situation(), Connect(), 0, 0.5, OPTIONS), refused, 0, 0.5, OPTIONS)
    assert situation.state is State.UNAUTHORIZED
    assert situation.deadline is None


def test_who_is_suspended_comes_back_when_that_ends_and_who_is_banned_does_not() -> None:
    """A longer time than an hour is looked at again in between."""
    for told, waited in ((60.0, 60.0), (1e9, 3600.0)):
        situation = follow(live(), Refused(ERROR, told), 0, 0.0, OPTIONS)
        assert situation.state is State.REFUSED
        assert situation.deadline == pytest.approx(waited)
        assert follow(situation, TimedOut(), waited, 0.5, OPTIONS).state is State.CONNECTING
    assert follow(live(), Refused(ERROR), 0, 0.5, OPTIONS).deadline is None


def test_what_comes_late_changes_nothing() -> None:
    """A step that is over, a socket that is gone."""
    connecting = follow(Situation(), Connect(), 0, 0.5, OPTIONS)
    assert follow(connecting, Opened(), 0, 0.5, OPTIONS) is connecting
    assert follow(connecting, Greeted(caught_up=True, silence=1), 0, 0.5, OPTIONS) is connecting
    waiting = follow(connecting, Lost(ERROR), 0, 0.5, OPTIONS)
    for late in (Lost(ERROR), CaughtUp(), TokenReady(), SignedOut(ERROR), Heard(3)):
        assert follow(waiting, late, 0, 0.5, OPTIONS) is waiting


def test_connected_is_what_has_a_socket_that_was_greeted() -> None:
    """As others ask for it."""
    assert {State.RESUMING, State.LIVE} == CONNECTED
