"""A deployment that is sound, described by a file of variables, for tests to spoil one thing of."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from command_line.__main__ import application
from command_line.doctor import deployment
from command_line.doctor.checks.credentials import check_credentials
from command_line.doctor.checks.database.check import check_databases
from command_line.doctor.checks.files import check_files
from command_line.doctor.checks.machine import check_machine
from command_line.doctor.checks.settings import check_settings
from command_line.doctor.checks.tokens import check_tokens
from command_line.doctor.checks.versions import check_versions
from command_line.doctor.deployment import Deployment
from command_line.doctor.findings import Finding
from service_kit.authentication.callers import Caller
from service_kit.authentication.credentials import make_credential
from tests.support import system
from tests.support.callers import write_accepted
from tests.support.system import SERVICES, copy_database, free_port
from tests.support.waiting import PATIENCE


class World:
    """All parts in one file of variables, with their secrets and databases, and nothing running."""

    ports: dict[str, int]
    variables: dict[str, str]

    def __init__(self, folder: Path, pristine: "World | None" = None) -> None:
        """Make it in a folder, anew or as another one is."""
        self.folder = folder
        self.file = folder / "parley.env"
        if pristine is not None:
            shutil.copytree(pristine.folder, folder)
            before, after = str(pristine.folder), str(folder)
            self.ports = pristine.ports
            self.variables = {
                name: value.replace(before, after) for name, value in pristine.variables.items()
            }
            self.write()
            return
        folder.mkdir()
        folder.chmod(0o700)
        credentials = {caller: make_credential() for caller in Caller}
        for caller, credential in credentials.items():
            self.private(f"{caller}.key", f"{credential}\n")
        write_accepted(folder / "accepted", credentials.__getitem__)
        self.private("token.key", "x" * 48)
        self.variables = {
            "PARLEY_EDGE_CREDENTIAL_FILE": self.path("edge.key"),
            "PARLEY_EDGE_TOKEN_SECRET_FILE": self.path("token.key"),
            "PARLEY_DESK_CREDENTIAL_FILE": self.path("desk.key"),
            "PARLEY_DESK_TOKEN_SECRET_FILE": self.path("token.key"),
            "PARLEY_MODERATION_TOKEN_SECRET_FILE": self.path("token.key"),
        }
        # Nobody listens there, whatever else runs on this machine.
        self.ports = {part: free_port() for part in (*SERVICES, "edge", "desk")}
        self.set("edge", "PORT", self.ports["edge"])
        self.set("desk", "PORT", self.ports["desk"])
        self.set("desk", "MODERATION_TARGET", f"127.0.0.1:{self.ports['moderation']}")
        for name in SERVICES:
            self.set(name, "LISTEN", f"127.0.0.1:{self.ports[name]}")
            copy_database(name, folder / f"{name}.sqlite3")
            self.set(name, "DATABASE_URL", f"sqlite:///{self.path(f'{name}.sqlite3')}")
            self.set(name, "CREDENTIALS_FILE", self.path("accepted"))
            self.set("edge", f"{name.upper()}_TARGET", f"127.0.0.1:{self.ports[name]}")
            for other in SERVICES:
                if other != name:
                    self.set(name, f"{other.upper()}_TARGET", f"127.0.0.1:{self.ports[other]}")
                    self.set(name, f"{other.upper()}_CREDENTIAL_FILE", self.path(f"{name}.key"))
        self.write()

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def private(self, name: str, text: str) -> Path:
        """A file for its owner alone."""
        file = self.folder / name
        file.touch(mode=0o600)
        file.write_text(text)
        return file

    def set(self, part: str, setting: str, value: object) -> None:
        self.variables[f"PARLEY_{part.upper()}_{setting}"] = str(value)

    def write(self) -> None:
        """Write the file of variables."""
        self.file.write_text("".join(f"{name}={one}\n" for name, one in self.variables.items()))

    def deployment(self) -> Deployment:
        return deployment.of_file(self.file)

    async def look(self) -> list[Finding]:
        """Everything that can be found while nothing runs."""
        examined = self.deployment()
        found: list[Finding] = []
        for check in (
            check_settings,
            check_files,
            check_credentials,
            check_tokens,
            check_versions,
            check_databases,
        ):
            found += [one async for one in check(examined)]
        return found + [one async for one in check_machine(examined, 1024)]

    def run(self, command: str) -> None:
        """Carry out a cure in a shell, or as a shell would: what is started anew takes long."""
        words = shlex.split(command)
        environment = {"PATH": os.environ["PATH"], **self.deployment().environment}
        if words[:2] == ["python", "-m"]:
            log = self.folder / "cure.log"
            assert system.start_process(words[2:], environment, log).wait(PATIENCE) == 0, (
                log.read_text()
            )
        elif words[0] == "parley":
            command, redirected, file = command.partition(" >> ")
            result = CliRunner().invoke(application, shlex.split(command)[1:])
            assert result.exit_code == 0, result.output
            if redirected:
                with Path(file).open("a") as output:
                    output.write(result.stdout)
        else:
            subprocess.run(["bash", "-ec", command], check=True, env=environment)


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("pristine") / "world")


@pytest.fixture
def world(pristine: World, tmp_path: Path) -> World:
    """A sound deployment, of which nothing runs."""
    return World(tmp_path / "world", pristine)


Plant = Callable[[World], None]
