"""The leases of a database: who has which, and until when if it is not renewed.

Times are the database's own, so that the clocks of hosts play no part. A lease is taken and renewed
beside the clock of revisions: it is no news for those who follow the service.
"""

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import BigInteger, Column, Connection, MetaData, Table, bindparam, select, text

from service_kit.storage.bulk_statements import fetch
from service_kit.storage.engines import TEXT

_metadata = MetaData()
_leases = Table(
    "leases",
    _metadata,
    Column("name", TEXT, primary_key=True),
    Column("holder", TEXT, nullable=False),
    # In milliseconds UTC.
    Column("until", BigInteger, nullable=False),
)
_HOLDER = select(_leases.c.holder).where(_leases.c.name == bindparam("name"))

_NOW = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
_READ = text(f"SELECT name, holder, until > {_NOW} AS stands FROM leases")  # noqa: S608, no value
# In one order, so that two who take several at once never wait for one another.
_TAKE = text(
    f"INSERT INTO leases (name, holder, until)"  # noqa: S608, the values are parameters
    f" SELECT name, :holder, {_NOW} + :milliseconds"
    f" FROM unnest(CAST(:names AS text[])) AS name ORDER BY name"
    f" ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until"
    f" WHERE leases.holder = excluded.holder OR leases.until <= {_NOW}"
    f" RETURNING name"
)
_STANDS = text(f"SELECT until > {_NOW} FROM leases WHERE name = :name")  # noqa: S608, as above
_LET_GO = text("DELETE FROM leases WHERE holder = :holder AND name = ANY (:names)")


class Lease(NamedTuple):
    """A lease as it was read; one that does not stand any more may be taken."""

    name: str
    holder: str
    stands: bool


def add_leases(metadata: MetaData) -> Table:
    """Make the leases a table of `metadata`, the tables of a service."""
    return _leases.to_metadata(metadata)


def is_held(connection: Connection, name: str, holder: str) -> bool:
    """Tell whether nobody has taken a lease from its holder, whether or not it was renewed."""
    return [(holder,)] == [tuple(row) for row in fetch(connection, _HOLDER, {"name": name})]


def read_leases(connection: Connection) -> list[Lease]:
    """Read all leases that there are. PostgreSQL alone."""
    return [Lease(*row) for row in connection.execute(_READ)]


def stands(connection: Connection, name: str) -> bool:
    """Tell whether anybody has a lease now. PostgreSQL alone."""
    return bool(connection.execute(_STANDS, {"name": name}).scalar_one_or_none())


def take_leases(
    connection: Connection, names: Collection[str], holder: str, seconds: float
) -> set[str]:
    """Take or renew those leases that stand for nobody else; gives them. PostgreSQL alone."""
    given = {"names": sorted(names), "holder": holder, "milliseconds": round(seconds * 1000)}
    return {row.name for row in connection.execute(_TAKE, given)}


def let_go(connection: Connection, names: Collection[str], holder: str) -> None:
    """End leases before their time. PostgreSQL alone."""
    connection.execute(_LET_GO, {"names": sorted(names), "holder": holder})
