"""A rolling deployment while people talk, bargain and complain: they notice reconnects, no more."""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.rolling.newer_build import build
from tests.rolling.rolling import roll
from tests.support.postgresql import Postgresql
from tests.support.system import SERVICES, System

_PEOPLE = 5
# A machine with much else to do is slow, which is no failure of a service.
_PATIENT = {"call_timeout_seconds": 15}
# Moderators and people complain faster than any do, and disputes end within the test.
_MODERATION = {
    "reports_limit": 10_000,
    "unreliable_reports_limit": 10_000,
    "open_reports_limit": 10_000,
    "statements_hours": 3 / 3600,
    "messaging_timeout_seconds": 10,
    "negotiation_timeout_seconds": 10,
}
# As short as the offers that people here make.
_NEGOTIATION = {
    "min_offer_minutes": 1 / 60,
    "offer_reminder_hours": 1 / 3600,
    "cancellation_hours": 3 / 3600,
    "cancellation_reminder_hours": 1 / 3600,
    "messaging_timeout_seconds": 10,
}


@pytest.fixture(scope="session")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The environment of a newer build."""
    return build(tmp_path_factory.mktemp("newer"))


@pytest.fixture
def system(tmp_path: Path, postgresql: Postgresql) -> Iterator[System]:
    """Two edges and two replicas of each service, each with a database of PostgreSQL."""
    with ExitStack() as stack:
        system = System(tmp_path, openings_per_hour=10_000)
        system.settings["moderation"] = {**_MODERATION}
        system.settings["negotiation"] = {**_NEGOTIATION}
        for name in SERVICES:
            url = postgresql.url(stack.enter_context(postgresql.database()))
            system.settings.setdefault(name, {})["database_url"] = url
        stack.enter_context(system)
        system.start_services(*SERVICES, replicas=2)
        for _ in range(2):
            system.start_edge(drain_seconds=3, reconnect_spread_seconds=1, **_PATIENT)
        yield system


@pytest.mark.timeout(300)
async def test_clients_notice_reconnects_and_nothing_else(
    system: System, newer: Mapping[str, str]
) -> None:
    """Every process is replaced by one of a newer build, whose contracts and databases say more,
    one by one and under load. Each ends by itself and well; nobody is told of an error or of a
    gap; nothing is lost, doubled or out of order; and in the end all talk with the newer edges.
    """
    rollout = await roll(system, newer, _PEOPLE, secrets.randbelow(2**32))
    assert rollout.violations == [], rollout.summary()
    assert rollout.noticed == [], rollout.summary()
    assert [name for name, _, _ in rollout.replaced] == [
        *("messaging", "messaging", "negotiation", "negotiation"),
        *("moderation", "moderation", "edge", "edge"),
    ]
    assert {status for _, status, _ in rollout.replaced} == {0}
    assert rollout.newer_edges == len(
        [one for one in rollout.recording if one.startswith("talker")]
    )
    assert rollout.stored > 50
