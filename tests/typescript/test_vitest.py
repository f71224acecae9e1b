"""The tests of the TypeScript client that need no server."""

import pytest

from tests.support.node import LIBRARY, run_vitest

_TESTS = LIBRARY / "tests"


@pytest.mark.timeout(300)
def test_all_files_pass() -> None:
    """Vitest runs them at once, and tells what fails."""
    # Those of this folder need a server, which another test starts for them.
    files = {path for path in _TESTS.rglob("*.test.ts*") if "edge" not in path.parts}
    said = run_vitest(*sorted(files), seconds=280)
    assert f"Test Files  {len(files)} passed" in said
