"""The version that a process shows is that of the distribution, which images do not hold."""

import tomllib
from pathlib import Path

from service_kit.version import VERSION

ROOT = Path(__file__).resolve().parents[2]


def test_the_version_is_that_of_the_distribution() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == VERSION
