"""Sessions by the clock, without a desk: idle, over, and asking too often."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from desk.metrics import Metrics
from desk.problems import RefusedError
from desk.sessions import Rate, Sessions
from desk.settings import Settings
from service_kit.authentication.claims import Principal

IDLE = 100


@dataclass
class Clock:
    """A clock that a test moves."""

    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(clock: Clock, tmp_path: Path) -> Sessions:
    settings = Settings(
        credential_file=tmp_path / "desk.key",
        idle_seconds=IDLE,
        sessions_per_user=2,
        requests_burst=5,
        requests_per_second=1,
    )
    return Sessions(settings, Metrics(CollectorRegistry()), clock, clock)


def mia(expires_at: float = 1e9) -> Principal:
    return Principal("mia", expires_at, frozenset({"moderator", "dancer"}))


def test_who_acts_is_not_idle_and_a_browser_that_asks_by_itself_does_not_act(
    sessions: Sessions, clock: Clock
) -> None:
    name, session = sessions.open(mia(), "token")
    clock.now += IDLE - 1
    sessions.use(sessions.find(name), acts=True)
    clock.now += IDLE - 1
    sessions.use(sessions.find(name), acts=False)
    clock.now += 1
    with pytest.raises(RefusedError, match="sign in again"):
        sessions.find(name)
    assert session.over


def test_a_session_ends_with_its_token_however_busy_it_is(sessions: Sessions, clock: Clock) -> None:
    told: list[str] = []
    name, session = sessions.open(mia(clock.now + 10), "token")
    session.ending.append(lambda: told.append("over"))
    clock.now += 9
    assert sessions.seconds_left(sessions.find(name)) == 1
    clock.now += 1
    assert sessions.is_over(session)
    sessions.end(session)
    assert told == ["over"], "once"
    assert sessions.users() == []


def test_the_session_that_was_used_least_recently_makes_room(
    sessions: Sessions, clock: Clock
) -> None:
    first, second = (sessions.open(mia(), "token")[0] for _ in range(2))
    clock.now += 1
    sessions.use(sessions.find(first), acts=True)
    sessions.open(mia(), "token")
    assert sessions.find(first).user == "mia"
    with pytest.raises(RefusedError):
        sessions.find(second)


def test_a_session_shows_neither_its_token_nor_its_names(sessions: Sessions) -> None:
    """In no log and in no traceback."""
    name, session = sessions.open(mia(), "the.secret.token")
    shown = repr(session) + repr(vars(sessions))
    assert "the.secret.token" not in shown
    assert session.csrf_token not in shown
    assert name not in shown
    assert session.roles == ["moderator"]


def test_a_rate_lets_a_burst_pass_and_then_one_after_the_other() -> None:
    rate = Rate(2, 3, now=0)
    assert [rate.take(0) for _ in range(3)] == [0, 0, 0]
    wait = rate.take(0)
    assert 500 <= wait <= 501
    assert rate.take(0.4) > 0
    assert rate.take(wait / 1000) == 0
    assert [rate.take(1000) for _ in range(4)][:3] == [0, 0, 0]
