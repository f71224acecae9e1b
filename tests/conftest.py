"""How tests are spread over workers, the databases on which they run, and how long rules are tried.

Each test that asks for a database runs on every kind. Rules are tried for a few thousand steps, or
with the profile nightly for many more.
"""

import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import hypothesis
import pytest
import structlog
from playwright.async_api import BrowserContext
from sqlalchemy import Engine

from service_kit.process.settings import ServiceSettings
from service_kit.service import migrate, running
from tests.support import forks, system
from tests.support import moderation as scripted
from tests.support.browser import browsing
from tests.support.pair import Pair, new_pair
from tests.support.postgresql import Postgresql
from tests.support.serving import Database, Described, Serve, check_refused, opened

# Tests fork in order to start a program and for nothing else. Where the child becomes another user
# first, as for PostgreSQL's sake, gRPC's handlers of forks would crash it during calls.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"

system.start_process = forks.ForkedProcess

# How long an example takes says something of the machine, which runs other tests beside it.
hypothesis.settings.register_profile("parley", deadline=None)
hypothesis.settings.register_profile("nightly", max_examples=1_000, deadline=None)
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "parley")
hypothesis.settings.load_profile(PROFILE)

# Where no test sets logging up, a traceback shows no local variables: while a database is away, to
# write them down would take longer than calls wait for.
structlog.configure(
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)


# Whoever uses one of these runs on one worker, so that it is started once.
_STARTED_ONCE = (
    "bot_system",
    "shared_system",
    "shared_deals",
    "moderated_system",
    "client_system",
    "browser_site",
    "bench_system",
    "both_servers",
    "observed_system",
)
# The longest first, so that nobody waits for one of them in the end.
_LONGEST = (
    "tests/conformance/",
    "tests/crash/",
    "tests/deploy/",
    "tests/command_line/",
    "tests/bench/",
)


def pytest_xdist_auto_num_workers() -> int:
    """Give two workers for each processor: half of the time a test waits for processes."""
    return 2 * (os.cpu_count() or 1)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave some to the night, group what shares a system, and begin with what takes longest."""
    if PROFILE != "nightly":
        later = [item for item in items if item.get_closest_marker("nightly")]
        config.hook.pytest_deselected(items=later)
        items[:] = [item for item in items if item not in later]
    for item in items:
        for name in _STARTED_ONCE:
            if name in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.xdist_group(name))
    items.sort(key=lambda item: not item.nodeid.startswith(_LONGEST))


TOLD = "told"
"""The property of a test that is shown below the results of all."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what tests have to tell besides whether they passed."""
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, text in report.user_properties:
            if name == TOLD:
                terminalreporter.section(report.nodeid)
                terminalreporter.write_line(str(text))


@pytest.fixture
def profile() -> str:
    """The name of the profile of Hypothesis that is asked for."""
    return PROFILE


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Postgresql]:
    """A server for all tests of this worker; each takes databases of its own from it."""
    server = Postgresql()
    try:
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session")
def both_servers() -> Iterator[Pair]:
    """Two servers of this worker, of which one follows the other."""
    made = new_pair()
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def pair(both_servers: Pair) -> Iterator[Pair]:
    """A primary without databases of the tests, and a standby that may take its place."""
    if both_servers.over:
        both_servers.renew()
    yield both_servers
    both_servers.clean()


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    """The kind of database of this run of the test."""
    return str(request.param)


@pytest.fixture
def database_on_postgresql(postgresql: Postgresql) -> Iterator[str]:
    """The address of a database of PostgreSQL without tables."""
    with postgresql.database() as name:
        yield postgresql.url(name)


@pytest.fixture
def empty_database(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database without tables."""
    if kind == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.sqlite3'}"
    return str(request.getfixturevalue("database_on_postgresql"))


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Described], Path]:
    """Gives a migrated SQLite database of a service, to copy; made once for this worker."""

    @cache
    def find(described: Described) -> Path:
        path = tmp_path_factory.mktemp(described.service.name) / "migrated"
        migrate(described.service, described.settings_of(path.parent, f"sqlite:///{path}"))
        return path

    return find


@pytest.fixture(scope="session")
def migrated_database(postgresql: Postgresql) -> Iterator[Callable[[Described], str]]:
    """Gives the name of a migrated PostgreSQL database of a service, to make others from."""
    with ExitStack() as stack:

        @cache
        def find(described: Described) -> str:
            folder = Path(stack.enter_context(TemporaryDirectory()))
            name = stack.enter_context(postgresql.database())
            migrate(described.service, described.settings_of(folder, postgresql.url(name)))
            return name

        yield find


@pytest.fixture
def settings(
    kind: str, described: Described, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Any]:
    """Settings of a migrated database of the test's own, for the service that is `described`."""
    if kind == "sqlite":
        template = request.getfixturevalue("migrated_file")(described)
        path = shutil.copy(template, tmp_path / f"{described.service.name}.sqlite3")
        yield described.settings_of(tmp_path, f"sqlite:///{path}")
        return
    server: Postgresql = request.getfixturevalue("postgresql")
    template = request.getfixturevalue("migrated_database")(described)
    with server.database(template=template) as name:
        yield described.settings_of(tmp_path, server.url(name))


@pytest.fixture
def engine(settings: ServiceSettings) -> Iterator[Engine]:
    """The writing engine of the database, for tests without a server."""
    with opened(settings.database_url) as made:
        yield made


@pytest.fixture
def database(engine: Engine) -> Database:
    """A database to run operations on."""
    return Database(engine)


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[BrowserContext]:
    """A real browser, with a profile of the test's own."""
    async with browsing(tmp_path / "profile") as context:
        yield context


# --- A service as it serves ---------------------------------------------------------------------


@pytest.fixture
def beside() -> dict[str, Any]:
    """The settings that lead to the services beside the one that is `described`; without any."""
    return {}


@pytest.fixture
def serve(settings: Any, described: Described, beside: dict[str, Any]) -> Serve:
    """Start the service that is `described` with changed settings; gives a client of it."""

    @asynccontextmanager
    async def start(**changes: Any) -> AsyncIterator[Any]:
        changed = settings.model_copy(update={**beside, **changes})
        async with (
            running(described.service, changed) as port,
            described.connected(port) as client,
        ):
            yield client

    return start


@pytest.fixture
async def client(serve: Serve) -> AsyncIterator[Any]:
    """A running service with the settings as they are."""
    async with serve() as started:
        yield started


@pytest.fixture
def refused(described: Described) -> Callable[..., Any]:
    """Check that a call is refused with a code and reason; gives the details."""
    domain = described.service.failures.domain
    return lambda awaitable, *expected: check_refused(awaitable, domain, *expected)


# --- A service that follows moderation ----------------------------------------------------------


@pytest.fixture
async def moderation() -> AsyncIterator[scripted.ScriptedModeration]:
    """A moderation that says what the test says."""
    async with scripted.ScriptedModeration().serving() as made:
        yield made


@pytest.fixture
def following(settings: Any, moderation: scripted.ScriptedModeration) -> scripted.Following:
    """The restrictions that the service that is `described` has heard of from that moderation."""
    return scripted.Following(settings.database_url, moderation)


@pytest.fixture
def followed(tmp_path: Path, moderation: scripted.ScriptedModeration) -> dict[str, Any]:
    """The settings with which that moderation is followed."""
    (tmp_path / "moderation.key").write_text(scripted.SECRET)
    return {
        "moderation_target": moderation.target,
        "moderation_credential_file": tmp_path / "moderation.key",
    }
