"""docker-compose.yml and the Dockerfiles: what they promise, and that they run as they stand."""

import json
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from pydantic_settings import BaseSettings

from edge.settings import Settings as EdgeSettings
from messaging_service.settings import MessagingSettings
from tests.support.client import ALERT_NEW_MSG, Client
from tests.support.compose import (
    ROOT,
    Deployment,
    Dockerfile,
    Image,
    import_main,
    pins,
    read_compose,
)

COMPOSE = read_compose()
SERVICES: dict[str, Any] = COMPOSE["services"]
SERVING = ("edge", "messaging")
PARTS: dict[str, type[BaseSettings]] = {
    "edge": EdgeSettings,
    "messaging_service": MessagingSettings,
}
every_service = pytest.mark.parametrize("name", SERVICES)
every_part = pytest.mark.parametrize("part", PARTS)


def part_of(name: str) -> str:
    return str(SERVICES[name]["build"]["dockerfile"]).removesuffix("/Dockerfile")


def seconds(text: str) -> float:
    assert text.endswith("s")
    return float(text[:-1])


@every_service
def test_a_container_has_no_more_rights_than_it_needs(name: str) -> None:
    """Neither root nor a capability nor a place to write but /tmp and the volumes."""
    service = SERVICES[name]
    assert not service["user"].startswith(("0", "root"))
    assert service["read_only"] is True
    assert [mount.split(":")[0] for mount in service["tmpfs"]] == ["/tmp"]  # noqa: S108
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"cap_add", "privileged", "network_mode", "pid", "ipc"} & service.keys()


@every_service
def test_secrets_are_files_that_are_declared(name: str) -> None:
    """Every secret is a file that no image and no commit holds, and is used where it is mounted."""
    service = SERVICES[name]
    paths = {value for value in service["environment"].values() if "/run/secrets/" in value}
    assert paths == {f"/run/secrets/{secret}" for secret in service["secrets"]}
    for secret in service["secrets"]:
        assert COMPOSE["secrets"][secret]["file"].startswith("./secrets/")
    assert "/secrets/" in (ROOT / ".gitignore").read_text("utf-8").splitlines()


@every_service
def test_every_variable_is_a_setting(name: str) -> None:
    """What is set is read, its value is good, and nothing that is required is missing."""
    part = PARTS[part_of(name)]
    prefix = str(part.model_config["env_prefix"])
    given = SERVICES[name]["environment"]
    fields = {f"{prefix}{field.upper()}": field for field in part.model_fields}
    assert given.keys() <= fields.keys()
    required = {v for v, field in fields.items() if part.model_fields[field].is_required()}
    assert required <= given.keys()
    assert all(isinstance(value, str) for value in given.values()), "Docker takes texts"
    part.model_validate({fields[variable]: value for variable, value in given.items()})


def test_only_the_edge_is_published() -> None:
    """gRPC stays in a network that leads nowhere."""
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["edge"]
    for name, service in SERVICES.items():
        if name != "edge":
            assert all(COMPOSE["networks"][network]["internal"] for network in service["networks"])
    assert set(SERVICES["messaging"]["networks"]) & set(SERVICES["edge"]["networks"])


@pytest.mark.parametrize("name", SERVING)
def test_what_serves_is_watched_and_started_again(name: str) -> None:
    """Each has a health check, a restart policy, and more time to stop than its drain takes."""
    service = SERVICES[name]
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["restart"] == "unless-stopped"
    variable = {"edge": "PARLEY_EDGE_DRAIN_SECONDS", "messaging": "PARLEY_MESSAGING_GRACE_SECONDS"}
    drain = float(service["environment"][variable[name]])
    assert seconds(service["stop_grace_period"]) >= 2 * drain


def test_the_migration_runs_once_and_first() -> None:
    """The service starts after a migration that ended well, on the same database."""
    migration, messaging = SERVICES["messaging-migrate"], SERVICES["messaging"]
    assert migration["restart"] == "no"
    condition = messaging["depends_on"]["messaging-migrate"]["condition"]
    assert condition == "service_completed_successfully"
    assert SERVICES["edge"]["depends_on"]["messaging"]["condition"] == "service_healthy"
    for field in ("image", "environment", "volumes", "secrets"):
        assert migration[field] == messaging[field]


def test_the_edge_may_open_as_many_files_as_it_takes_sockets() -> None:
    """The limit of open files does not come before the limit of sockets."""
    limit = EdgeSettings.model_fields["sockets_per_edge"].default
    assert SERVICES["edge"]["ulimits"]["nofile"] > limit


@every_part
def test_an_image_copies_its_own_folders(part: str) -> None:
    """All that is copied exists, is let through by .dockerignore, and is no other part's."""
    copied = Dockerfile(part).copied
    assert set(copied) == {f"requirements/{part}.txt", "service_kit", "protos/parley", part}
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert [line for line in lines if not line.startswith("#")][0] == "*"  # noqa: RUF015
    let_through = {line[1:] for line in lines if line.startswith("!")}
    for source in copied:
        assert (ROOT / source).exists()
        assert source in let_through or source.partition("/")[0] in let_through


@every_part
def test_an_image_is_pinned_and_not_root(part: str) -> None:
    """Same base by tag in all stages, hashes demanded, and compose's user and command."""
    dockerfile = Dockerfile(part)
    bases = {text.split()[0] for text in dockerfile.arguments("FROM")}
    assert bases == {"python:3.11-slim"}
    assert len(dockerfile.arguments("FROM")) == 2
    assert "--require-hashes" in " ".join(dockerfile.arguments("RUN"))
    assert not dockerfile.arguments("ENTRYPOINT"), "compose's command would follow it"
    service = SERVICES["edge" if part == "edge" else "messaging"]
    assert dockerfile.arguments("USER") == [service["user"]]
    assert json.loads(dockerfile.arguments("CMD")[-1]) == service["command"]
    user, _, group = service["user"].partition(":")
    for volume in service.get("volumes", ()):
        owned = rf"install -d -o {user} -g {group} -m 700 {volume.split(':')[1]}$"
        assert re.search(owned, " ".join(dockerfile.arguments("RUN")), re.MULTILINE)


def test_a_package_has_one_version_everywhere() -> None:
    """What is tested is what the images hold."""
    files = {path.stem: pins(path) for path in (ROOT / "requirements").glob("*.txt")}
    parts = files.keys() - {"development", "runtime"}
    assert parts >= PARTS.keys()
    for name, pinned in files.items():
        assert pinned.items() <= files["development"].items(), name
    for part in parts:
        assert files[part].items() <= files["runtime"].items(), part


@every_part
def test_a_part_needs_no_more_than_its_image_holds(part: str, tmp_path: Path) -> None:
    """Everything that is loaded comes from the distributions of its own requirements."""
    loaded = import_main(Image(part, tmp_path), f"{part}.__main__")
    assert loaded.returncode == 0, loaded.stderr
    pinned = {name.lower().replace("_", "-") for name in pins(ROOT / f"requirements/{part}.txt")}
    used = {name.lower().replace("_", "-") for name in loaded.stdout.split()}
    assert used
    assert used <= pinned


def test_an_image_lacks_what_it_does_not_list(tmp_path: Path) -> None:
    """The test before would notice: the edge's image has no SQLAlchemy and no other part."""
    image = Image("edge", tmp_path)
    for module in ("sqlalchemy", "messaging_service", "pytest"):
        assert f"No module named '{module}'" in import_main(image, module).stderr


KEY = secrets.token_urlsafe(48)
CREDENTIAL = secrets.token_urlsafe(32)


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    values = {
        "accepted_credentials": CREDENTIAL,
        "edge_credential": CREDENTIAL,
        "token_secret": KEY,
    }
    assert values.keys() == COMPOSE["secrets"].keys()
    deployed = Deployment(tmp_path, values)
    try:
        yield deployed
    finally:
        deployed.kill()


def token(user: str) -> str:
    return jwt.encode({"sub": user, "exp": int(time.time()) + 600}, KEY, algorithm="HS256")


# Two environments and a dozen starts of Python, beside other tests.
@pytest.mark.timeout(300)
async def test_the_compose_file_runs(deployment: Deployment) -> None:
    """Its very commands serve a conversation, in its order, judged by its own health checks."""
    images = deployment.images.values()
    before = {path for image in images for path in image.files()}

    deployment.start("edge")
    assert deployment.processes["messaging-migrate"].returncode == 0
    assert deployment.is_healthy("messaging")
    deployment.wait_healthy("edge")

    alice = await Client.open(deployment.url, token("alice"))
    bob = await Client.open(deployment.url, token("bob"))
    stored = await alice.write("bob", "Hello Bob", idempotency_key="k1")
    alert = await bob.expect(ALERT_NEW_MSG)
    assert stored["status"] == "stored"
    assert alert["d"]["message"]["text"] == "Hello Bob"
    assert alert["d"]["message"]["seq"] == stored["seq"]
    await alice.close()
    await bob.close()

    assert deployment.stop() == {"edge": 0, "messaging": 0, "messaging-migrate": 0}
    assert not deployment.is_healthy("edge")
    assert not deployment.is_healthy("messaging")
    after = {path for image in images for path in image.files()}
    assert after == before, "something was written into what is read-only in a container"
