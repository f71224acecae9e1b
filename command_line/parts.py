"""The parts of Parley as processes: their commands, and the settings they get as environment."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from command_line.folder import DataFolder
from command_line.keeper import Part
from command_line.probes import grpc_is_healthy, http_is_ready

WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104  # Only compared.


@dataclass(frozen=True)
class Address:
    """Where the edge listens, and where one reaches it from this machine."""

    host: str
    port: int

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


def python(*arguments: str) -> tuple[str, ...]:
    """The command of a Python module; -P keeps the folder one stands in off the import path."""
    return (sys.executable, "-P", "-m", *arguments)


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with the settings on top, so other settings can be given too."""
    return {**os.environ, "PYTHONUNBUFFERED": "1", **settings}


def messaging_settings(folder: DataFolder, target: str, log_level: str) -> dict[str, str]:
    """What the messaging service is told, for serving and for migrating alike."""
    return {
        "PARLEY_MESSAGING_LISTEN": target,
        "PARLEY_MESSAGING_DATABASE_URL": f"sqlite:///{folder.database}",
        "PARLEY_MESSAGING_CREDENTIALS_FILE": str(folder.service_credential),
        "PARLEY_MESSAGING_LOG_LEVEL": log_level,
    }


def messaging(folder: DataFolder, target: str, log_level: str) -> Part:
    """The messaging service on the folder's database, at this loopback target."""
    return Part(
        name="messaging",
        command=python("messaging_service", "serve"),
        environment=environment(messaging_settings(folder, target, log_level)),
        log=folder.log("messaging"),
        healthy=partial(grpc_is_healthy, target, folder.service_credential),
    )


def edge(folder: DataFolder, address: Address, messaging_target: str, log_level: str) -> Part:
    """The edge at this address, in front of that messaging service."""
    settings = {
        "PARLEY_EDGE_HOST": address.host,
        "PARLEY_EDGE_PORT": str(address.port),
        "PARLEY_EDGE_MESSAGING_TARGET": messaging_target,
        "PARLEY_EDGE_CREDENTIAL_FILE": str(folder.service_credential),
        "PARLEY_EDGE_TOKEN_SECRET_FILE": str(folder.token_secret),
        "PARLEY_EDGE_LOG_LEVEL": log_level,
    }
    return Part(
        name="edge",
        command=python("edge"),
        environment=environment(settings),
        log=folder.log("edge"),
        healthy=partial(http_is_ready, address.reachable_host, address.port),
    )
