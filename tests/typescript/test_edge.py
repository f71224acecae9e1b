"""The tests of the TypeScript client that talk with a real edge: each file is one test here."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.node import LIBRARY, run_vitest
from tests.support.system import System

_FILES = sorted((LIBRARY / "tests" / "edge").rglob("*.test.ts*"))


@pytest.fixture
def parley(tmp_path: Path) -> Iterator[System]:
    """All services, and an edge."""
    with System(tmp_path) as system:
        system.start(
            *("moderation", "negotiation", "messaging"),
            ping_interval_seconds=0.5,
            # That of pages in a DOM without a browser.
            allowed_origins="http://localhost:3000",
        )
        yield system


@pytest.mark.parametrize("file", _FILES, ids=lambda path: path.name)
def test_file_passes(file: Path, parley: System) -> None:
    """Vitest runs all tests of the file; what fails is shown as vitest tells it."""
    run_vitest(file, PARLEY_URL=parley.url, PARLEY_TOKEN_KEY=parley.token_key)
