"""Settings of the parts when a data folder is served."""

import importlib
from pathlib import Path

import pytest

from command_line.folder.data_folder import DataFolder
from command_line.serve.parts import SERVICES, Address, DeskAddress, desk, edge, service
from desk.settings import Settings as DeskSettings
from edge.settings import Settings as EdgeSettings
from edge.web.origins import read_origins

ROOT = Path(__file__).resolve().parents[3]


def test_every_service_is_one_of_the_parts() -> None:
    """A service that can run as a process is started with the others."""
    modules = {path.parent.name for path in ROOT.glob("*_service/__main__.py")}
    assert modules == {f"{name}_service" for name in SERVICES}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_told_what_it_asks_for(name: str, tmp_path: Path) -> None:
    """Its settings bear its name, and it has a database and a log of its own."""
    described = importlib.import_module(f"{name}_service.__main__").SERVICE
    assert described.name == name
    prefix = described.settings.model_config["env_prefix"]
    targets = {one: f"127.0.0.1:{number}" for number, one in enumerate(SERVICES, 1)}
    part = service(name, DataFolder.at(tmp_path), targets, "info")
    told = {
        variable.removeprefix(prefix).lower()
        for variable in part.environment
        if variable.startswith(prefix)
    }
    fields = described.settings.model_fields
    assert {"listen", "database_url", "credentials_file"} <= told
    assert {one for one, field in fields.items() if field.is_required()} <= told <= fields.keys()
    assert part.environment[f"{prefix}LISTEN"] == targets[name]
    asked = {one for one in SERVICES if f"{one}_target" in fields}
    assert asked == set(SERVICES[name]), "it is told where those are whom it calls, and no others"
    for other in asked:
        assert part.environment[f"{prefix}{other.upper()}_TARGET"] == targets[other]
    assert f"{name}.sqlite3" in part.environment[f"{prefix}DATABASE_URL"]
    assert part.log.stem == name


def test_the_edge_is_told_where_each_service_is(tmp_path: Path) -> None:
    """By the setting that bears the name of the service."""
    targets = {name: f"127.0.0.1:{number}" for number, name in enumerate(SERVICES, 1)}
    part = edge(DataFolder.at(tmp_path), Address("127.0.0.1", 8080), targets, "info")
    for name, target in targets.items():
        assert f"{name}_target" in EdgeSettings.model_fields
        assert part.environment[f"PARLEY_EDGE_{name.upper()}_TARGET"] == target


def test_the_desk_is_told_where_moderation_is_and_listens_on_this_machine_alone(
    tmp_path: Path,
) -> None:
    """With a credential of its own, not the operator's."""
    folder, address = DataFolder.at(tmp_path), DeskAddress(8090, tmp_path)
    told = {
        variable.removeprefix("PARLEY_DESK_").lower(): value
        for variable, value in desk(folder, address, "127.0.0.1:7", "info").environment.items()
        if variable.startswith("PARLEY_DESK_")
    }
    settings = DeskSettings.model_validate(told)
    assert (settings.host, settings.port) == ("127.0.0.1", 8090)
    assert settings.moderation_target == "127.0.0.1:7"
    assert settings.credential_file == tmp_path / "secrets" / "desk.key"
    assert settings.app_folder == tmp_path


@pytest.mark.parametrize(
    ("host", "port", "expected"),
    [
        ("127.0.0.1", 8080, {"http://127.0.0.1:8080", "http://localhost:8080"}),
        ("0.0.0.0", 80, {"http://127.0.0.1", "http://localhost"}),  # noqa: S104 - not listened on
        ("::1", 8080, {"http://[::1]:8080", "http://localhost:8080"}),
        ("192.0.2.1", 8080, {"http://192.0.2.1:8080"}),
    ],
)
def test_the_page_of_the_web_app_is_let_in(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, host: str, port: int, expected: set[str]
) -> None:
    """As browsers write its origin, beside those that the environment allows."""
    monkeypatch.setenv("PARLEY_EDGE_ALLOWED_ORIGINS", "https://app.example")
    targets = dict.fromkeys(SERVICES, "127.0.0.1:1")
    part = edge(DataFolder.at(tmp_path), Address(host, port, tmp_path), targets, "info")
    assert part.environment["PARLEY_EDGE_WEB_APP_FOLDER"] == str(tmp_path)
    allowed = part.environment["PARLEY_EDGE_ALLOWED_ORIGINS"].split(",")
    assert read_origins(allowed) == expected | {"https://app.example"}

    without = edge(DataFolder.at(tmp_path), Address(host, port), targets, "info")
    assert "PARLEY_EDGE_WEB_APP_FOLDER" not in without.environment
    assert without.environment["PARLEY_EDGE_ALLOWED_ORIGINS"] == "https://app.example"
