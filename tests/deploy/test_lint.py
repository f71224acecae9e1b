"""What is deployed is written as its linters ask for."""

import subprocess
import sys
from pathlib import Path

import yaml
from yamllint import linter
from yamllint.config import YamlLintConfig

from tests.support.chart import EVERYTHING, render
from tests.support.images import ROOT
from tests.support.waiting import PATIENCE

_PROGRAMS = Path(sys.executable).parent


def test_dockerfiles() -> None:
    """hadolint finds nothing."""
    files = sorted([*ROOT.glob("*/Dockerfile"), *ROOT.glob("deploy/*/Dockerfile")])
    assert files
    done = subprocess.run(
        [_PROGRAMS / "hadolint", *files],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
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
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_the_rendered_chart() -> None:
    """No key stands there twice, which Helm lets pass; how it looks is Helm's as well as ours."""
    ignored = ("line-length", "document-start", "empty-lines", "indentation", "trailing-spaces")
    rules = {"extends": "default", "rules": dict.fromkeys(ignored, "disable")}
    config = YamlLintConfig(yaml.safe_dump(rules))
    for path, text in render(EVERYTHING).items():
        if path.endswith(".yaml"):
            problems = [str(one) for one in linter.run(text, config)]
            assert not problems, path
