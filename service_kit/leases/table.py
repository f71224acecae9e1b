"""The leases of a database: who has which, and until when if it is not renewed.

Times are the database's own, so that the clocks of hosts play no part. A lease is taken and renewed
beside the clock of revisions: it is no news for those who follow the service.
"""

from collections.abc import Collection

from sqlalchemy import BigInteger, Column, Connection, MetaData, Table, bindparam, select, text

from service_kit.storage.bulk_statements import fetch
from service_kit.storage.engines import TEXT
from service_kit.storage.plain_statements import run

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
# Those of others are not touched: not even a lock is left on their rows. In one order, so that two
# who take several at once never wait for one another.
_TAKE = (
    f"WITH given AS (SELECT %s::text AS holder, {_NOW} AS now)"  # noqa: S608, no value
    " INSERT INTO leases (name, holder, until)"
    " SELECT wished, given.holder, given.now + %s FROM given, unnest(%s::text[]) AS wished"
    " WHERE NOT EXISTS (SELECT FROM leases WHERE name = wished"
    " AND holder <> given.holder AND until > given.now) ORDER BY wished"
    " ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until"
    f" WHERE leases.holder = excluded.holder OR leases.until <= {_NOW}"
    " RETURNING name"
)
_STANDS = text(f"SELECT until > {_NOW} FROM leases WHERE name = :name")  # noqa: S608, as above
_LET_GO = text("DELETE FROM leases WHERE holder = :holder AND name = ANY (:names)")


def add_leases(metadata: MetaData) -> Table:
    """Make the leases a table of `metadata`, the tables of a service."""
    return _leases.to_metadata(metadata)


def is_held(connection: Connection, name: str, holder: str) -> bool:
    """Tell whether nobody has taken a lease from its holder, whether or not it was renewed."""
    return [(holder,)] == [tuple(row) for row in fetch(connection, _HOLDER, {"name": name})]


def stands(connection: Connection, name: str) -> bool:
    """Tell whether anybody has a lease now. PostgreSQL alone."""
    return bool(connection.execute(_STANDS, {"name": name}).scalar_one_or_none())


def take_leases(
    connection: Connection, names: Collection[str], holder: str, seconds: float
) -> set[str]:
    """Take or renew those leases that stand for nobody else; gives them. PostgreSQL alone."""
    given = (holder, round(seconds * 1000), sorted(names))
    return {name for (name,) in run(connection, _TAKE, given).fetchall()}


def let_go(connection: Connection, names: Collection[str], holder: str) -> None:
    """End leases before their time. PostgreSQL alone."""
    connection.execute(_LET_GO, {"names": sorted(names), "holder": holder})
