"""A stand-in for a container of the image `postgres`, with the tests' own PostgreSQL."""

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.support.postgresql import Postgresql
from tests.support.waiting import PATIENCE

VARIABLES = {"POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD_FILE", "POSTGRES_INITDB_ARGS"}
"""What the image is told here; it has more, and takes no others for a mistake."""


class DatabaseContainer:
    """A new server, made as the image's variables say, on a port of the loopback.

    In a container the socket and the loopback trust everyone, and who comes from outside needs the
    password. Here the socket alone is inside, and the loopback is where others come from.
    """

    def __init__(self, server: Postgresql, environment: Mapping[str, str], port: int) -> None:
        self._programs, self._user = server.programs, server.system_user
        self._port = port
        # Not below pytest's folders, which pytest closes to other users again and again.
        self._folder = Path(tempfile.mkdtemp(prefix="parley-postgresql-"))
        self._data = self._folder / "data"
        # The image's shell drops the ends of lines, and nothing else.
        password = Path(environment["POSTGRES_PASSWORD_FILE"]).read_text("utf-8").rstrip("\n")
        password_file = self._folder / "password"
        password_file.write_text(password + "\n", "utf-8")
        if self._user:
            shutil.chown(self._folder, self._user)
            shutil.chown(password_file, self._user)
        arguments = shlex.split(environment["POSTGRES_INITDB_ARGS"])
        self._run(
            "initdb",
            f"--pgdata={self._data}",
            f"--username={environment['POSTGRES_USER']}",
            f"--pwfile={password_file}",
            "--auth-host=scram-sha-256",
            "--auth-local=trust",
            "--no-sync",
            *arguments,
        )
        password_file.unlink()
        create = f'CREATE DATABASE "{environment["POSTGRES_DB"]}";\n'
        self._run("postgres", "--single", "-D", str(self._data), "postgres", text=create)

    def start(self, log: Path) -> subprocess.Popen[bytes]:
        """Start the server, as ever with its settings as `initdb` made them."""
        with log.open("ab") as output:
            return subprocess.Popen(
                [
                    self._programs / "postgres",
                    *("-D", self._data),
                    *("-p", str(self._port)),
                    *("-c", "listen_addresses=127.0.0.1"),
                    *("-c", f"unix_socket_directories={self._folder}"),
                ],
                env={},
                user=self._user,
                stdout=output,
                stderr=output,
            )

    def execute(self, line: str, folder: Path) -> subprocess.CompletedProcess[str]:
        """Run a line of shell that begins with a program of the image."""
        return subprocess.run(
            ["bash", "-c", line],
            cwd=folder,
            env={
                "PATH": f"{self._programs}:{os.defpath}",
                "PGHOST": str(self._folder),
                "PGPORT": str(self._port),
            },
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def remove(self) -> None:
        """Remove the data, after the server was stopped."""
        shutil.rmtree(self._folder)

    def _run(self, program: str, *arguments: str, text: str = "") -> None:
        done = subprocess.run(
            [self._programs / program, *arguments],
            env={},
            user=self._user,
            input=text,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stderr
