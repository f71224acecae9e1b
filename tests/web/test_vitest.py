"""The TypeScript tests of the web app, one test for each file."""

from pathlib import Path

import pytest

from tests.support.node import WEB, run_vitest


@pytest.mark.parametrize(
    "file", sorted((WEB / "tests").glob("*.test.ts")), ids=lambda file: file.name
)
def test_vitest(file: Path) -> None:
    assert "passed" in run_vitest(file, WEB)
