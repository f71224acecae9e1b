"""The audit log as it is stored: entries are added and read, and never changed."""

from collections.abc import Iterable

from sqlalchemy import Connection, select

from moderation_service.storage import statements
from moderation_service.storage.tables import audit
from service_kit.audit import AuditEntry, Head
from service_kit.storage.bulk_statements import bulk_insert, fetch


def find_head(connection: Connection) -> Head:
    """Tell how far the audit log goes."""
    rows = fetch(connection, statements.HEAD, {})
    return Head(rows[0].number, rows[0].hash) if rows else Head()


def insert_audit(connection: Connection, entries: Iterable[AuditEntry]) -> None:
    """Store new entries of the audit log."""
    columns = tuple(audit.c.keys())
    rows = [tuple(getattr(one, name) for name in columns) for one in entries]
    bulk_insert(connection, audit, columns, rows)


def read_audit(connection: Connection, after: int, target: str, count: int) -> list[AuditEntry]:
    """The first `count` entries with a higher number, of one target if one is named."""
    query = select(audit).where(audit.c.number > after).order_by(audit.c.number).limit(count)
    if target:
        query = query.where(audit.c.target == target)
    return [AuditEntry(*row) for row in connection.execute(query)]
