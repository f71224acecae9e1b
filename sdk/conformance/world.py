"""The server that libraries are tried against: the real services and an edge, as processes.

They are started as the tests start them, and so is their database; nothing of it is scripted.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

from conformance.scenario import Part as PartStep
from conformance.scenario import TokenMode
from service_kit.authentication.callers import Caller
from service_kit.authentication.credentials import accepted_line, make_credential
from tests.support.moderator import Moderator, moderating
from tests.support.postgresql import Postgresql
from tests.support.system import SERVICES, Part, System

SHORT_SECONDS = 12.0
"""The life of a token of the mode `short`; the edge closes soon after it."""

# A silent line is noticed within seconds, by a client as by the edge.
_EDGE = {
    "ping_interval_seconds": 1,
    "pong_timeout_seconds": 5,
    "reconnect_spread_seconds": 1,
    "drain_seconds": 1,
    "token_leeway_seconds": 0,
    "connections_burst": 1_000,
    "connections_per_second": 1_000,
    "bad_packets_per_minute": 20,
}
_MODERATION = {"reports_limit": 10_000, "unreliable_reports_limit": 10_000}


class World:
    """One running system, whose people nobody else brings. Made by `running`."""

    def __init__(self, system: System, server: Postgresql | None) -> None:
        self.system = system
        self._server = server
        self._edge: Part
        self._other = False
        self._replaced = 0

    @property
    def edge_port(self) -> int:
        """The port of the edge as it is now."""
        return self._edge.port

    @property
    def url(self) -> str:
        """The address of the edge, past every proxy."""
        return f"ws://127.0.0.1:{self._edge.port}/ws"

    def start(self) -> None:
        """Start everything; takes some seconds."""
        folder = self.system.folder
        # Cursors are sealed with an edge's credential. Services take a second one as well, so that
        # an edge can be put in the place of the first that knows none of its cursors.
        other = make_credential()
        (folder / "other_edge.key").write_text(f"{other}\n")
        with (folder / "accepted").open("a") as accepted:
            accepted.write(f"{accepted_line(Caller.EDGE, other)}\n")
        for name in SERVICES:
            self.system.settings.setdefault(name, {}).update(self._database(name))
        self.system.settings["moderation"].update(_MODERATION)
        self.system.start_services(*SERVICES)
        self._edge = self.system.start_edge(**_EDGE)

    def _database(self, name: str) -> dict[str, object]:
        """The settings of a new, empty database."""
        self._replaced += 1
        if self._server is None:
            path = self.system.folder / f"{name}-{self._replaced}.sqlite3"
            return {"database_url": f"sqlite:///{path}"}
        # It goes with the server, after all that uses it has ended.
        made = self._server.kept.enter_context(self._server.database())
        return {"database_url": self._server.url(made)}

    def token(self, user: str, mode: TokenMode = "good") -> str:
        """A token of a user: `good`, or one that is wrong in the way of a mode."""
        if mode == "expired":
            return self.system.token(user, expires_in=-60)
        if mode == "short":
            return self.system.token(user, expires_in=SHORT_SECONDS)
        if mode == "revoked":
            return self.system.token(user, iat=1)
        # Sessions are ended by the time at which a token was issued.
        return self.system.token(user, iat=time.time())

    async def act(self, step: PartStep) -> None:
        """Do to a part what a step says; return when it has been done, and all are in service."""
        await asyncio.to_thread(self._act, step)

    def _act(self, step: PartStep) -> None:
        if step.part == "edge" and step.act == "rotate":
            self._edge.stop()
            self._other = not self._other
            name = "other_edge.key" if self._other else f"{Caller.EDGE}.key"
            credential = self.system.folder / name
            self._edge = self.system.start_edge(**_EDGE, credential_file=credential)
            return
        part = self._edge if step.part == "edge" else self.system.services[step.part]
        if step.act == "kill":
            part.process.kill()
            part.process.wait()
            return
        if step.act in {"stop", "restart", "replace"}:
            part.stop()
        if step.act == "replace":
            self.system.settings[step.part].update(self._database(step.part))
            self.system.start_services(step.part)
        elif step.act in {"start", "restart"}:
            part.start()
        if step.act != "stop" and self._edge.process.poll() is None:
            self.system.wait_ready(self._edge)

    def mend(self) -> None:
        """Start again whatever does not run."""
        parts = [*self.system.services.values(), self._edge]
        for part in parts:
            if part.process.poll() is not None:
                part.start()
        self.system.wait_ready(self._edge)

    @asynccontextmanager
    async def moderator(self) -> AsyncIterator[Moderator]:
        """Somebody who decides here, while the context lasts."""
        name = f"moderator-{secrets.token_hex(4)}"
        system = self.system
        target = system.target("moderation")
        async with moderating(target, system.credentials, system.token, name) as found:
            yield found


@contextmanager
def running(folder: Path, database: str = "sqlite") -> Iterator[World]:
    """A system on empty databases of a kind, `sqlite` or `postgresql`, while the context lasts."""
    with ExitStack() as stack:
        server = None
        if database == "postgresql":
            server = Postgresql()
            stack.callback(server.close)
        system = stack.enter_context(System(folder, openings_per_hour=10_000))
        world = World(system, server)
        world.start()
        yield world
