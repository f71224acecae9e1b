"""The TypeScript tests of the web apps."""

import pytest

from tests.support.node import WEB, run_vitest


@pytest.mark.timeout(300)
def test_all_files_pass() -> None:
    """Vitest runs them at once, and tells what fails."""
    files = sorted((WEB / "tests").glob("*.test.ts*"))
    said = run_vitest(*files, folder=WEB, seconds=280)
    assert f"Test Files  {len(files)} passed" in said
