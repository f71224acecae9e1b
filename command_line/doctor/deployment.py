"""The deployment that is examined: its parts with their settings, from a data folder, from a file
of variables, or from the environment.

The prefixes of the parts differ, so one environment describes any number of them: that of one pod,
or all of a deployment together.
"""

import json
import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import BaseSettings

from command_line.display.console import CommandError
from command_line.folder.data_folder import DataFolder
from command_line.serve import parts
from desk.settings import Settings as DeskSettings
from edge.settings import Settings as EdgeSettings
from messaging_service.settings import MessagingSettings
from moderation_service.settings import ModerationSettings
from negotiation_service.settings import NegotiationSettings
from service_kit.authentication.callers import Caller

SETTINGS: Mapping[str, type[BaseSettings]] = {
    "messaging": MessagingSettings,
    "negotiation": NegotiationSettings,
    "moderation": ModerationSettings,
    "edge": EdgeSettings,
    "desk": DeskSettings,
}
"""The settings of each part, by its name."""

_LOOPBACK = "127.0.0.1"


def prefix_of(part: str) -> str:
    """The beginning of the names of a part's variables."""
    return f"PARLEY_{part.upper()}_"


def variable(part: str, setting: str) -> str:
    """The variable of a setting."""
    return f"{prefix_of(part)}{setting.upper()}"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with the settings of a part; `setting` is empty for all of them."""

    setting: str
    says: str


@dataclass(frozen=True)
class Part:
    """A part, and its settings unless they cannot be used."""

    name: str
    settings: Any
    problems: tuple[Problem, ...] = ()

    @property
    def is_service(self) -> bool:
        """Whether it has a database and a contract."""
        return self.name in parts.SERVICES

    @property
    def caller(self) -> Caller:
        """The caller that it is to others."""
        return Caller(self.name)

    def calls(self) -> Iterator[tuple[str, str, Path | None]]:
        """The services that it calls: name, target, and the file of the credential it shows."""
        for service in parts.SERVICES:
            target = getattr(self.settings, f"{service}_target", None)
            if target is None:
                continue
            own = getattr(self.settings, "credential_file", None)
            yield service, target, getattr(self.settings, f"{service}_credential_file", own)


@dataclass(frozen=True)
class Served:
    """The file in which `parley up` tells of itself while it serves a folder."""

    pid: int
    url: str
    targets: Mapping[str, str]
    processes: Mapping[str, int]


@dataclass(frozen=True)
class Deployment:
    """The parts that are examined, and where their settings come from.

    `file` is a file of variables; without one the environment has them. `folder` is the data folder
    of `parley up`, if it is one, and `served` who serves it, if anybody does.
    """

    title: str
    environment: Mapping[str, str]
    parts: Mapping[str, Part]
    file: Path | None = None
    folder: DataFolder | None = None
    served: Served | None = None
    unreadable: str = field(default="")

    @property
    def usable(self) -> tuple[Part, ...]:
        """The parts whose settings can be used."""
        return tuple(part for part in self.parts.values() if part.settings is not None)

    @property
    def services(self) -> tuple[Part, ...]:
        """Those of them that have a database."""
        return tuple(part for part in self.usable if part.is_service)

    @property
    def running(self) -> bool:
        """Whether the parts are expected to run."""
        return self.folder is None or self.served is not None

    def setting(self, name: str, value: object) -> str:
        """The command that gives a variable a value."""
        assigned = f"{name}={shlex.quote(str(value))}"
        if self.file is None:
            return f"export {assigned}"
        file = shlex.quote(str(self.file))
        line = shlex.quote(f"{name}={value}")
        return f"sed -i '/^{name}=/d' {file} && echo {line} >> {file}"

    def unsetting(self, name: str) -> str:
        """The command that takes a variable away."""
        if self.file is None:
            return f"unset {name}"
        return f"sed -i '/^{name}=/d' {shlex.quote(str(self.file))}"

    def migrating(self, service: str) -> str:
        """The command that migrates the database of a service."""
        if self.folder is not None:
            return f"parley migrate --data {shlex.quote(str(self.folder.path))}"
        return f"python -m {service}_service migrate"


# --- Where settings come from --------------------------------------------------------------------


def of_environment(environment: Mapping[str, str], file: Path | None = None) -> Deployment:
    """The deployment that variables describe: the parts of which there is at least one."""
    title = "the settings of the environment" if file is None else f"the settings of {file}"
    # As pydantic does, whoever reads them passes over upper and lower case.
    given = {name.upper() for name in environment}
    named = [part for part in SETTINGS if any(name.startswith(prefix_of(part)) for name in given)]
    return Deployment(title, environment, _read(dict.fromkeys(named, environment)), file=file)


def of_file(path: Path) -> Deployment:
    """The deployment that a file of `NAME=value` lines describes, as containers read them.

    Raises CommandError when it cannot be read.
    """
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"cannot read {path}: {error}", 2) from error
    environment = {}
    for number, line in enumerate(lines, start=1):
        name, found, value = line.strip().removeprefix("export ").partition("=")
        if not name or name.startswith("#"):
            continue
        if not found:
            raise CommandError(f"line {number} of {path} is not NAME=value", 2)
        environment[name.strip()] = _unquoted(value.strip())
    return of_environment(environment, path)


def of_folder(folder: DataFolder, environment: Mapping[str, str]) -> Deployment:
    """The deployment of a data folder of `parley up`, whose settings come from both."""
    served, unreadable = _read_served(folder)
    address = parts.Address(_LOOPBACK, 0)
    # Nothing listens there; but not two on the same.
    targets: Mapping[str, str] = {
        name: f"{_LOOPBACK}:{number}" for number, name in enumerate(parts.SERVICES, start=1)
    }
    if served is not None:
        host, _, port = served.url.removeprefix("ws://").removesuffix("/ws").rpartition(":")
        address = parts.Address(host.strip("[]"), int(port))
        targets = served.targets
    if not folder.path.is_dir():
        return Deployment(f"the data folder {folder.path}", environment, {}, folder=folder)
    told = {name: parts.service_settings(name, folder, targets, "info") for name in parts.SERVICES}
    told["edge"] = parts.edge_settings(folder, address, targets, "info")
    return Deployment(
        f"the data folder {folder.path}",
        environment,
        _read({name: {**environment, **one} for name, one in told.items()}),
        folder=folder,
        served=served,
        unreadable=unreadable,
    )


def describes_parts(environment: Mapping[str, str]) -> bool:
    """Whether variables describe parts, rather than change what `parley up` makes of a folder:
    there is one without which a part does not start.
    """
    required = {
        variable(part, name)
        for part, settings in SETTINGS.items()
        for name, one in settings.model_fields.items()
        if one.is_required() or name in {"credential_file", "credentials_file"}
    }
    return not required.isdisjoint(name.upper() for name in environment)


def _read_served(folder: DataFolder) -> tuple[Served | None, str]:
    """Read `up.json`, if who wrote it still runs; and why it cannot be read."""
    try:
        written = json.loads(folder.address.read_text("utf-8"))
        with suppress(PermissionError):
            # Sends nothing: asks whether that process still lives. It may be somebody else's.
            os.kill(written["pid"], 0)
        targets, processes = written["targets"], written.get("parts", {})
        return Served(written["pid"], written["url"], targets, processes), ""
    except (FileNotFoundError, NotADirectoryError, ProcessLookupError):
        return None, ""
    except (OSError, ValueError, KeyError, TypeError) as error:
        return None, str(error)


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value


def _read(environments: Mapping[str, Mapping[str, str]]) -> dict[str, Part]:
    return {name: _read_part(name, environment) for name, environment in environments.items()}


def _read_part(name: str, environment: Mapping[str, str]) -> Part:
    try:
        with _environment(environment):
            return Part(name, SETTINGS[name].model_validate({}))
    except ValidationError as error:
        problems = (
            Problem("_".join(map(str, one["loc"])), one["msg"])
            for one in error.errors(include_url=False, include_input=False)
        )
        return Part(name, None, tuple(problems))


@contextmanager
def _environment(environment: Mapping[str, str]) -> Iterator[None]:
    """Have this environment for the length of a block, for settings are read from there alone."""
    # It may be the environment itself, which is emptied.
    before, given = dict(os.environ), dict(environment)
    try:
        os.environ.clear()
        os.environ.update(given)
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
