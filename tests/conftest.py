"""The databases on which tests run: each test that asks for one runs on every kind.

How long rules are tried out: a few thousand steps, or with the profile nightly many more.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import structlog

from tests.support.postgresql import Postgresql

# Tests fork in order to start a program and for nothing else. Where the child becomes another user
# first, as for PostgreSQL's sake, gRPC's handlers of forks would crash it during calls.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"

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


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    """The kind of database of this run of the test."""
    return str(request.param)


@pytest.fixture
def empty_database(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database without tables."""
    if kind == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.sqlite3'}"
        return
    server: Postgresql = request.getfixturevalue("postgresql")
    with server.database() as name:
        yield server.url(name)
