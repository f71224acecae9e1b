"""Files: there, readable, and for nobody else."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from shlex import quote

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from command_line.doctor.deployment import Deployment, variable
from command_line.doctor.findings import Finding, Findings
from command_line.doctor.kinds import Kind

# Others have no business with a secret at all, and the group none but to read it: containers read
# theirs as members of one.
_NOT_OF_A_SECRET = stat.S_IRWXO | stat.S_IWGRP | stat.S_IXGRP
_NOT_OF_A_DATABASE = stat.S_IRWXO | stat.S_IWGRP
_NOT_OF_THE_FOLDER = stat.S_IRWXO | stat.S_IRWXG


async def check_files(deployment: Deployment) -> Findings:
    """Look at the files that settings name, and at those of the data folder."""
    for name, path in named_files(deployment):
        for finding in of_secret(deployment, name, path):
            yield finding
    for path in databases(deployment):
        for finding in of_database(path):
            yield finding
    if deployment.folder is not None:
        for finding in of_folder(deployment.folder.path):
            yield finding


def named_files(deployment: Deployment) -> Iterator[tuple[str, Path]]:
    """The files of secrets, each with the first variable that names it."""
    seen = set()
    for part in deployment.usable:
        for field, value in part.settings:
            if not field.endswith("_file"):
                continue
            for path in value if isinstance(value, tuple) else (value,):
                if isinstance(path, Path) and path not in seen:
                    seen.add(path)
                    yield variable(part.name, field), path


def databases(deployment: Deployment) -> Iterator[Path]:
    """The files of SQLite's databases."""
    for part in deployment.services:
        try:
            url = make_url(part.settings.database_url)
        except ArgumentError:
            continue
        if url.get_backend_name() == "sqlite" and url.database and ":memory:" not in url.database:
            yield Path(url.database)


def of_secret(deployment: Deployment, name: str, path: Path) -> Iterator[Finding]:
    """A file that a setting names. Public keys, certificates and digests are for anybody."""
    try:
        with path.open("rb"):
            mode = path.stat().st_mode
    except OSError as error:
        cure = _made(deployment, name, path) if isinstance(error, FileNotFoundError) else ""
        yield Finding(
            Kind.FILE_UNREADABLE,
            name,
            f"{path} cannot be read: {error.strerror}",
            (cure or f"sudo chown {_me()} {quote(str(path))}",),
        )
        return
    public = name.endswith(("PUBLIC_KEY_FILE", "CREDENTIALS_FILE", "CA_FILE", "CERTIFICATE_FILE"))
    # Who may write digests or keys lets anybody in.
    forbidden = stat.S_IWOTH | stat.S_IWGRP if public else _NOT_OF_A_SECRET
    if deployment.folder is not None and not public:
        forbidden = _NOT_OF_THE_FOLDER
    if mode & forbidden:
        kept = "go-w" if public else ("600" if deployment.folder is not None else "440")
        yield Finding(
            Kind.SECRET_OPEN,
            name,
            f"{path} has mode {stat.S_IMODE(mode):04o}",
            (f"chmod {kept} {quote(str(path))}",),
        )
    folder = path.resolve().parent
    if _open_folder(folder):
        yield Finding(
            Kind.FOLDER_OPEN,
            str(folder),
            f"it has mode {stat.S_IMODE(folder.stat().st_mode):04o}, and holds {path.name}",
            (f"chmod go-w {quote(str(folder))}",),
        )


def _open_folder(folder: Path) -> bool:
    """Whether others may put a file of their own there in the place of ours."""
    mode = folder.stat().st_mode
    return bool(mode & (stat.S_IWOTH | stat.S_IWGRP)) and not mode & stat.S_ISVTX


def _made(deployment: Deployment, name: str, path: Path) -> str:
    """The command that makes a file that is not there."""
    file = quote(str(path))
    if deployment.folder is not None:
        return f"parley up --data {quote(str(deployment.folder.path))}"
    if name.endswith("CREDENTIALS_FILE"):
        return f"parley credentials digest edge secrets/edge_credential >> {file}"
    if name.endswith("CREDENTIAL_FILE"):
        part = name.removeprefix("PARLEY_").partition("_")[0].lower()
        return f"parley credentials make {part} {file}"
    if name.endswith(("SECRET_FILE", "PASSWORD_FILE")):
        return f"(umask 077 && openssl rand -hex 32 > {file})"
    return f"ls -l {quote(str(path.parent))}"


def of_database(path: Path) -> Iterator[Finding]:
    """The file of a database and what SQLite keeps beside it."""
    for file in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        try:
            mode = file.stat().st_mode
        except OSError:
            # That it is missing is found where it is opened.
            continue
        if mode & _NOT_OF_A_DATABASE:
            yield Finding(
                Kind.DATABASE_OPEN,
                str(file),
                f"it has mode {stat.S_IMODE(mode):04o}",
                (f"chmod 600 {quote(str(file))}",),
            )


def of_folder(folder: Path) -> Iterator[Finding]:
    """The files of the data folder belong to one who runs the parts, and to nobody else."""
    if not folder.is_dir():
        return
    owner = folder.stat().st_uid
    for file in sorted(folder.rglob("*")):
        try:
            status = file.lstat()
        except OSError:
            # It went meanwhile, as files of SQLite do.
            continue
        if status.st_uid != owner:
            yield Finding(
                Kind.OWNER_DIFFERS,
                str(file),
                f"it belongs to user {status.st_uid}, and the folder to {owner}",
                (f"sudo chown -R {owner} {quote(str(folder))}",),
            )
            return


def _me() -> str:
    return str(os.getuid())
