"""docker-compose.yml: what it promises. That it runs as it stands is in test_deployment.py."""

import re
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic_settings import BaseSettings
from sqlalchemy.engine import make_url

from command_line.serve import parts
from desk.settings import Settings as DeskSettings
from edge.settings import Settings as EdgeSettings
from messaging_service.settings import MessagingSettings
from moderation_service.settings import ModerationSettings
from negotiation_service.settings import NegotiationSettings
from tests.support.compose import (
    networks_of,
    port_of,
    read_compose,
    read_variables,
    secrets_of,
)
from tests.support.database_container import VARIABLES
from tests.support.images import ROOT

COMPOSE = read_compose()
SERVICES: dict[str, Any] = COMPOSE["services"]
DATABASES = [name for name in SERVICES if name.endswith("-database")]
OURS = [name for name, service in SERVICES.items() if "build" in service]
SERVING = [name for name in (*DATABASES, *OURS) if not name.endswith("-migrate")]
# Programs of others beside the parts.
TOOLS = [name for name in SERVICES if name not in {*DATABASES, *OURS}]
# What the files for --env-file give, all together.
GIVEN = read_variables("deploy/replicas.env") | read_variables("deploy/observability.env")
PARTS: dict[str, type[BaseSettings]] = {
    "desk": DeskSettings,
    "edge": EdgeSettings,
    "messaging_service": MessagingSettings,
    "negotiation_service": NegotiationSettings,
    "moderation_service": ModerationSettings,
}
every_service = pytest.mark.parametrize("name", SERVICES)
every_one_of_ours = pytest.mark.parametrize("name", OURS)
every_database = pytest.mark.parametrize("name", DATABASES)


def part_of(name: str) -> str:
    return str(SERVICES[name]["build"]["dockerfile"]).removesuffix("/Dockerfile")


def seconds(text: str) -> float:
    assert text.endswith("s")
    return float(text[:-1])


def owner_of(name: str) -> str:
    """The part that a database, a migration or a replica belongs to."""
    return re.sub("-(database|migrate|2)$", "", name)


def environment_of(name: str, variables: Mapping[str, str] = GIVEN) -> dict[str, str]:
    """What a container is told, with what files for --env-file give."""
    given = SERVICES[name].get("environment", {})
    told = {one: variables.get(one) if value is None else value for one, value in given.items()}
    return {one: value for one, value in told.items() if value is not None}


@every_service
def test_a_container_has_no_more_rights_than_it_needs(name: str) -> None:
    """Neither root nor a capability; only what keeps data has places to write to but /tmp."""
    service = SERVICES[name]
    assert not service["user"].startswith(("0", "root"))
    assert service["read_only"] is True
    temporary = {mount.split(":")[0] for mount in service["tmpfs"]}
    assert temporary == {"/tmp"} | ({"/run/postgresql"} if name in DATABASES else set())  # noqa: S108
    assert all("size=" in mount for mount in service["tmpfs"])
    assert bool(service.get("volumes")) == (name in {*DATABASES, "prometheus", "grafana"})
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    # Without it the program of the image does not start, whatever port it listens on.
    assert service.get("cap_add", []) == (["NET_BIND_SERVICE"] if name == "proxy" else [])
    assert not {"privileged", "network_mode", "pid", "ipc"} & service.keys()


@every_service
def test_secrets_are_files_that_are_declared(name: str) -> None:
    """Every secret is a file that is used where it is mounted, and in no variable."""
    service = SERVICES[name]
    mounted = secrets_of(service)
    given = environment_of(name)
    variables = {v for v, value in given.items() if "/run/secrets/" in value}
    if name != "nats":
        # Whose configuration includes it.
        assert {given[variable] for variable in variables} == mounted.keys()
    assert variables == {
        variable
        for variable in given
        if re.search("SECRET|PASSWORD|CREDENTIAL|_KEY|CERTIFICATE|_CA_", variable)
    }
    assert all(variable.endswith("_FILE") for variable in variables)
    for secret in mounted.values():
        assert COMPOSE["secrets"][secret]["file"] == f"./secrets/{secret}"


@every_service
def test_secrets_can_be_read_by_their_group(name: str) -> None:
    """The files belong to 10001, and each container is of that group by one way or the other."""
    service = SERVICES[name]
    if not secrets_of(service):
        return
    group = service["user"].partition(":")[2]
    assert "10001" in {group, *service.get("group_add", ())}


@pytest.mark.parametrize("variables", [{}, GIVEN], ids=["alone", "with --env-file"])
@every_one_of_ours
def test_every_variable_is_a_setting(name: str, variables: dict[str, str]) -> None:
    """Every variable that is set is read, its value is good, and no required one is missing."""
    part = PARTS[part_of(name)]
    prefix = str(part.model_config["env_prefix"])
    given = environment_of(name, variables)
    fields = {f"{prefix}{field.upper()}": field for field in part.model_fields}
    assert given.keys() <= fields.keys()
    required = {v for v, field in fields.items() if part.model_fields[field].is_required()}
    assert required <= given.keys()
    assert all(isinstance(value, str) for value in given.values()), "Docker takes texts"
    part.model_validate({fields[variable]: value for variable, value in given.items()})


@pytest.mark.parametrize("kind", ["configs", "networks", "secrets", "volumes"])
def test_what_is_declared_is_used_and_the_reverse(kind: str) -> None:
    """Nothing is left over, and nothing is missing."""
    used = {
        one["source"] if isinstance(one, dict) else one.partition(":")[0]
        for service in SERVICES.values()
        for one in service.get(kind, ())
        # A folder of the repository.
        if not str(one).startswith("./")
    }
    assert used == COMPOSE[kind].keys()


def test_only_what_is_for_people_is_published() -> None:
    """gRPC, the bus and PostgreSQL stay in networks that lead nowhere."""
    published = {"edge", "desk", "proxy", "grafana"}
    assert {name for name, service in SERVICES.items() if service.get("ports")} == published
    for name in published:
        assert all(one.startswith("127.0.0.1:") for one in SERVICES[name]["ports"])
    for name, service in SERVICES.items():
        # The second edge has what the first has, but for the port.
        if name not in {*published, "edge-2"}:
            assert all(COMPOSE["networks"][network]["internal"] for network in service["networks"])


@every_service
def test_names_lead_to_services(name: str) -> None:
    """Every address is that of a service that listens there and shares a network; no stranger is
    in the network of a database. A migration is told what its service is told, and calls nobody.
    """
    service = SERVICES[name]
    for value in environment_of(name).values():
        for other, port in re.findall(r"\b([a-z][a-z-]*):(\d+)\b", value):
            assert port == ("4318" if other == "collector" else port_of(SERVICES[other]))
            if name in SERVING or other in DATABASES:
                assert {*networks_of(service)} & {*networks_of(SERVICES[other])}
    for network in {*networks_of(service)} & {*DATABASES}:
        assert owner_of(name) == owner_of(network)


CALLED = {"edge": tuple(parts.SERVICES), "desk": ("moderation",), **parts.SERVICES}


@pytest.mark.parametrize("name", [*CALLED, *(f"{one}-2" for one in (*parts.SERVICES, "edge"))])
def test_who_calls_whom(name: str) -> None:
    """Every part that `parley up` has call another finds it here, and shows its own credential, by
    which it is known and can be shut out.
    """
    environment, name = environment_of(name), owner_of(name)
    prefix = f"PARLEY_{name.upper()}_"
    targets = {v: value for v, value in environment.items() if v.endswith("_TARGET")}
    assert targets == {
        f"{prefix}{other.upper()}_TARGET": f"{other}:{port_of(SERVICES[other])}"
        for other in CALLED[name]
    }
    shown = {value for v, value in environment.items() if v.endswith("_CREDENTIAL_FILE")}
    assert shown == {f"/run/secrets/{name}_credential"}


@every_service
def test_a_container_has_its_own_secrets_alone(name: str) -> None:
    """Its credential and certificate, the digests that it accepts, the password of its database;
    nobody else's, and the key of the authority is none's.
    """
    part = owner_of(name)
    mounted = set(secrets_of(SERVICES[name]).values())
    own = {f"{part}_credential", f"{part}_accepted", f"{part}_database_password"}
    own |= {f"{part}_certificate", f"{part}_key", "ca_certificate"}
    # Tokens are shown to edges, and those of moderators to the desk and to moderation.
    verifies = part in {"desk", "edge", "moderation"}
    shared = {"token_secret"} if verifies else set()
    if name in TOOLS:
        assert mounted == {"nats": {"bus_authorization"}, "grafana": {"grafana_password"}}.get(
            name, set()
        )
        return
    if name in DATABASES:
        assert mounted == {f"{part}_database_password"}
    elif part not in {"desk", "edge"}:
        shared.add("bus_password")
        assert mounted >= own
        accepted = SERVICES[name]["environment"][f"PARLEY_{part.upper()}_CREDENTIALS_FILE"]
        assert accepted == f"/run/secrets/{part}_accepted"
    assert mounted - own <= shared


@pytest.mark.parametrize("name", CALLED)
def test_the_parts_speak_tls(name: str) -> None:
    """Each with its own certificate; services know callers by that and by their credential."""
    prefix, environment = f"PARLEY_{name.upper()}_", SERVICES[name]["environment"]
    told = {v.removeprefix(prefix): value for v, value in environment.items()}
    assert told["TLS_CERTIFICATE_FILE"] == f"/run/secrets/{name}_certificate"
    assert told["TLS_KEY_FILE"] == f"/run/secrets/{name}_key"
    assert told["TLS_CA_FILE"] == "/run/secrets/ca_certificate"
    if name in parts.SERVICES:
        assert told["TLS_CLIENT_CA_FILE"] == "/run/secrets/ca_certificate"
        assert told["CALLERS_KNOWN_BY"] == "both"
        assert "TRUSTED_NETWORK" not in told


@every_database
def test_a_database_belongs_to_one_service(name: str) -> None:
    """Of PostgreSQL 18, in a volume of its own where that version wants it, for one owner, who
    connects with the role, the database and the password that it is made with.
    """
    service, owner = SERVICES[name], SERVICES[owner_of(name)]
    assert service["image"] == "postgres:18"
    assert service["volumes"] == [f"{name}:/var/lib/postgresql"]
    assert service["networks"] == [name]
    environment = service["environment"]
    assert environment.keys() == VARIABLES
    prefix = f"PARLEY_{owner_of(name).upper()}_DATABASE_"
    url = make_url(owner["environment"][f"{prefix}URL"])
    assert url.drivername == "postgresql+psycopg"
    assert (url.host, url.password) == (name, None)
    assert url.username == environment["POSTGRES_USER"]
    assert url.database == environment["POSTGRES_DB"]
    (password,) = secrets_of(service).values()
    assert secrets_of(owner)[owner["environment"][f"{prefix}PASSWORD_FILE"]] == password
    users = [other for other in SERVICES if password in secrets_of(SERVICES[other]).values()]
    assert {owner_of(one) for one in users} == {owner_of(name)}


@every_database
def test_a_database_runs_as_the_user_of_its_image(name: str) -> None:
    """Whom a new volume belongs to, and who may make the socket; no option of the server is set,
    so that it is as durable as PostgreSQL is by itself.
    """
    service = SERVICES[name]
    assert service["user"] == "999:999"
    (socket,) = [mount for mount in service["tmpfs"] if mount.startswith("/run/postgresql:")]
    options = dict(option.split("=") for option in socket.partition(":")[2].split(","))
    assert (options["uid"], options["gid"], options["mode"]) == ("999", "999", "3775")
    assert not {"command", "entrypoint", "configs"} & service.keys()
    assert service["shm_size"] == "256m"


@every_database
def test_a_database_is_healthy_when_others_can_connect(name: str) -> None:
    """The check comes by TCP, as its role, and waits for a recovery."""
    check, environment = SERVICES[name]["healthcheck"], SERVICES[name]["environment"]
    assert check["test"] == [
        *("CMD", "pg_isready", "-h", "127.0.0.1"),
        *("-U", environment["POSTGRES_USER"], "-d", environment["POSTGRES_DB"]),
    ]
    assert seconds(check["start_period"]) >= 300
    assert seconds(SERVICES[name]["stop_grace_period"]) >= 60


def test_nothing_is_left_of_the_embedded_database() -> None:
    """Compose runs PostgreSQL; SQLite is what one process has without it."""
    files = [ROOT / "docker-compose.yml", *ROOT.glob("*/Dockerfile")]
    assert not [path for path in files if "sqlite" in path.read_text("utf-8").lower()]


@pytest.mark.parametrize("name", SERVING)
def test_what_serves_is_watched_and_started_again(name: str) -> None:
    """Each has a health check, a restart policy, and more time to stop than its drain takes."""
    service = SERVICES[name]
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["restart"] == "unless-stopped"
    assert service["init"] is True
    for variable, value in environment_of(name).items():
        if variable.endswith(("_DRAIN_SECONDS", "_GRACE_SECONDS")):
            assert seconds(service["stop_grace_period"]) >= 2 * float(value)


@every_database
def test_the_migration_runs_once_and_first(name: str) -> None:
    """The database, then the migration of it, then the service on it, then the edge."""
    migration, service = SERVICES[f"{owner_of(name)}-migrate"], SERVICES[owner_of(name)]
    assert migration["restart"] == "no"
    healthy = {"condition": "service_healthy"}
    assert migration["depends_on"] == {name: healthy}
    assert service["depends_on"][f"{owner_of(name)}-migrate"] == {
        "condition": "service_completed_successfully"
    }
    assert SERVICES["edge"]["depends_on"][owner_of(name)] == healthy
    for field in ("image", "environment", "secrets"):
        assert migration[field] == service[field]


def test_no_service_waits_for_another() -> None:
    """Each comes up by itself, whichever of them is away."""
    services = {owner_of(name) for name in DATABASES}
    for name in services:
        bus = {"nats": {"condition": "service_healthy", "required": False}}
        migrated = {f"{name}-migrate": {"condition": "service_completed_successfully"}}
        assert SERVICES[name]["depends_on"] == bus | migrated
        assert SERVICES[f"{name}-migrate"]["depends_on"].keys() == {f"{name}-database"}


def test_the_edge_may_open_as_many_files_as_it_takes_sockets() -> None:
    """The limit of open files does not come before the limit of sockets."""
    limit = EdgeSettings.model_fields["sockets_per_edge"].default
    assert SERVICES["edge"]["ulimits"]["nofile"] > limit
