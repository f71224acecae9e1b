"""Set-up where npm's registry cannot be reached: it says so, and whoever needs npm is stopped."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.node import ROOT
from tests.support.system import free_port
from tests.support.waiting import PATIENCE


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with all that set-up reads, but without npm's packages."""
    for name in ("Makefile", "package.json", "package-lock.json", ".npmrc", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    environment = tmp_path / ".venv"
    environment.mkdir()
    (environment / "bin").symlink_to(Path(sys.executable).parent)
    (environment / ".ready").touch()
    return tmp_path


def _make(target: str, checkout: Path) -> subprocess.CompletedProcess[str]:
    told = {
        **os.environ,
        "npm_config_registry": f"http://127.0.0.1:{free_port()}/",
        "npm_config_cache": str(checkout / "cache"),
    }
    command = ["make", "--no-print-directory", target]
    return subprocess.run(
        command,
        cwd=checkout,
        env=told,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


@pytest.mark.parametrize("target", ["setup", "node"])
def test_set_up_goes_on_and_says_what_is_missing(checkout: Path, target: str) -> None:
    """Node alone comes from PyPI. The demo waits for the same target, so that it plays."""
    done = _make(target, checkout)
    assert done.returncode == 0, done.stderr
    assert "ECONNREFUSED" in done.stderr
    assert "npm's packages are missing" in done.stderr
    assert "the TypeScript client is not built" in done.stderr
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert "\ndemo: node ##" in makefile


@pytest.mark.parametrize("target", ["check", "test"])
def test_who_needs_npm_is_stopped_with_the_reason(checkout: Path, target: str) -> None:
    """Nothing is checked or tested in part without a word."""
    done = _make(target, checkout)
    assert done.returncode != 0
    assert "npm's packages are missing" in done.stderr
    assert "pytest" not in done.stdout
