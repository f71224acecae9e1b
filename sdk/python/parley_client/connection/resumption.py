"""The resume of one socket: when what was missed has come, and which cursors count.

docs/protocol.md, "Cursor and resume". Cursors of a new socket do not cover what was missed before
RESUMED, and packets may come before it that belong behind what is missed. So all is kept until
RESUMED and told then, in its order; if the socket ends before, the next one brings it again.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

from parley_client.packets import Identifier, Packet
from parley_protocol.packets import Op
from parley_protocol.payloads.connection import Hello, Resumed


@dataclass(frozen=True)
class Steps:
    """Steps of a resume by others. `push` and `reset` tell; the cursor of a reset may be None.

    `ask` sends RESUME with a cursor, after some pause if it was refused before; its answer or
    refusal comes back by `resumed` or `refused`. `move` takes note of a cursor.
    """

    push: Callable[[Packet], None]
    reset: Callable[[str, str | None], None]
    move: Callable[[str], None]
    ask: Callable[[str], None]
    caught_up: Callable[[], None]
    place_lost: Callable[[], None]


class Resumption:
    """The part of a resume that is yet to come. `seen` is the last cursor that counts.

    `limit` is how many packets one resume may bring; what is more is too much to be told.
    """

    def __init__(self, seen: str | None, limit: int, steps: Steps) -> None:
        self.seen = seen
        self.caught_up = False
        self._limit = limit
        self._steps = steps
        self._early: list[Packet] = []
        self._too_many = False
        # That of the server, from which to go on where one's own place cannot be found.
        self._offered: str | None = None
        # Whether a RESUME is under way, and whether the place was lost since it was sent.
        self._asking = False
        self._lost_meanwhile = False

    def greeted(self, hello: Hello) -> None:
        """Begin with a HELLO: what was missed comes, or is asked for, or there is nothing."""
        if hello.resumed and self.seen is not None:
            return
        self._offered = hello.cur or None
        if self.seen is not None:
            self._ask(self.seen)
        elif self._offered is not None:
            self._reach(self._offered)
        # Without a cursor the service cannot be reached: RESUMED comes when it is back.

    def resumed(self, re: Identifier | None, told: Resumed) -> None:
        """Take RESUMED: the end of a resume, or that the server lost its own place."""
        cursor = told.cur or None
        if re is not None:
            self._asking = False
        if self._lost_meanwhile and re is not None and self.seen is not None:
            # What it brought ends where the place was lost.
            self._ask(self.seen)
        elif told.complete and not self._too_many:
            self._reach(cursor)
        elif re is None and self.seen is not None and not self._too_many:
            # The server does not know the place, but the client does.
            self._offered = cursor
            if self.caught_up:
                self.caught_up = False
                self._steps.place_lost()
            self._ask(self.seen)
        else:
            self._start_over("incomplete", cursor)

    def refused(self) -> None:
        """Take the refusal of the own cursor: it is none of this server."""
        self._asking = False
        if not self.caught_up:
            self._start_over("cursor", self._offered)

    def push(self, packet: Packet) -> None:
        """Tell what the server pushes, or keep it until it is known what comes before it."""
        if self.caught_up:
            self._steps.push(packet)
            self.move(packet)
        elif len(self._early) < self._limit:
            self._early.append(packet)
        else:
            self._too_many = True

    def _ask(self, cursor: str) -> None:
        """Ask to resume, one time after the other: of two at once each would bring all of it."""
        self._lost_meanwhile = self._asking
        if not self._asking:
            self._asking = True
            self._steps.ask(cursor)

    def move(self, packet: Packet) -> None:
        """Take note of the cursor of a packet, if it counts."""
        if self.caught_up and packet.cursor:
            self.seen = packet.cursor
            self._steps.move(packet.cursor)

    def _start_over(self, reason: str, cursor: str | None) -> None:
        self.seen = None
        self._steps.reset(reason, cursor)
        if cursor is not None:
            self._reach(cursor)

    def _reach(self, cursor: str | None) -> None:
        early, self._early = self._early, []
        self._too_many = False
        for packet in in_order(early):
            # Its cursor may be beyond what comes behind it here.
            self._steps.push(replace(packet, cursor=None))
        self.caught_up = True
        if cursor is not None:
            self.seen = cursor
            self._steps.move(cursor)
        self._steps.caught_up()


def in_order(packets: Sequence[Packet]) -> list[Packet]:
    """Sort the messages of each conversation among one another, and the changes of each deal.

    What came before a RESUME was handled may belong behind what it brings.
    """
    slots: dict[Hashable, list[int]] = {}
    places = [_place_of(packet) for packet in packets]
    for slot, (of, _number) in enumerate(places):
        slots.setdefault(of, []).append(slot)
    ordered = list(packets)
    for found in slots.values():
        sorted_ = sorted(found, key=lambda slot: places[slot][1])
        for slot, source in zip(found, sorted_, strict=True):
            ordered[slot] = packets[source]
    return ordered


def _place_of(packet: Packet) -> tuple[Hashable, int]:
    """Tell to what a packet belongs, and its number there; all else has the same number."""
    name, by, number = _NUMBERED.get(packet.opcode, ("", "", ""))
    shown = packet.data.get(name)
    if isinstance(shown, dict) and isinstance(shown.get(number), int):
        return (packet.opcode, str(shown.get(by))), shown[number]
    return None, 0


# The object in a packet, what it belongs to, and its number there.
_NUMBERED: Mapping[int, tuple[str, str, str]] = {
    Op.ALERT_NEW_MSG: ("message", "conversation", "seq"),
    Op.UPDATE_CONVERSATION_DATAS: ("service", "service", "version"),
}
