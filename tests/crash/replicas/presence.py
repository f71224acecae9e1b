"""Who is shown as online in the end, and to whom processes still attend."""

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress

from sqlalchemy import select

from messaging_service.storage.tables import attendance, attending, presence
from service_kit.storage.engines import open_engine
from tests.crash.findings import Violation

# For the absence allowed, a lease, and a machine under load.
_SETTLE_SECONDS = 30.0
_LOOK_SECONDS = 0.1


async def check_online(url: str, users: Collection[str]) -> list[Violation]:
    """Wait until all of them are online, for they have sockets; name those who are not."""
    wanted = {*users}
    missing = await _settled(url, lambda online, _left: wanted - online)
    return [Violation("NOT ONLINE", f"{user} has a socket") for user in sorted(missing)]


async def check_gone(url: str) -> list[Violation]:
    """Wait until nobody is online, for all have left, and one process at most of each that lived is
    known; name those who are.
    """
    stale = await _settled(url, lambda online, left: online | left)
    return [Violation("STILL ONLINE", f"{user} has left") for user in sorted(stale)]


async def _settled(url: str, wrong: Callable[[set[str], set[str]], set[str]]) -> set[str]:
    found = {""}
    with suppress(TimeoutError):
        async with asyncio.timeout(_SETTLE_SECONDS):
            while found := wrong(*await asyncio.to_thread(_read, url)):  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(_LOOK_SECONDS)
    return found


def _read(url: str) -> tuple[set[str], set[str]]:
    """Who is online, and what is left of the attendance: people, and processes without any."""
    engine = open_engine(url, "reader")
    try:
        with engine.connect() as connection:
            online = set(connection.scalars(select(presence.c.user_id).where(presence.c.online)))
            attended = set(connection.scalars(select(attendance.c.user_id)))
            processes = len(set(connection.scalars(select(attending.c.replica))))
    finally:
        engine.dispose()
    return online, attended | {f"process {number}" for number in range(3, processes)}
