"""Health of a service's database and of the thread that writes to it."""

import asyncio
import time
from pathlib import Path

from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Engine

from service_kit.process.health import Health
from service_kit.storage import migrations
from service_kit.storage.readers import Readers
from service_kit.storage.writer import StorageUnavailable, Writer

# Beyond every timeout of a statement, a lock and a connection: the thread waits for what will not
# come, as on a network that swallows packets.
_STUCK_SECONDS = 60.0
# For which a failure of the writer tells how things are: there may be nothing to write.
_FAILURE_SECONDS = 10.0


class DatabaseHealth:
    """The looks of a service at its database, and at the thread that writes to it."""

    def __init__(self, writer: Writer, readers: Readers, reading: Engine, directory: Path) -> None:
        self._state = writer.state
        self._readers = readers
        self._reading = reading
        self._directory = directory
        # The migrations with which this program was found to work.
        self._good: tuple[str, ...] = ()

    def join(self, health: Health) -> None:
        """Add these looks to the health of the service."""
        health.live_if("writer", self.look_at_writer)
        health.ready_if("database", self.look_at_database)
        health.ready_if("schema", self.look_at_schema)

    def look_at_writer(self) -> str | None:
        """Tell whether the thread that writes has ended or waits for ever."""
        if self._state.ended:
            return "its thread has ended"
        since = self._state.busy_since
        if since is not None and (seconds := time.monotonic() - since) > _STUCK_SECONDS:
            return f"a transaction has not ended for {seconds:.0f} s"
        return None

    async def look_at_database(self) -> str | None:
        """Tell whether the database can be read, and could be written when that was last tried."""
        failure = self._state.failure
        if failure is not None and time.monotonic() - failure[0] < _FAILURE_SECONDS:
            return f"it could not be written: {failure[1]}"
        try:
            await self._readers.run(_heads)
        except StorageUnavailable as error:
            return str(error)
        return None

    async def look_at_schema(self) -> str | None:
        """Tell whether this program works with the migrations of the database."""
        try:
            heads = await self._readers.run(_heads)
            if heads != self._good:
                await asyncio.to_thread(migrations.check, self._reading, self._directory)
                self._good = heads
        except StorageUnavailable:
            return "not known, for the database cannot be read"
        except migrations.NotMigrated as error:
            return str(error)
        return None


def _heads(connection: Connection) -> tuple[str, ...]:
    return tuple(sorted(MigrationContext.configure(connection).get_current_heads()))
