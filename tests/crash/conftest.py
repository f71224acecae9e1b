"""Fixtures of the trials, and of the tests of the checker."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.deal_case import Case
from tests.crash.trial import empty_system
from tests.support.system import System


@pytest.fixture
def case() -> Case:
    """A deal from its proposal to the notes of both."""
    return Case()


@pytest.fixture
def system(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[System]:
    server = request.getfixturevalue("postgresql") if kind == "postgresql" else None
    with empty_system(tmp_path, server) as found:
        yield found
