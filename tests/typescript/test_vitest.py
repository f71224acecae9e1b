"""The tests of the TypeScript client that need no server: each file is one test here."""

from pathlib import Path

import pytest

from tests.support.node import LIBRARY, run_vitest

_TESTS = LIBRARY / "tests"
# Those of this folder need a server, which other tests here start for them.
_FILES = sorted(
    path for path in _TESTS.rglob("*.test.ts*") if path.relative_to(_TESTS).parts[0] != "edge"
)


@pytest.mark.parametrize("file", _FILES, ids=lambda path: str(path.relative_to(_TESTS)))
def test_file_passes(file: Path) -> None:
    """Vitest runs all tests of the file; what fails is shown as vitest tells it."""
    run_vitest(file)
