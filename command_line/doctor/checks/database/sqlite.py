"""SQLite: looks into a file that others may be writing, without writing to it."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from urllib.parse import quote as percent

from command_line.doctor.checks.database.contents import Contents, read_contents
from command_line.doctor.deployment import Part
from command_line.doctor.findings import Finding
from command_line.doctor.kinds import Kind

# To look at every page of a large file takes long; the check of a backup is the place for that.
_DAMAGE_SECONDS = 2.0
_SMALL_BYTES = 256 * 1024 * 1024
_NETWORKS = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "ceph", "glusterfs"})
_MEMORIES = frozenset({"tmpfs", "ramfs"})


@dataclass(frozen=True)
class SqliteState:
    """The look at a file. `damage` is SQLite's own words, empty where it found none."""

    path: Path
    contents: Contents
    damage: str
    log_bytes: int
    file_system: str


def look(path: Path) -> SqliteState:
    """Look into a database. Raises sqlite3.Error and OSError."""
    path.stat()
    log = path.with_name(f"{path.name}-wal")
    log_bytes = log.stat().st_size if log.exists() else 0
    # Without a log nobody has it open, and to open it otherwise would make files beside it.
    mode = "mode=ro" if log_bytes else "mode=ro&immutable=1"
    address = f"file:{percent(str(path))}?{mode}"
    with closing(sqlite3.connect(address, uri=True, timeout=1, isolation_level=None)) as database:
        deadline = time.monotonic() + _DAMAGE_SECONDS
        damage = _damage(database, deadline)
        if damage:
            return SqliteState(path, Contents(frozenset()), damage, log_bytes, "")
        columns = database.execute(
            "SELECT t.name, c.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c"
            " WHERE t.type = 'table'"
        ).fetchall()
        small = {table for table, _ in columns} if path.stat().st_size < _SMALL_BYTES else set()
        contents = read_contents(
            lambda statement: database.execute(statement).fetchall(), columns, small=tuple(small)
        )
    return SqliteState(path, contents, "", log_bytes, file_system_of(path))


def _damage(database: sqlite3.Connection, deadline: float) -> str:
    """Faults of the pages of the file, as far as can be looked at until then."""
    database.set_progress_handler(lambda: int(time.monotonic() > deadline), 10_000)
    try:
        ((found,),) = database.execute("PRAGMA quick_check(1)").fetchall()
    except sqlite3.OperationalError as error:
        if "interrupted" in str(error):
            return ""
        raise
    except sqlite3.DatabaseError as error:
        return str(error)
    finally:
        database.set_progress_handler(None, 0)
    return "" if found == "ok" else str(found).strip()


def file_system_of(path: Path) -> str:
    """The kind of file system on which a file is; empty where the system does not tell."""
    try:
        lines = Path("/proc/mounts").read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    resolved, found = path.resolve(), ("", "")
    for line in lines:
        _, mounted, kind, *_ = line.split()
        folder = mounted.replace("\\040", " ")
        if resolved.is_relative_to(folder) and len(folder) >= len(found[0]):
            found = folder, kind
    return found[1]


def of_state(part: Part, state: SqliteState) -> Iterator[Finding]:
    """Faults of the file, beside what it holds."""
    file = quote(str(state.path))
    if state.damage:
        yield Finding(
            Kind.SQLITE_DAMAGED,
            part.name,
            f"{state.path}: {state.damage}",
            (
                f"# stop {part.name} first, and keep the file",
                f"sqlite3 {file} .recover | sqlite3 {quote(f'{state.path}.recovered')}",
                "# or go back to a backup (docs/operations.md, Going back to a backup)",
            ),
        )
    limit = part.settings.sqlite_log_bytes
    if state.log_bytes > 4 * limit:
        yield Finding(
            Kind.SQLITE_LOG_LARGE,
            part.name,
            f"{state.path}-wal has {state.log_bytes} bytes, and its limit is {limit}",
            (
                f"fuser -v {file}",
                f"# end who reads it for long, such as a sqlite3 left open; or restart {part.name}",
            ),
        )
    if state.file_system in _NETWORKS:
        yield Finding(
            Kind.NETWORK_FILE_SYSTEM,
            part.name,
            f"{state.path} is on {state.file_system}",
            (
                "# move the folder to a disk of this machine, or use PostgreSQL",
                f"parley up --data {quote(str(Path('/var/lib/parley')))}",
            ),
        )
    if state.file_system in _MEMORIES:
        yield Finding(
            Kind.MEMORY_FILE_SYSTEM,
            part.name,
            f"{state.path} is on {state.file_system}",
            (f"parley up --data {quote(str(Path('/var/lib/parley')))}",),
        )
