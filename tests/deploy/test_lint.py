"""What is deployed is written as its linters ask for."""

import subprocess
import sys
from pathlib import Path

from tests.support.images import ROOT

_PROGRAMS = Path(sys.executable).parent


def test_dockerfiles() -> None:
    """hadolint finds nothing."""
    files = sorted(ROOT.glob("*/Dockerfile"))
    assert files
    done = subprocess.run(
        [_PROGRAMS / "hadolint", *files], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "", done.stdout
    assert done.returncode == 0, done.stderr


def test_all_yaml_of_the_repository() -> None:
    """yamllint finds nothing, by the rules of .yamllint.yaml."""
    done = subprocess.run(
        [_PROGRAMS / "yamllint", "--strict", "."],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")
