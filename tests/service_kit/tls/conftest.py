"""Certificates, made once for the tests of this folder and copied for each."""

import shutil
from pathlib import Path

import pytest

from tests.support.certificates import Certificates


@pytest.fixture(scope="session")
def made_certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Certificates(tmp_path_factory.mktemp("certificates")).folder


@pytest.fixture
def certificates(made_certificates: Path, tmp_path: Path) -> Certificates:
    """Certificates that the test may change."""
    folder = tmp_path / "certificates"
    shutil.copytree(made_certificates, folder)
    return Certificates(folder)


@pytest.fixture
def kind() -> str:
    """The database plays no part in this."""
    return "sqlite"
