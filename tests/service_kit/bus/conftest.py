"""Several tallies on one PostgreSQL, by either bus."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from service_kit.service import migrate
from tests.support.nats import Nats
from tests.support.postgresql import Postgresql
from tests.support.serving import quick_settings
from tests.support.tally.running import RunningTally, run_tally
from tests.support.tally.service import SERVICE, TallySettings

Start = Callable[..., AbstractAsyncContextManager[RunningTally]]


def never() -> None:
    pytest.fail("the right was lost")


@pytest.fixture(scope="session")
def nats_server() -> Iterator[Nats]:
    server = Nats()
    yield server
    server.stop()


@pytest.fixture(params=["postgresql", "nats"])
def bus(request: pytest.FixtureRequest) -> dict[str, object]:
    """The settings of a bus."""
    if request.param == "postgresql":
        return {}
    return {"bus": "nats", "bus_url": request.getfixturevalue("nats_server").url}


@pytest.fixture
def settings(postgresql: Postgresql, tmp_path: Path) -> Iterator[TallySettings]:
    """Settings with a migrated database."""
    with postgresql.database() as name:
        made = TallySettings(**quick_settings(tmp_path, postgresql.url(name)))
        migrate(SERVICE, made)
        yield made


@pytest.fixture
def start(settings: TallySettings, bus: dict[str, object]) -> Start:
    """Starts a replica, with changes of the settings."""

    @asynccontextmanager
    async def start(**changes: object) -> AsyncIterator[RunningTally]:
        changed = TallySettings(**settings.model_dump(exclude_unset=True) | bus | changes)
        async with run_tally(changed, never) as replica:
            yield replica

    return start
