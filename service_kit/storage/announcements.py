"""Announcements of replicas: the events of each revision, as they were told at the commit.

A row is written in the transaction that it tells of, and kept for moments: whoever has not heard of
a revision reads it here, with all that no other row knows any more, as who caused it. The events
are bytes to which this knows no meaning.
"""

from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    LargeBinary,
    MetaData,
    Table,
    bindparam,
    delete,
    func,
    select,
)

from service_kit.rules import Position
from service_kit.storage.clock import read_position
from service_kit.storage.ownership import COUNT_SERVERS
from service_kit.storage.plain_statements import run

CHANNEL = "parley"
"""The channel of LISTEN and NOTIFY, which each database has of its own."""

_metadata = MetaData()
_announcements = Table(
    "announcements",
    _metadata,
    Column("revision", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("events", LargeBinary),
    Column("everything", LargeBinary),
)
_INSERT = "INSERT INTO announcements (revision, at, events, everything) VALUES (%s, %s, %s, %s)"
# Both in one statement: it is one more for each transaction, which all others wait for.
_INSERT_AND_NOTIFY = f"WITH told AS ({_INSERT}) SELECT pg_notify('{CHANNEL}', %s)"
_READ = (
    select(_announcements)
    .where(_announcements.c.revision > bindparam("after"))
    .where(_announcements.c.revision <= bindparam("until"))
    .order_by(_announcements.c.revision)
    .limit(bindparam("most"))
)
# In one journey, for each replica looks once a second, also when nothing happens.
_LOOK = f"SELECT epoch, revision, ({COUNT_SERVERS}) FROM clock"  # noqa: S608, no value
_FORGET = delete(_announcements).where(_announcements.c.revision <= bindparam("until"))


class Announcement(NamedTuple):
    """One revision, and when its transaction was, in milliseconds UTC.

    `events` is None where they could not be told; `everything` is what watchers of everything are
    told, None where it is the same.
    """

    revision: int
    at: int
    events: bytes | None
    everything: bytes | None


class Look(NamedTuple):
    """Where the database stands, and how many processes serve it."""

    position: Position
    servers: int


def add_announcements(metadata: MetaData) -> Table:
    """Make the announcements a table of `metadata`, the tables of a service."""
    return _announcements.to_metadata(metadata)


def announce(connection: Connection, told: Announcement, notification: str | None) -> None:
    """Write a row; with a notification those who listen get it at the commit."""
    if notification is None:
        run(connection, _INSERT, told)
    else:
        run(connection, _INSERT_AND_NOTIFY, (*told, notification))


def notify(connection: Connection, notifications: list[str]) -> None:
    """Notify those who listen of what is not stored."""
    for one in notifications:
        connection.execute(select(func.pg_notify(CHANNEL, one)))


def read_announcements(
    connection: Connection, after: int, until: int, most: int
) -> tuple[Position, list[Announcement]]:
    """Read the first rows with after < revision <= until; first where the database stands.

    What is not among them by then is not there and never will be.
    """
    position = read_position(connection)
    rows = connection.execute(_READ, {"after": after, "until": until, "most": most})
    return position, [Announcement(*row) for row in rows]


def look(connection: Connection) -> Look:
    """Look where the database stands."""
    ((epoch, revision, servers),) = run(connection, _LOOK).fetchall()
    return Look(Position(epoch, revision), servers)


def forget_announcements(connection: Connection, until: int) -> None:
    """Delete the rows up to a revision."""
    connection.execute(_FORGET, {"until": until})
