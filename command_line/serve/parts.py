"""The parts of Parley as processes: their commands, and their settings as environment."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from command_line.folder.data_folder import DataFolder
from command_line.serve.probes import grpc_is_healthy, http_is_ready
from command_line.serve.process import Part
from service_kit.authentication.callers import Caller

SERVICES: Mapping[str, tuple[str, ...]] = {
    "messaging": ("negotiation", "moderation"),
    "negotiation": ("messaging", "moderation"),
    "moderation": ("messaging", "negotiation"),
}
"""The services in the order in which they start, each with those that it calls. None waits for
another, for they call one another. The name of a service is that of its module,
`<name>_service`, of its settings, `PARLEY_<NAME>_...`, of its database and log in the data folder,
and of the settings of others that say where it is."""

HTTP_PORT = 80
LOOPBACKS = {"127.0.0.1", "::1"}
WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104  # Only compared.


@dataclass(frozen=True)
class DeskAddress:
    """The port on which the desk of moderators listens, on this machine alone, for without TLS
    nothing else is safe; `app` is the folder of its built app.
    """

    port: int
    app: Path

    host = "127.0.0.1"

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}/"


@dataclass(frozen=True)
class Address:
    """The address on which the edge listens, and how this machine reaches it; `web_app` is the
    folder of the built app that is served there, and `desk` where moderators work, if they do.
    """

    host: str
    port: int
    web_app: Path | None = None
    desk: DeskAddress | None = None

    @property
    def reachable_host(self) -> str:
        return WILDCARDS.get(self.host, self.host)

    @property
    def authority(self) -> str:
        host = self.reachable_host
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    @property
    def socket_url(self) -> str:
        return f"ws://{self.authority}/ws"

    @property
    def web_app_url(self) -> str:
        return f"http://{self.authority}/app/"

    @property
    def origins(self) -> tuple[str, ...]:
        """The origins of the web app for browsers on this machine."""
        hosts = {self.authority.rpartition(":")[0]}
        if self.reachable_host in LOOPBACKS:
            hosts.add("localhost")
        # The port of http is never written.
        port = "" if self.port == HTTP_PORT else f":{self.port}"
        return tuple(f"http://{host}{port}" for host in sorted(hosts))


def python(*arguments: str) -> tuple[str, ...]:
    """The command of a Python module; -P keeps the working folder off the import path."""
    return (sys.executable, "-P", "-m", *arguments)


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """This process's environment and these settings, which win."""
    return {**os.environ, "PYTHONUNBUFFERED": "1", **settings}


def service_command(name: str, command: str) -> tuple[str, ...]:
    """A command of a service: serve or migrate."""
    return python(f"{name}_service", command)


def service_settings(
    name: str, folder: DataFolder, targets: Mapping[str, str], log_level: str
) -> dict[str, str]:
    """Settings of a service, for serving and for migrating alike."""
    settings = {
        "LISTEN": targets[name],
        "DATABASE_URL": f"sqlite:///{folder.database(name)}",
        "CREDENTIALS_FILE": str(folder.accepted_credentials),
        "LOG_LEVEL": log_level,
    }
    for other in SERVICES[name]:
        settings[f"{other.upper()}_TARGET"] = targets[other]
        settings[f"{other.upper()}_CREDENTIAL_FILE"] = str(folder.credential(Caller(name)))
    if name == "moderation":
        settings["TOKEN_SECRET_FILE"] = str(folder.token_secret)
    return {f"PARLEY_{name.upper()}_{setting}": value for setting, value in settings.items()}


def service(name: str, folder: DataFolder, targets: Mapping[str, str], log_level: str) -> Part:
    """The part of a service, which listens on its own of these targets."""
    return Part(
        name=name,
        command=service_command(name, "serve"),
        environment=environment(service_settings(name, folder, targets, log_level)),
        log=folder.log(name),
        healthy=partial(grpc_is_healthy, targets[name]),
    )


def edge_settings(
    folder: DataFolder, address: Address, targets: Mapping[str, str], log_level: str
) -> dict[str, str]:
    """Settings of the edge, which calls the services at these targets."""
    settings = {
        "PARLEY_EDGE_HOST": address.host,
        "PARLEY_EDGE_PORT": str(address.port),
        **{f"PARLEY_EDGE_{name.upper()}_TARGET": target for name, target in targets.items()},
        "PARLEY_EDGE_CREDENTIAL_FILE": str(folder.credential(Caller.EDGE)),
        "PARLEY_EDGE_TOKEN_SECRET_FILE": str(folder.token_secret),
        "PARLEY_EDGE_LOG_LEVEL": log_level,
    }
    if address.web_app is not None:
        settings["PARLEY_EDGE_WEB_APP_FOLDER"] = str(address.web_app)
        listed = os.environ.get("PARLEY_EDGE_ALLOWED_ORIGINS", "")
        allowed = [*filter(None, [listed]), *address.origins]
        settings["PARLEY_EDGE_ALLOWED_ORIGINS"] = ",".join(allowed)
    return settings


def edge(folder: DataFolder, address: Address, targets: Mapping[str, str], log_level: str) -> Part:
    """The part of the edge, which calls the services at these targets."""
    return Part(
        name="edge",
        command=python("edge"),
        environment=environment(edge_settings(folder, address, targets, log_level)),
        log=folder.log("edge"),
        healthy=partial(http_is_ready, address.reachable_host, address.port),
    )


def desk(folder: DataFolder, address: DeskAddress, moderation: str, log_level: str) -> Part:
    """The part of the desk, which calls the moderation service at this target."""
    settings = {
        "HOST": address.host,
        "PORT": str(address.port),
        "MODERATION_TARGET": moderation,
        "CREDENTIAL_FILE": str(folder.credential(Caller.DESK)),
        "TOKEN_SECRET_FILE": str(folder.token_secret),
        "APP_FOLDER": str(address.app),
        "LOG_LEVEL": log_level,
    }
    return Part(
        name="desk",
        command=python("desk"),
        environment=environment({f"PARLEY_DESK_{name}": one for name, one in settings.items()}),
        log=folder.log("desk"),
        healthy=partial(http_is_ready, address.host, address.port),
    )
