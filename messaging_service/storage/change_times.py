"""The times of changes: each is later than all before it on this database.

So what somebody is shown of a thing, whose version is the time of its last change that this one is
shown, has another version after each, and a greater one: also where several rows say it, and after
the wall clock has stepped back. It tells no more than a time.
"""

from sqlalchemy import BigInteger, Connection, bindparam, case, update

from messaging_service.storage.tables import change_times

_NOW, _MORE = bindparam("now", type_=BigInteger), bindparam("more", type_=BigInteger)
_NEXT = case((change_times.c.latest < _NOW, _NOW), else_=change_times.c.latest + 1)
_TAKE = update(change_times).values(latest=_NEXT + _MORE).returning(change_times.c.latest)


def take_times(connection: Connection, now: int, count: int) -> range:
    """Take times for `count` changes, in milliseconds UTC: from now on, or later."""
    if not count:
        return range(0)
    latest = connection.execute(_TAKE, {"now": now, "more": count - 1}).scalar_one()
    return range(latest - count + 1, latest + 1)
