"""Faults of a line: by which packet it is set off, and what happens then."""

from typing import Any, Final, Literal

from msgspec import Struct

from conformance.frames import name_of

SERVER: Final = "<="
CLIENT: Final = "=>"
"""Directions: from the server, and to it, as docs/protocol.md writes them."""

Manner = Literal["reset", "finish", "silence", "half"]
"""How a line ends: by RST; by FIN without a close frame; without a word, the sockets staying open
and nothing passing any more; or by RST in the middle of the frame."""


class Act(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Faults of a line. Several of these may be given; they happen in the order below."""

    delay: float = 0
    """Seconds for which this frame, and all behind it, wait."""
    inject: tuple[dict[str, Any] | str, ...] = ()
    """Packets that the server did not send, or texts that are no packets, told before the frame."""
    twice: bool = False
    """The frame comes twice, as "pushed at least once" allows."""
    close: int = 0
    """A close code that the server is made to say, after the frame."""
    cut: Manner | None = None
    """The line ends, before the frame unless `after`."""
    after: bool = False


class Fault(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An act, and the frame at which it happens: the `nth` that fits, and so many `times`."""

    act: Act
    packet: str = ""
    """A name of `Op`; any packet if there is none."""
    direction: Literal["<=", "=>"] = SERVER
    answer: bool | None = None
    """Whether it answers (has `re`); both will do if it is not said."""
    inside_revision: bool = False
    """Whether it must not be the last packet of its revision: its cursor is that of before."""
    nth: int = 1
    times: int = 1


class Refusal(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the next handshakes are refused, so many `times`, before the edge is asked.

    With status 0 nothing is answered at all: `cut` says how the line ends, or stays silent.
    """

    status: int = 0
    headers: dict[str, str] = {}
    body: dict[str, Any] = {}
    cut: Manner = "silence"
    times: int = 1


class Trap:
    """A fault that waits for its frame."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self._seen = 0

    @property
    def spent(self) -> bool:
        return self._seen >= self.fault.nth + self.fault.times - 1

    def springs(self, packet: dict[str, Any], direction: str, told: str | None) -> bool:
        """Whether the act happens at this packet. `told` is the cursor that came before it."""
        fault = self.fault
        if self.spent or direction != fault.direction:
            return False
        if fault.packet and name_of(packet["op"]) != fault.packet:
            return False
        if fault.answer is not None and ("re" in packet) is not fault.answer:
            return False
        if fault.inside_revision and packet.get("cur") != told:
            return False
        self._seen += 1
        return self._seen >= fault.nth
