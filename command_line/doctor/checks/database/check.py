"""Databases: each is looked into as its service sees it, and then all against one another."""

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from shlex import quote

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from command_line.doctor.checks.clocks import of_clock as of_clock_of_host
from command_line.doctor.checks.database import contents, postgresql, servers, sqlite
from command_line.doctor.checks.machine import LOW_BYTES, look_at_disk, of_disk
from command_line.doctor.deployment import Deployment, Part, variable
from command_line.doctor.findings import Finding, Findings, in_thread
from command_line.doctor.kinds import Kind


async def check_databases(deployment: Deployment, low_bytes: int = LOW_BYTES) -> Findings:
    """Look at the database of each service that is described."""
    looked = await asyncio.gather(
        *(in_thread(_look, deployment, part, low_bytes) for part in deployment.services)
    )
    held = {}
    for part, (findings, found) in zip(deployment.services, looked, strict=True):
        for finding in findings:
            yield finding
        if found is not None:
            held[part.name] = found
    for finding in contents.of_positions(held):
        yield finding


def _look(
    deployment: Deployment, part: Part, low_bytes: int
) -> tuple[list[Finding], contents.Contents | None]:
    """Look at one database, and judge what was seen."""
    name = variable(part.name, "database_url")
    try:
        url = make_url(part.settings.database_url)
        kind = url.get_backend_name()
    except ArgumentError as error:
        cure = deployment.setting(name, f"postgresql+psycopg://parley@HOST/{part.name}")
        return [Finding(Kind.SETTING_UNUSABLE, name, str(error), (cure,))], None
    if kind == "sqlite":
        return _look_at_file(deployment, part, Path(url.database or ""))
    if kind != "postgresql":
        cure = deployment.setting(name, f"postgresql+psycopg://parley@HOST/{part.name}")
        seen = f"Parley runs on SQLite and PostgreSQL, and this is {kind}"
        return [Finding(Kind.SETTING_UNUSABLE, name, seen, (cure,))], None
    try:
        state = postgresql.look(part)
    except ValueError as error:
        return [_of_password(deployment, part, str(error))], None
    except SQLAlchemyError as error:
        problem = " ".join(str(getattr(error, "orig", None) or error).split())
        return [servers.of_failure(deployment, part, problem)], None
    findings = [
        *servers.of_server(deployment, part, state),
        *of_clock_of_host(
            deployment,
            f"the database of {part.name}",
            state.ahead_seconds,
            state.uncertain_seconds,
        ),
    ]
    if state.folder is not None and state.folder.exists():
        findings += of_disk(look_at_disk(state.folder), low_bytes)
    if not state.unwritable:
        findings += _of_contents(deployment, part, state.contents, _psql(url))
    return findings, state.contents


def _look_at_file(
    deployment: Deployment, part: Part, path: Path
) -> tuple[list[Finding], contents.Contents | None]:
    try:
        state = sqlite.look(path)
    except FileNotFoundError:
        cure = deployment.migrating(part.name)
        seen = f"{path} is not there"
        return [Finding(Kind.DATABASE_MISSING, part.name, seen, (cure,))], None
    except (OSError, sqlite3.Error) as error:
        cure = f"ls -l {quote(str(path))}"
        seen = f"{path}: {error}"
        return [Finding(Kind.DATABASE_UNREACHABLE, part.name, seen, (cure,))], None
    findings = list(sqlite.of_state(part, state))
    if state.damage:
        return findings, None
    change = f"sqlite3 {quote(str(path))}"
    findings += _of_contents(deployment, part, state.contents, change)
    return findings, state.contents


def _of_contents(
    deployment: Deployment, part: Part, found: contents.Contents, change: str
) -> Iterator[Finding]:
    known, newest = contents.migrations_of(part.name)
    yield from contents.of_migrations(deployment, part.name, found, known, newest)
    yield from contents.of_clock(part.name, found, change)


def _of_password(deployment: Deployment, part: Part, problem: str) -> Finding:
    """The finding of an address with a file that do not go together, or of the file alone."""
    name = variable(part.name, "database_password_file")
    file = part.settings.database_password_file
    cure = (
        deployment.unsetting(name)
        if "goes with" in problem or file is None
        else f"(umask 077 && openssl rand -hex 32 > {quote(str(file))})"
    )
    return Finding(Kind.SETTING_UNUSABLE, name, problem, (cure,))


def _psql(url: URL) -> str:
    address = url.set(drivername="postgresql").render_as_string()
    return f"psql {quote(address)} -c"
