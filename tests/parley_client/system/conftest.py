"""A real system for the tests of the client library."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.support.system import System


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """All services and one edge, for the tests of a module; each brings its own people."""
    with System(tmp_path_factory.mktemp("system")) as system:
        system.start("moderation", "negotiation", "messaging", ping_interval_seconds=0.2)
        yield system


@pytest.fixture
def ann() -> str:
    """A name that nobody else has."""
    return f"ann-{uuid4().hex[:8]}"


@pytest.fixture
def bob() -> str:
    """A name that nobody else has."""
    return f"bob-{uuid4().hex[:8]}"
