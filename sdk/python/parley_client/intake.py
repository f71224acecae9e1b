"""Events made of what the server tells: each once, with the objects that it shows."""

from collections.abc import Hashable
from itertools import islice

from msgspec import Struct

from parley_client.errors import ProtocolError
from parley_client.event_log import EventLog
from parley_client.events import Failed, Pushed, Reset
from parley_client.memory import Memory
from parley_client.packets import Packet
from parley_client.pushes import event_of
from parley_client.typists import Typists
from parley_protocol.objects import Kind, Shown, shown_by
from parley_protocol.packets import Op
from parley_protocol.payloads.messaging import CreateMsg

# Of what is remembered, so much goes at once when it is too much.
_SHARE_FORGOTTEN = 10
# What is raised by reading a payload that is not as docs/protocol.md says.
_FORM_ERRORS = (KeyError, TypeError, ValueError, AttributeError, OverflowError)


class Intake:
    """The memory of what was shown and told, which finds what is told again.

    `limit` is for how many objects, and for how many pushes. `objects` holds the newest of each
    object.
    """

    def __init__(self, log: EventLog, limit: int) -> None:
        self.objects = Memory("", limit)
        self.typists = Typists(lambda packet: log.tell(event_of(packet, (), self.objects)), limit)
        self._log = log
        self._limit = limit
        # In the order in which they were told.
        self._told: dict[Hashable, None] = {}

    def push(self, packet: Packet) -> tuple[Shown, ...]:
        """Take in what nobody asked for, and tell of it if it is news.

        Gives the objects that it has changed. Raises ProtocolError for a payload of another form.
        """
        if packet.opcode == Op.TYPING:
            self._sign_of_typing(packet)
            return ()
        fact = self._fact_of(packet)
        changed = self._take(packet)
        self._end_typing(packet)
        if fact is None or self._is_news(fact):
            self._tell(packet, changed)
        return changed

    def _tell(self, packet: Packet, changed: tuple[Shown, ...]) -> None:
        """Tell of a push; of one that lacks what its event shows, as it came, and that it does."""
        try:
            event = event_of(packet, changed, self.objects)
        except _FORM_ERRORS as error:
            event = Pushed(packet, changed)
            self._log.tell(Failed(_another_form(packet, error)))
        self._log.tell(event)

    def answer(self, packet: Packet) -> tuple[Shown, ...]:
        """Take in the reply to a packet. Raises ProtocolError for a payload of another form."""
        changed = self._take(packet)
        self._end_typing(packet)
        return changed

    def alert_of(self, asked: Struct, packet: Packet) -> Packet | None:
        """Make the alert of an own message from its answer, for its own socket is not sent any.

        It bears the `re` of the answer, which no push does. None for what stores no message.

        Its version is 0, for the answer has none: whatever shows it otherwise is newer.
        """
        if not isinstance(asked, CreateMsg) or packet.opcode != Op.STATUS_MSG:
            return None
        status = packet.data
        place = {name: status.get(name) for name in ("message", "conversation", "seq")}
        if not (isinstance(place["seq"], int) and place["message"] and place["conversation"]):
            raise ProtocolError("STATUS MSG does not say what is stored, and where")
        message = {
            **place,
            "sender": self.objects.user,
            "kind": "text",
            "created_at": status.get("created_at"),
            "version": 0,
            "text": asked.text,
        }
        data = {"conversation": place["conversation"], "message": message}
        return Packet(Op.ALERT_NEW_MSG, data, re=packet.re)

    def reset(self, reason: str) -> None:
        """Forget all versions, and tell that what is shown has to be loaded anew."""
        self.objects.clear()
        self._told.clear()
        self.typists.end_all()
        self._log.forget_cursors()
        self._log.tell(Reset(reason))

    def _take(self, packet: Packet) -> tuple[Shown, ...]:
        try:
            return tuple(self.objects.take(packet.opcode, packet.data))
        except _FORM_ERRORS as error:
            raise _another_form(packet, error) from None

    def _sign_of_typing(self, packet: Packet) -> None:
        try:
            self.typists.sign(packet)
        except _FORM_ERRORS as error:
            raise _another_form(packet, error) from None

    def _end_typing(self, packet: Packet) -> None:
        """Take note of what ends typing without a word: a message of that person, or a block."""
        message = packet.data.get("message")
        if packet.opcode == Op.ALERT_NEW_MSG and isinstance(message, dict):
            self.typists.wrote(str(message.get("conversation")), str(message.get("sender")))
        elif packet.opcode == Op.BLOCK_USER:
            self.typists.blocked(str(packet.data.get("user")))

    def _is_news(self, fact: Hashable) -> bool:
        if fact in self._told:
            return False
        self._told[fact] = None
        if len(self._told) > self._limit:
            for old in list(islice(self._told, self._limit // _SHARE_FORGOTTEN + 1)):
                del self._told[old]
        return True

    def _fact_of(self, packet: Packet) -> Hashable | None:
        """Name what a push tells, so that it is known again; None for what may be told again.

        Raises ProtocolError for a payload of another form.
        """
        try:
            shown = list(shown_by(packet.opcode, packet.data, self.objects.user))
            fact: Hashable | None
            if packet.opcode == Op.ALERT_NEW_MSG:
                # A resume shows it as it stands then, maybe edited: it is the same message.
                messages = tuple(one.key for one in shown if one.kind is Kind.MESSAGE)
                fact = (packet.opcode, messages) if messages else None
            elif any(one.version for one in shown):
                versions = tuple((one.kind, one.key, one.version) for one in shown)
                fact = packet.opcode, str(packet.data.get("cause")), versions
            else:
                # Nothing that lasts; or an older server gives no version, and what comes is news.
                return None
            # Of the types that names and versions have.
            hash(fact)
        except _FORM_ERRORS as error:
            raise _another_form(packet, error) from None
        return fact


def _another_form(packet: Packet, error: Exception) -> ProtocolError:
    return ProtocolError(f"packet {packet.opcode:#04x} has another form: {error!r}")
