"""The data folder of `parley up`: databases, secrets, logs, a lock, and the server's address.

DIR/<service>.sqlite3     the database of each service
DIR/secrets/token.key     signs the tokens of people
DIR/secrets/<caller>.key  the credential of a part, of the operator, or of the backend
DIR/secrets/accepted      the digests of these, by which services know who calls
DIR/logs/<part>.log       standard output and error of each part
DIR/up.lock               held while a process serves or migrates this folder
DIR/up.json               addresses and process ids; removed when it stops

All files are for their owner alone, whatever the mode of the folder.
"""

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from command_line.display.console import CommandError
from service_kit.authentication.callers import Caller
from service_kit.authentication.credentials import accepted_line, read_credential
from service_kit.authentication.keys import secret_of

PRIVATE = 0o600
SECRET_BYTES = 32  # RFC 7518, 3.2: a key for HS256 has at least the size of the hash.


@dataclass(frozen=True)
class DataFolder:
    """The paths in a data folder, and how they are read and written. `path` is absolute."""

    path: Path

    @classmethod
    def at(cls, path: Path) -> "DataFolder":
        """The folder at this path, which need not exist yet."""
        absolute = path.expanduser().absolute()
        if "?" in str(absolute):
            # It would begin the options in the database's address.
            raise CommandError(f"the data folder's path may not contain '?': {absolute}", 2)
        return cls(absolute)

    def database(self, service: str) -> Path:
        """The database of this service."""
        return self.path / f"{service}.sqlite3"

    @property
    def token_secret(self) -> Path:
        return self.path / "secrets" / "token.key"

    def credential(self, caller: Caller) -> Path:
        """The credential of this caller."""
        return self.path / "secrets" / f"{caller}.key"

    @property
    def accepted_credentials(self) -> Path:
        return self.path / "secrets" / "accepted"

    @property
    def address(self) -> Path:
        return self.path / "up.json"

    def log(self, part: str) -> Path:
        """The log of this part: its standard output and error."""
        return self.path / "logs" / f"{part}.log"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Makes the folder and holds its lock; CommandError when another process holds it."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self.path / "up.lock", os.O_RDWR | os.O_CREAT, PRIVATE)
        except OSError as error:
            raise CommandError(f"cannot use {self.path}: {error.strerror}") from error
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                holder = os.read(descriptor, 20).decode("ascii", "replace").strip() or "unknown"
                raise CommandError(
                    f"{self.path} is in use by another parley (process {holder}); stop that one "
                    "first, or choose another folder with --data"
                ) from error
            os.truncate(descriptor, 0)
            os.write(descriptor, f"{os.getpid()}\n".encode("ascii"))
            yield
        finally:
            os.close(descriptor)

    def prepare(self) -> list[Path]:
        """Makes missing secrets and the folder of logs; returns the secrets that it made.

        Call it with the lock held. What is there becomes readable by its owner alone, also what was
        made in another way or opened to others since.
        """
        try:
            for pattern in ("*.sqlite3*", "up.*", "logs/*"):
                for file in self.path.glob(pattern):
                    file.chmod(PRIVATE)
            for folder in (self.token_secret.parent, self.log("any").parent):
                folder.mkdir(mode=0o700, exist_ok=True)
                folder.chmod(0o700)
            common = self.path / "secrets" / "service.key"
            if common.exists():
                # Of a folder from when all parts had one. Cursors are sealed with that of the edge.
                common.rename(self.credential(Caller.EDGE))
            made = [
                path
                for path in (self.token_secret, *map(self.credential, Caller))
                if _make_secret(path)
            ]
            lines = [accepted_line(one, read_credential(self.credential(one))) for one in Caller]
            write_private(self.accepted_credentials, "".join(f"{line}\n" for line in lines))
        except (OSError, ValueError) as error:
            raise CommandError(f"cannot prepare {self.path}: {error}") from error
        else:
            return made

    def read_token_secret(self) -> bytes:
        """The secret that signs tokens; CommandError when there is none yet."""
        try:
            secret = secret_of(self.token_secret.read_bytes())
        except FileNotFoundError as error:
            raise CommandError(
                f"{self.path} has no token secret yet; the first start makes it: "
                f"parley up --data {self.path}"
            ) from error
        except OSError as error:
            raise CommandError(f"cannot read {self.token_secret}: {error}") from error
        if len(secret) < SECRET_BYTES:
            raise CommandError(f"{self.token_secret} holds less than {SECRET_BYTES} bytes")
        return secret

    def write_address(self, address: dict[str, Any]) -> None:
        """Writes up.json in one step, so that a reader never sees half a file."""
        fresh = self.address.with_suffix(".json.new")
        fresh.write_text(json.dumps(address, indent=2) + "\n", "utf-8")
        fresh.replace(self.address)

    def remove_address(self) -> None:
        """Removes up.json."""
        self.address.unlink(missing_ok=True)

    def read_url(self) -> str:
        """The WebSocket address of this folder's server; CommandError when there is none."""
        return str(self._read_address("url", "--url"))

    def read_target(self, service: str) -> str:
        """The target of a service of this folder; CommandError when it is not served."""
        return str(self._read_address("targets", "--target")[service])

    def _read_address(self, field: str, option: str) -> Any:
        try:
            address = json.loads(self.address.read_text("utf-8"))
            os.kill(address["pid"], 0)  # Sends nothing: asks whether that process still lives.
            return address[field]
        except (FileNotFoundError, ProcessLookupError) as error:
            raise CommandError(
                f"nothing is serving {self.path}; start it with: parley up --data {self.path} "
                f"(or name a server with {option})"
            ) from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CommandError(f"cannot read {self.address}: {error}") from error


def _make_secret(path: Path) -> bool:
    """Makes a random secret unless there is one, in one step."""
    if path.exists():
        path.chmod(PRIVATE)
        return False
    write_private(path, secrets.token_urlsafe(SECRET_BYTES))
    return True


def write_private(path: Path, text: str) -> None:
    """Writes a file for its owner alone, in one step."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
