"""The states of a connection, and what leads from one to another: a pure function.

No state is without an exit. `connecting`, `resuming`, `live` and `waiting` have a deadline, at
which they are left; `unauthorized` and `refused` have a typed reason, and are left by the
application (`refused` also at its deadline, when it has one); `closed` is final.
"""

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from parley_client.backoff import asked_seconds, pause_seconds
from parley_client.errors import (
    ConsumerBehindError,
    ParleyError,
    SilentError,
    TokenError,
    UnreachableError,
)
from parley_client.options import Options

# Of a server that says "come back now": the first pause is random and below this.
AT_ONCE_SECONDS = 0.1
# Fresh tokens that are refused in a row before nobody is taken to be signed in.
REFUSED_TOKENS = 3


class State(enum.StrEnum):
    """Where a connection stands."""

    IDLE = "idle"
    """Never connected."""
    CONNECTING = "connecting"
    """The token is fetched, the socket opened, HELLO awaited."""
    RESUMING = "resuming"
    """HELLO came; what was missed is coming."""
    LIVE = "live"
    """All that is stored was told, and what happens is told as it does."""
    WAITING = "waiting"
    """Between two sockets."""
    UNAUTHORIZED = "unauthorized"
    """Nobody is signed in: `set_token` or `connect` goes on."""
    REFUSED = "refused"
    """The server does not take this user, this address or this client: `connect` tries again."""
    CLOSED = "closed"
    """Closed for good."""


class Step(enum.Enum):
    """The steps of connecting, each with a time of its own."""

    TOKEN = "the token function took too long"  # noqa: S105 - words, not a token
    SOCKET = "the server was not reached in time"
    HELLO = "the server did not say HELLO in time"


CONNECTED = frozenset({State.RESUMING, State.LIVE})
ATTEMPTING = CONNECTED | {State.CONNECTING}


# Inputs.


@dataclass(frozen=True)
class Connect:
    """The application wants to connect, or has brought a token."""


@dataclass(frozen=True)
class TokenReady:
    """There is a token; the socket is being opened."""


@dataclass(frozen=True)
class Opened:
    """The socket is open."""


@dataclass(frozen=True)
class Greeted:
    """HELLO came. `caught_up`: nothing was missed. `silence` is in seconds."""

    caught_up: bool
    silence: float


@dataclass(frozen=True)
class CaughtUp:
    """The end of a resume: all that was missed has come."""


@dataclass(frozen=True)
class PlaceLost:
    """The server lost its place; what was missed is asked for."""


@dataclass(frozen=True)
class Heard:
    """Something came within the silence timeout; `left` is what is left of it, in seconds."""

    left: float


@dataclass(frozen=True)
class Lost:
    """The attempt or the socket came to an end that another one may mend.

    `delay`, in seconds, is what the server asks for; else `at_once` chooses between two pauses.
    """

    reason: ParleyError
    at_once: bool = False
    delay: float | None = None


@dataclass(frozen=True)
class TokenRefused:
    """The server did not take the token, or no longer. `renewable`: there may be another one."""

    reason: ParleyError
    renewable: bool


@dataclass(frozen=True)
class SignedOut:
    """There is no token."""

    reason: ParleyError


@dataclass(frozen=True)
class Refused:
    """The server does not take this client as it is, or until `seconds` have gone by."""

    reason: ParleyError
    seconds: float | None = None


@dataclass(frozen=True)
class StillBehind:
    """More events than may still wait to be handled."""


@dataclass(frozen=True)
class TimedOut:
    """The deadline has come."""


@dataclass(frozen=True)
class Close:
    """The application is done."""


Input = (
    Connect
    | TokenReady
    | Opened
    | Greeted
    | CaughtUp
    | PlaceLost
    | Heard
    | Lost
    | TokenRefused
    | SignedOut
    | Refused
    | StillBehind
    | TimedOut
    | Close
)


@dataclass(frozen=True)
class Situation:
    """A state with its reason and its deadline, and what is remembered between attempts.

    Times are seconds on the clock of the caller. `step` is set while connecting; `silence` while
    connected. `attempts` failed since the last steady time, and `refusals` of tokens.
    """

    state: State = State.IDLE
    reason: ParleyError | None = None
    deadline: float | None = None
    step: Step | None = None
    silence: float = 0.0
    attempts: int = 0
    refusals: int = 0
    live_since: float | None = None


@dataclass(frozen=True)
class _Moment:
    now: float
    # A random number, at least 0 and below 1.
    chance: float
    options: Options


def follow(
    situation: Situation, happened: Input, now: float, chance: float, options: Options
) -> Situation:
    """Tell what follows when something happened; the same object where that changes nothing.

    `chance` is a random number from 0 to 1, which spreads the pauses of many clients.
    """
    row = TRANSITIONS[type(happened)]
    step = row.get(situation.state)
    return situation if step is None else step(situation, happened, _Moment(now, chance, options))


def _connect(situation: Situation, _happened: Connect | TimedOut, at: _Moment) -> Situation:
    return replace(
        situation,
        state=State.CONNECTING,
        reason=None,
        step=Step.TOKEN,
        deadline=at.now + at.options.token_timeout_seconds,
        live_since=None,
    )


def _connect_afresh(situation: Situation, happened: Connect | TimedOut, at: _Moment) -> Situation:
    return _connect(replace(situation, attempts=0, refusals=0), happened, at)


def _open(situation: Situation, _happened: TokenReady, at: _Moment) -> Situation:
    if situation.step is not Step.TOKEN:
        return situation
    deadline = at.now + at.options.connect_timeout_seconds
    return replace(situation, step=Step.SOCKET, deadline=deadline)


def _await_hello(situation: Situation, _happened: Opened, at: _Moment) -> Situation:
    if situation.step is not Step.SOCKET:
        return situation
    deadline = at.now + at.options.hello_timeout_seconds
    return replace(situation, step=Step.HELLO, deadline=deadline)


def _greet(situation: Situation, happened: Greeted, at: _Moment) -> Situation:
    if situation.step is not Step.HELLO:
        return situation
    return replace(
        situation,
        state=State.LIVE if happened.caught_up else State.RESUMING,
        step=None,
        silence=happened.silence,
        deadline=at.now + _patience(happened.silence, at, resuming=not happened.caught_up),
        live_since=at.now if happened.caught_up else None,
    )


def _patience(silence: float, at: _Moment, *, resuming: bool) -> float:
    """Tell after how long to look whether a socket still brings what it should."""
    return min(silence, at.options.resume_timeout_seconds) if resuming else silence


def _catch_up(situation: Situation, _happened: CaughtUp, at: _Moment) -> Situation:
    deadline = at.now + situation.silence
    return replace(situation, state=State.LIVE, deadline=deadline, live_since=at.now)


def _lose_place(situation: Situation, _happened: PlaceLost, at: _Moment) -> Situation:
    deadline = at.now + _patience(situation.silence, at, resuming=True)
    return replace(_steady(situation, at), state=State.RESUMING, deadline=deadline, live_since=None)


def _hear(situation: Situation, happened: Heard, at: _Moment) -> Situation:
    return replace(situation, deadline=at.now + happened.left)


def _steady(situation: Situation, at: _Moment) -> Situation:
    """Forget earlier failures once the connection was live for long enough."""
    since = situation.live_since
    if since is None or at.now - since < at.options.steady_after_seconds:
        return situation
    return replace(situation, attempts=0, refusals=0)


def _ended(situation: Situation, state: State, reason: ParleyError) -> Situation:
    return replace(situation, state=state, reason=reason, deadline=None, step=None, live_since=None)


def _wait(situation: Situation, happened: Lost, at: _Moment) -> Situation:
    before = _steady(situation, at)
    options = at.options
    if happened.delay is not None:
        pause = asked_seconds(happened.delay, at.chance, options)
    else:
        base = AT_ONCE_SECONDS if happened.at_once else None
        pause = pause_seconds(before.attempts, at.chance, options, base_seconds=base)
    waiting = _ended(before, State.WAITING, happened.reason)
    return replace(waiting, deadline=at.now + pause, attempts=before.attempts + 1)


def _ask_for_token(situation: Situation, happened: TokenRefused, at: _Moment) -> Situation:
    before = _steady(situation, at)
    refusals = before.refusals + 1
    before = replace(before, refusals=refusals)
    if not happened.renewable or refusals >= REFUSED_TOKENS:
        return _ended(before, State.UNAUTHORIZED, happened.reason)
    return _wait(before, Lost(happened.reason, at_once=refusals == 1), at)


def _sign_out(situation: Situation, happened: SignedOut, _at: _Moment) -> Situation:
    return _ended(situation, State.UNAUTHORIZED, happened.reason)


def _refuse(situation: Situation, happened: Refused, at: _Moment) -> Situation:
    refused = _ended(situation, State.REFUSED, happened.reason)
    if happened.seconds is None:
        return refused
    # A longer time than the longest delay is looked at again in between.
    pause = asked_seconds(max(happened.seconds, 0.0), at.chance, at.options)
    # The two clocks may differ a little.
    return replace(refused, deadline=at.now + pause + at.chance)


def _give_up(situation: Situation, _happened: TimedOut, at: _Moment) -> Situation:
    reason: ParleyError
    if situation.step is Step.TOKEN:
        reason = TokenError("timed out", "took too long")
    elif situation.step is not None:
        reason = UnreachableError(situation.step.value)
    elif situation.state is State.RESUMING:
        reason = SilentError("the resume brought nothing for too long")
    else:
        reason = SilentError(f"nothing came for {situation.silence:.1f} s")
    return _wait(situation, Lost(reason), at)


def _wait_on(situation: Situation, _happened: StillBehind, at: _Moment) -> Situation:
    if not isinstance(situation.reason, ConsumerBehindError):
        return situation
    return replace(situation, deadline=at.now + at.options.backoff_cap_seconds)


def _retry(situation: Situation, happened: TimedOut, at: _Moment) -> Situation:
    return situation if situation.deadline is None else _connect(situation, happened, at)


def _close(situation: Situation, _happened: Close, _at: _Moment) -> Situation:
    return replace(
        situation, state=State.CLOSED, reason=None, deadline=None, step=None, live_since=None
    )


_Follow = Callable[[Situation, Any, _Moment], Situation]


def _in(states: frozenset[State], step: _Follow) -> Mapping[State, _Follow]:
    return dict.fromkeys(states, step)


TRANSITIONS: Mapping[type[Input], Mapping[State, _Follow]] = {
    Connect: {
        State.IDLE: _connect,
        State.WAITING: _connect,
        State.UNAUTHORIZED: _connect_afresh,
        State.REFUSED: _connect_afresh,
    },
    TokenReady: {State.CONNECTING: _open},
    Opened: {State.CONNECTING: _await_hello},
    Greeted: {State.CONNECTING: _greet},
    CaughtUp: {State.RESUMING: _catch_up},
    PlaceLost: {State.LIVE: _lose_place},
    Heard: _in(CONNECTED, _hear),
    Lost: _in(ATTEMPTING, _wait),
    TokenRefused: _in(ATTEMPTING, _ask_for_token),
    SignedOut: _in(ATTEMPTING, _sign_out),
    Refused: _in(ATTEMPTING, _refuse),
    StillBehind: {State.WAITING: _wait_on},
    TimedOut: {
        **_in(ATTEMPTING, _give_up),
        State.WAITING: _connect,
        State.REFUSED: _retry,
    },
    Close: _in(frozenset(State) - {State.CLOSED}, _close),
}
"""Transitions by input and state; in states that are not listed an input changes nothing."""
