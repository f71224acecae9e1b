"""Tallies on free ports of this process, each on a migrated database of its own."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from service_kit.service import migrate
from tests.support.postgresql import Postgresql
from tests.support.tally.running import SECRET, RunningTally, run_tally
from tests.support.tally.service import SERVICE, TallySettings


@pytest.fixture
def new_settings(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Callable[[], TallySettings]]:
    """Settings with another migrated database each time."""
    credentials = tmp_path / "service.key"
    credentials.write_text(f"{SECRET}\n")
    with ExitStack() as databases:

        def new() -> TallySettings:
            if kind == "sqlite":
                name = f"{len(list(tmp_path.glob('*.sqlite3')))}.sqlite3"
                url = f"sqlite:///{tmp_path / name}"
            else:
                server: Postgresql = request.getfixturevalue("postgresql")
                url = server.url(databases.enter_context(server.database()))
            made = TallySettings(
                listen="127.0.0.1:0",
                database_url=url,
                database_lock_timeout_seconds=1,
                credentials_file=credentials,
                grace_seconds=0,
                log_level="info",
                watch_progress_seconds=0.05,
            )
            migrate(SERVICE, made)
            return made

        yield new


@pytest.fixture
async def tally(new_settings: Callable[[], TallySettings]) -> AsyncIterator[RunningTally]:
    """A tally that serves."""
    async with run_tally(new_settings()) as started:
        yield started
