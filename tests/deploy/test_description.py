"""The description of the protocol goes where the edge goes: into its image and the wheel."""

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.images import ROOT, Image
from tests.support.waiting import PATIENCE

# Fails where a file is missing, for it is read when the routes are made; says which ones they are.
_PROGRAM = """
from prometheus_client import CollectorRegistry
from edge.metrics import Metrics
from edge.web import description
print(description.__file__, *[one.path for one in description.routes(Metrics(CollectorRegistry()))])
"""


def routes(python: Path, environment: dict[str, str], folder: Path) -> list[str]:
    """Where the module of the edge stands there, and the addresses that it serves."""
    done = subprocess.run(
        [python, "-c", _PROGRAM],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """The folder into which the distribution is installed."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=PATIENCE,
    )
    (built,) = tmp_path.glob("*.whl")
    installed = tmp_path / "installed"
    with zipfile.ZipFile(built) as packed:
        packed.extractall(installed)
    return installed


def test_an_installed_edge_has_it(wheel: Path) -> None:
    """The folders of the distribution come before those of this checkout."""
    environment = {**os.environ, "PYTHONPATH": str(wheel), "PYTHONSAFEPATH": "1"}
    module, *paths = routes(Path(sys.executable), environment, wheel)
    assert Path(module) == wheel / "edge" / "web" / "description.py"
    assert paths == ["/asyncapi.json", "/asyncapi"]
    for name in ("asyncapi.json", "asyncapi.html"):
        assert (wheel / "docs" / name).read_bytes() == (ROOT / "docs" / name).read_bytes()


def test_the_image_has_it(image: Callable[[str], Image]) -> None:
    """Nothing but what its Dockerfile copies."""
    edge = image("edge")
    python = edge.root / "opt/venv/bin/python"
    module, *paths = routes(python, edge.environment, edge.workdir)
    assert Path(module).is_relative_to(edge.root)
    assert paths == ["/asyncapi.json", "/asyncapi"]
