"""Faults of a PostgreSQL server, or of the way to it."""

from collections.abc import Iterator
from shlex import quote
from typing import Any

from sqlalchemy.engine import URL, make_url

from command_line.doctor.checks.database.postgresql import ServerState
from command_line.doctor.deployment import Deployment, Part, variable
from command_line.doctor.findings import Finding
from command_line.doctor.kinds import Kind

# The oldest that still gets mends, and the newest that Parley is tried with.
MAINTAINED, TRIED = 15, 18
# Transactions that began so long ago hold back what clears up, or a lock.
LONG_SECONDS = 300.0
# PostgreSQL stops at about 2.1 thousand million.
OLD_TRANSACTIONS = 1_000_000_000


def of_failure(deployment: Deployment, part: Part, problem: str) -> Finding:
    """The finding of a connection that could not be made."""
    name = variable(part.name, "database_url")
    url = make_url(part.settings.database_url)
    seen = f"{url.render_as_string()}: {problem}"
    ready = f"pg_isready -h {quote(str(url.host or url.query.get('host', 'localhost')))}"
    lowered = problem.lower()
    if "session is read-only" in lowered or "hot standby" in lowered:
        return Finding(Kind.STANDBY, name, seen, (_to_the_primary(deployment, name, url),))
    if "too many" in lowered or "connection slots" in lowered:
        return Finding(Kind.CONNECTIONS_NONE, name, seen, _more_connections(part))
    if "starting up" in lowered or "shutting down" in lowered:
        return Finding(Kind.DATABASE_UNREACHABLE, name, seen, (ready,))
    if "password" in lowered or "authentication" in lowered or "pg_hba" in lowered:
        file = part.settings.database_password_file
        cure = (
            deployment.setting(
                variable(part.name, "database_password_file"),
                f"secrets/{part.name}_database_password",
            )
            if file is None
            else f"psql -c '\\password {url.username or 'parley'}' # then write it into {file}"
        )
        return Finding(Kind.DATABASE_REFUSES, name, seen, (cure,))
    if "does not exist" in lowered:
        made = (
            "createuser"
            if lowered.partition("does not exist")[0].strip().startswith("role")
            or "role " in lowered
            else "createdb --template=template0 --encoding=UTF8"
        )
        what = url.username if made == "createuser" else url.database
        return Finding(Kind.DATABASE_REFUSES, name, seen, (f"{made} {quote(str(what))}",))
    return Finding(
        Kind.DATABASE_UNREACHABLE,
        name,
        seen,
        (ready, deployment.setting(name, f"postgresql+psycopg://parley@HOST/{part.name}")),
    )


def _to_the_primary(deployment: Deployment, name: str, url: URL) -> str:
    hosts = str(url.host or url.query.get("host") or "ONE")
    address = url.set(host=None, port=None).update_query_dict(
        {"host": f"{hosts},OTHER", "target_session_attrs": "read-write"}
    )
    return deployment.setting(name, address.render_as_string())


def _more_connections(part: Part) -> tuple[str, ...]:
    return (
        "psql -c 'SELECT usename, application_name, count(*) FROM pg_stat_activity GROUP BY 1, 2'",
        "psql -c 'ALTER SYSTEM SET max_connections = 200' # then restart the server",
        f"# or fewer of {variable(part.name, 'reader_threads')}",
    )


def of_server(deployment: Deployment, part: Part, state: ServerState) -> Iterator[Finding]:
    """Faults of the server, beside what the database holds."""
    name = variable(part.name, "database_url")

    def found(kind: Kind, seen: str, *cure: str) -> Finding:
        return Finding(kind, name, seen, cure)

    if state.standby:
        yield found(
            Kind.STANDBY,
            f"{state.url.render_as_string()} is in recovery, and follows another server",
            _to_the_primary(deployment, name, make_url(part.settings.database_url)),
        )
    elif state.settings["default_transaction_read_only"] == "on":
        yield found(
            Kind.READ_ONLY,
            "default_transaction_read_only is on",
            f"psql -c 'ALTER DATABASE {state.url.database} RESET default_transaction_read_only'",
            "psql -c 'ALTER SYSTEM RESET default_transaction_read_only'",
            "psql -c 'SELECT pg_reload_conf()'",
        )
    yield from _of_home(deployment, part, found, state)
    yield from _of_version(found, state)
    for setting, kind in (
        ("fsync", Kind.FSYNC_OFF),
        ("full_page_writes", Kind.FULL_PAGE_WRITES_OFF),
        ("synchronous_commit", Kind.SYNCHRONOUS_COMMIT_OFF),
    ):
        if state.settings[setting] == "off":
            yield found(
                kind,
                f"{setting} is off",
                f"psql -c 'ALTER SYSTEM SET {setting} = on'",
                "psql -c 'SELECT pg_reload_conf()'",
            )
    if state.encoding != "UTF8":
        yield found(
            Kind.ENCODING_UNUSABLE,
            f"the encoding of the database is {state.encoding}",
            f"createdb --template=template0 --encoding=UTF8 {part.name}",
            deployment.setting(name, state.url.set(database=part.name).render_as_string()),
        )
    if state.shares_sessions:
        yield found(
            Kind.POOLER_OF_TRANSACTIONS,
            "two connections at a time met the same session of the server",
            "sed -i 's/^pool_mode *=.*/pool_mode = session/' /etc/pgbouncer/pgbouncer.ini",
            "psql -p 6432 pgbouncer -c RELOAD",
        )
    if state.unwritable:
        yield found(
            Kind.PERMISSION_MISSING,
            f"the role {state.url.username} may not write the table {state.unwritable}",
            f"psql -c 'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO"
            f' "{state.url.username}"\' {state.url.database}',
        )
    yield from _of_health(part, found, state)


def _of_home(
    deployment: Deployment, part: Part, found: Any, state: ServerState
) -> Iterator[Finding]:
    """A database that is not where it was served last: its next start begins an epoch."""
    if state.homes is None:
        return
    last, now = state.homes
    if (last.system, last.database) != (now.system, now.database):
        cause = "it was put back from a dump, or copied from another server"
    elif last.timeline and now.timeline != last.timeline:
        cause = f"its server went from timeline {last.timeline} to {now.timeline}"
    else:
        return
    name = variable(part.name, "database_replication")
    if part.settings.database_replication == "synchronous" and last.system:
        return
    yield found(
        Kind.HOME_CHANGED,
        f"{cause}: the next start of {part.name} gives it a new epoch, and all who follow it start"
        " over",
        f"python -m {part.name}_service serve",
        f"# where each commit waits for the standby: {deployment.setting(name, 'synchronous')}",
    )


def _of_version(found: Any, state: ServerState) -> Iterator[Finding]:
    if state.version < MAINTAINED:
        yield found(
            Kind.DATABASE_OLD,
            f"PostgreSQL {state.version} gets no mends any more",
            f"pg_upgrade --help # to PostgreSQL {TRIED}, with which Parley is tried",
        )
    elif state.version > TRIED:
        yield found(
            Kind.DATABASE_OLD,
            f"Parley is not tried with PostgreSQL {state.version}",
            f"# run PostgreSQL {TRIED}, or update Parley",
        )


def _of_health(part: Part, found: Any, state: ServerState) -> Iterator[Finding]:
    # One that writes, those that read, and one more for whoever migrates or looks.
    needed = part.settings.reader_threads + 2
    if state.room.left < needed:
        yield found(
            Kind.CONNECTIONS_FEW,
            f"{max(0, state.room.left)} connections are left, and {needed} may be needed",
            *_more_connections(part),
        )
    if state.settings["autovacuum"] == "off":
        yield found(
            Kind.AUTOVACUUM_OFF,
            "autovacuum is off",
            "psql -c 'ALTER SYSTEM SET autovacuum = on'",
            "psql -c 'SELECT pg_reload_conf()'",
        )
    limit = max(OLD_TRANSACTIONS, 2 * int(state.settings["autovacuum_freeze_max_age"]))
    if state.age > limit:
        yield found(
            Kind.TRANSACTIONS_OLD,
            f"the oldest transaction of the database is {state.age} transactions old",
            f"vacuumdb --freeze --jobs=2 {state.url.database}",
        )
    longest = state.longest
    if longest is not None and longest.seconds > LONG_SECONDS:
        yield found(
            Kind.TRANSACTION_HANGS,
            f"{longest.name} (session {longest.session}, {longest.state}) has had a transaction"
            f" open for {longest.seconds:.0f} s",
            f"psql -c 'SELECT pg_terminate_backend({longest.session})'",
        )
