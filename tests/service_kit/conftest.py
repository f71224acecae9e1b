"""Tallies on free ports of this process, each on a migrated database of its own."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from service_kit.authentication.callers import Caller
from service_kit.service import migrate
from tests.support.callers import write_credential
from tests.support.postgresql import Postgresql
from tests.support.serving import quick_settings
from tests.support.tally.running import RunningTally, run_tally
from tests.support.tally.service import SERVICE, TallySettings


@pytest.fixture
def new_settings(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Callable[[], TallySettings]]:
    """Settings with another migrated database each time."""
    with ExitStack() as databases:

        def new() -> TallySettings:
            if kind == "sqlite":
                name = f"{len(list(tmp_path.glob('*.sqlite3')))}.sqlite3"
                url = f"sqlite:///{tmp_path / name}"
            else:
                server: Postgresql = request.getfixturevalue("postgresql")
                url = server.url(databases.enter_context(server.database()))
            made = TallySettings(
                **quick_settings(tmp_path, url),
                follow_credential_file=write_credential(tmp_path, Caller.BACKEND),
            )
            migrate(SERVICE, made)
            return made

        yield new


@pytest.fixture
async def tally(new_settings: Callable[[], TallySettings]) -> AsyncIterator[RunningTally]:
    async with run_tally(new_settings()) as started:
        yield started
