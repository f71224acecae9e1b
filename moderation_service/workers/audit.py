"""The audit log, gone along again and again, so that somebody is told when it was changed."""

import asyncio
import time

import structlog
from prometheus_client import CollectorRegistry, Gauge

from moderation_service.operations.verification import Problem, read_chain
from service_kit.audit import Head
from service_kit.storage.readers import Readers


class AuditWatch:
    """Verifies the chain every `interval_seconds`, a page at a time, so that nobody waits for it.

    Whether each event still says what was recorded `python -m moderation_service verify` tells.
    """

    def __init__(
        self, readers: Readers, registry: CollectorRegistry, interval_seconds: float
    ) -> None:
        self._readers = readers
        self._interval_seconds = interval_seconds
        self._told: set[Problem] = set()
        self._log = structlog.get_logger(__name__)
        self._breaks = Gauge(
            "moderation_audit_breaks",
            "Places at which the audit log is not what was recorded, at the last look.",
            registry=registry,
        )
        self._entries = Gauge(
            "moderation_audit_entries", "Entries of the audit log, then.", registry=registry
        )
        self._verified = Gauge(
            "moderation_audit_verified_timestamp_seconds",
            "When it was last gone along to its end, in Unix time; 0: not by this process.",
            registry=registry,
        )

    async def run(self) -> None:
        """Go along it until cancelled. Raises what keeps the database from being read."""
        while True:
            await self.look()
            await asyncio.sleep(self._interval_seconds)

    async def look(self) -> None:
        """Go along it once. Of each break the log tells once."""
        head, breaks, more = Head(), 0, True
        while more:
            head, problems, more = await self._readers.run(read_chain, head)
            breaks += len(problems)
            for one in problems:
                if one not in self._told:
                    self._told.add(one)
                    self._log.error("the audit log is broken", where=one.where, what=one.what)
            if breaks:
                self._breaks.set(breaks)
        self._breaks.set(breaks)
        self._entries.set(head.number)
        self._verified.set(time.time())
