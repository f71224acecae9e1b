"""The image of the command line: it holds what the doctor needs, in the place of any part."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from command_line.doctor.checks.settings import check_settings
from command_line.doctor.deployment import of_environment
from tests.support.compose import read_compose, read_variables
from tests.support.images import ROOT, Dockerfile, Image
from tests.support.waiting import PATIENCE

PARTS = {"messaging", "negotiation", "moderation", "edge", "desk"}


def test_the_image_copies_what_is_let_through() -> None:
    """It is made as those of the parts are."""
    dockerfile = Dockerfile("deploy/tools")
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    let_through = {line[1:] for line in lines if line.startswith("!")}
    for source in dockerfile.copied:
        assert (ROOT / source).exists()
        assert source in let_through or source.partition("/")[0] in let_through, source
    assert dockerfile.arguments("USER") == ["10001:10001"]
    assert "--require-hashes" in " ".join(dockerfile.arguments("RUN"))


def test_the_doctor_runs_in_the_image(image: Callable[[str], Image], tmp_path: Path) -> None:
    """With the settings of one part, as in the place of its container."""
    made = image("deploy/tools")
    environment = made.environment | {
        "PARLEY_MESSAGING_DATABASE_URL": f"sqlite:///{tmp_path / 'messaging.sqlite3'}",
        "PARLEY_MESSAGING_CREDENTIALS_FILE": str(tmp_path / "accepted"),
    }
    python = str(made.root / "opt/venv/bin/python")
    done = subprocess.run(
        [python, "-m", "command_line", "doctor", "--json"],
        cwd=made.workdir,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    told = json.loads(done.stdout)
    assert told["parts"] == ["messaging"]
    assert {one["name"] for one in told["findings"]} == {"file-unreadable", "database-missing"}


def test_it_stands_in_the_place_of_every_part() -> None:
    """Compose merges the two files: settings, secrets and networks are those of the part."""
    beside = yaml.safe_load((ROOT / "deploy" / "tools" / "compose.yml").read_text("utf-8"))
    assert set(beside["services"]) == PARTS
    assert read_compose()["services"].keys() >= PARTS
    for service in beside["services"].values():
        assert service.keys() == {"image", "build", "command"}
        assert service["command"][:4] == ["python", "-m", "command_line", "doctor"]
    assert json.loads(Dockerfile("deploy/tools").arguments("CMD")[-1]) == service["command"]


@pytest.mark.parametrize("files", [(), ("replicas", "observability")], ids=["alone", "profiles"])
async def test_nothing_is_found_in_the_settings_that_compose_gives(files: tuple[str, ...]) -> None:
    """As all parts together have them; what is only wrong elsewhere is no matter here."""
    variables: dict[str, str] = {}
    for file in files:
        variables |= read_variables(f"deploy/{file}.env")
    environment: dict[str, str] = {}
    for part in PARTS:
        given = read_compose()["services"][part]["environment"]
        told = {name: variables.get(name) if one is None else one for name, one in given.items()}
        environment |= {name: str(one) for name, one in told.items() if one is not None}
    examined = of_environment(environment)
    assert set(examined.parts) == PARTS
    assert [finding async for finding in check_settings(examined)] == []
