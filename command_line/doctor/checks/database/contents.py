"""The contents of a database that every service has: its migrations, its clock, and how far it has
followed others.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from shlex import quote
from typing import Any
from uuid import uuid4

from alembic.script import ScriptDirectory

from command_line.doctor.deployment import Deployment
from command_line.doctor.findings import Finding
from command_line.doctor.kinds import Kind
from service_kit.rules import Position

_GOING_BACK = "docs/operations.md, Going back to a backup"

# Not of the database's own revisions, or of moments, and on a standby not to be read at all.
_OF_OTHERS = frozenset({"clock", "positions", "announcements"})

Ask = Callable[[str], Sequence[Sequence[Any]]]
"""Runs a statement and gives its rows."""


@dataclass(frozen=True)
class Contents:
    """Rows that were read. `versions` is None without their table, `clock` without the clock.

    `served_by` are the newest migrations of the programs that may serve it beside newer ones.
    `latest` is the greatest revision of any row, and None where to look for it would take long.
    """

    tables: frozenset[str]
    versions: tuple[str, ...] | None = None
    clock: tuple[tuple[Any, Any], ...] | None = None
    positions: Mapping[str, Position] = field(default_factory=dict)
    latest: int | None = None
    served_by: frozenset[str] = frozenset()

    @property
    def position(self) -> Position | None:
        """Where the clock stands, if it is one."""
        if self.clock is None or len(self.clock) != 1:
            return None
        ((epoch, revision),) = self.clock
        return Position(str(epoch), int(revision))


def read_contents(
    ask: Ask, columns: Sequence[tuple[str, str]], *, small: Sequence[str]
) -> Contents:
    """Read what a database holds, given its columns as (table, column), and the tables of which
    each row may be looked at.
    """
    tables = frozenset(table for table, _ in columns)
    versions = clock = None
    if "alembic_version" in tables:
        versions = tuple(str(row[0]) for row in ask("SELECT version_num FROM alembic_version"))
    if "clock" in tables:
        # More than one row is wrong, and how many does not matter.
        clock = tuple((row[0], row[1]) for row in ask("SELECT epoch, revision FROM clock LIMIT 3"))
    positions = {}
    if "positions" in tables:
        for source, epoch, revision in ask("SELECT source, epoch, revision FROM positions"):
            positions[str(source)] = Position(str(epoch), int(revision))
    latest = None
    stamped = [
        (table, column)
        for table, column in columns
        if table in small
        and table not in _OF_OTHERS
        and column in {"revision", "created_revision", "changed_revision"}
    ]
    for table, column in stamped:
        # Names of our own migrations.
        ((found,),) = ask(f'SELECT max("{column}") FROM "{table}"')  # noqa: S608
        latest = max(latest or 0, int(found or 0))
    served_by: frozenset[str] = frozenset()
    if "served_by" in tables:
        served_by = frozenset(str(row[0]) for row in ask("SELECT migration FROM served_by"))
    return Contents(tables, versions, clock, positions, latest, served_by)


def migrations_of(service: str) -> tuple[frozenset[str], frozenset[str]]:
    """All migrations that this program has of a service, and the newest of them."""
    found = find_spec(f"{service}_service")
    if found is None or not found.submodule_search_locations:
        raise RuntimeError(f"the package {service}_service is not installed")
    folder = Path(next(iter(found.submodule_search_locations))) / "migrations"
    scripts = ScriptDirectory(str(folder))
    known = frozenset(script.revision for script in scripts.walk_revisions())
    return known, frozenset(scripts.get_heads())


# --- What is wrong with it -----------------------------------------------------------------------


def of_migrations(
    deployment: Deployment,
    service: str,
    contents: Contents,
    known: frozenset[str],
    newest: frozenset[str],
) -> Iterator[Finding]:
    """Migrations that are missing, unknown, or half done."""
    migrate = deployment.migrating(service)
    versions = contents.versions
    others = contents.tables - {"alembic_version"}
    if not versions and not others:
        yield Finding(Kind.NOT_MIGRATED, service, "its database has no tables", (migrate,))
        return
    if not versions or len(versions) > 1 or "clock" not in others:
        said = ", ".join(versions or ()) or "no migration"
        yield Finding(
            Kind.MIGRATIONS_HALF,
            service,
            f"its database says {said}, and has {len(others)} tables,"
            f" {'with' if 'clock' in others else 'without'} the clock",
            (f"# go back to a backup: {_GOING_BACK}", migrate),
        )
        return
    if not known.issuperset(versions):
        if newest <= contents.served_by:
            # A newer program has added to it, and this one may go on.
            return
        yield Finding(
            Kind.MIGRATIONS_AHEAD,
            service,
            f"its database is at migration {versions[0]}, of which this program knows nothing:"
            f" its newest is {', '.join(sorted(newest))}",
            ("# start the newer program that migrated it", "git pull && make setup"),
        )
    elif not newest.issuperset(versions):
        yield Finding(
            Kind.MIGRATIONS_BEHIND,
            service,
            f"its database is at migration {versions[0]}, and this program needs"
            f" {', '.join(sorted(newest))}",
            (migrate,),
        )


def of_clock(service: str, contents: Contents, change: str) -> Iterator[Finding]:
    """A clock that is none, or that rows have overtaken. `change` runs a statement of SQL."""
    if contents.clock is None:
        return
    rows = contents.clock
    if len(rows) != 1 or not rows[0][0] or rows[0][1] is None or rows[0][1] < 0:
        yield Finding(
            Kind.CLOCK_ROW_BROKEN,
            service,
            f"the clock has {len(rows) if len(rows) < 3 else 'several'} rows"
            + ("" if len(rows) != 1 else f", with revision {rows[0][1]}"),
            (f"# go back to a backup: {_GOING_BACK}",),
        )
        return
    revision = int(rows[0][1])
    if contents.latest is not None and contents.latest > revision:
        # For a person to run.
        statement = f"UPDATE clock SET revision = {contents.latest}, epoch = '{uuid4().hex}'"  # noqa: S608
        yield Finding(
            Kind.CLOCK_BEHIND_ROWS,
            service,
            f"the clock stands at revision {revision}, and a row has {contents.latest}: part of the"
            " database went back, or rows came from another one",
            (f"# stop {service} first", f"{change} {quote(statement)}"),
        )


def of_positions(found: Mapping[str, Contents]) -> Iterator[Finding]:
    """Services that have followed another one further than it has come, within the same epoch."""
    for service, contents in found.items():
        for source, reached in contents.positions.items():
            there = found[source].position if source in found else None
            if there is None or there.epoch != reached.epoch:
                # Another epoch is applied from its beginning.
                continue
            if reached.revision > there.revision:
                yield Finding(
                    Kind.POSITION_AHEAD,
                    service,
                    f"it has followed {source} to revision {reached.revision}, and {source} is at"
                    f" {there.revision} of the same epoch: its database went back",
                    (f"# stop {source}, and give its database a new epoch: {_GOING_BACK}",),
                )
