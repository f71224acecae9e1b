"""Events of a client that are no packets, and the packets that the server pushes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from parley_client.entries import Entry
from parley_client.errors import ParleyError
from parley_client.packets import Packet
from parley_client.states import State
from parley_protocol.objects import Shown


@dataclass(frozen=True)
class Event:
    """The base of all events. They are told in order, each once to each consumer."""


@dataclass(frozen=True)
class StateChanged(Event):
    """The connection is in another state.

    `reason` says why, None where nothing failed; `retry_at` is when it leaves the state by itself,
    as seconds since 1970, None where it waits for nothing but the server or the application.
    """

    state: State
    reason: ParleyError | None = None
    retry_at: float | None = None


@dataclass(frozen=True)
class Reset(Event):
    """Something was missed that nobody can tell: load what is shown anew.

    All versions are forgotten. `reason`: "incomplete" (too much was missed, or the database is
    another one), "cursor" (the stored position is none of this server), or "overflow" (nobody
    handled the events).
    """

    reason: str


@dataclass(frozen=True)
class Pushed(Event):
    """A packet that nobody asked for. `changed` are the objects that it made known or newer.

    Those that this release knows have classes of their own (parley_client/pushes.py). A message
    that this client has sent itself comes as ALERT NEW MSG as well, made here: it is `own`, and
    has no `unread`.
    """

    packet: Packet = field(repr=False)
    changed: tuple[Shown, ...] = field(default=(), repr=False)

    @property
    def own(self) -> bool:
        """Whether it tells what was done here; then it was made of an answer."""
        return self.packet.re is not None

    @property
    def op(self) -> int:
        """The number of the packet; it may be newer than `Op`."""
        return self.packet.opcode

    @property
    def data(self) -> Mapping[str, Any]:
        """The payload as plain values."""
        return self.packet.data


@dataclass(frozen=True)
class OutboxChanged(Event):
    """An entry of the outbox is new, sent, failed, done or gone.

    `change`: "queued", "durable" (it outlives the process from now on), "sent", "deferred" (refused
    for the moment, as its error says, and sent again), "done" (with the `reply`), "failed" (the
    entry has the error), "cancelled", "discarded", "restored" (an earlier process has left it).
    """

    change: str
    entry: Entry
    reply: Packet | None = None


@dataclass(frozen=True)
class Failed(Event):
    """An error that nobody awaits: of the token function, the server's protocol, the store, a
    token of another user, or a packet without an answer that was refused."""

    error: ParleyError
