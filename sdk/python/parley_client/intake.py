"""What the server tells, made events: each once, with the objects that it shows."""

from collections.abc import Hashable

from msgspec import Struct, ValidationError, convert

from parley_client.errors import ProtocolError
from parley_client.event_log import EventLog
from parley_client.events import Pushed, Reset
from parley_client.packets import Packet
from parley_protocol.objects import Kind, Objects, Shown, shown_by
from parley_protocol.packets import Op
from parley_protocol.payloads.messaging import CreateMsg, StatusMsg

# Of what is remembered, so much goes at once when it is too much.
_SHARE_FORGOTTEN = 10


class Intake:
    """The memory of what was shown and told, which finds what is told again.

    `limit` is for how many messages, and for how many pushes. `objects` holds the newest of each
    object.
    """

    def __init__(self, log: EventLog, limit: int) -> None:
        self.objects = Objects("")
        self._log = log
        self._limit = limit
        # In the order in which they were told.
        self._told: dict[Hashable, None] = {}

    def push(self, packet: Packet) -> tuple[Shown, ...]:
        """Take in what nobody asked for, and tell of it if it is news.

        Gives the objects that it has changed. Raises ProtocolError for a payload of another form.
        """
        fact = self._fact_of(packet)
        changed = self._take(packet)
        if fact is None or self._is_news(fact):
            self._log.tell(Pushed(packet, changed))
        return changed

    def answer(self, packet: Packet) -> tuple[Shown, ...]:
        """Take in the reply to a packet. Raises ProtocolError for a payload of another form."""
        return self._take(packet)

    def alert_of(self, asked: Struct, packet: Packet) -> Packet | None:
        """Make the alert of an own message from its answer, for its own socket is not sent any.

        It bears the `re` of the answer, which no push does. None for what stores no message.

        Its version is 0, for the answer has none: whatever shows it otherwise is newer.
        """
        if not isinstance(asked, CreateMsg) or packet.opcode != Op.STATUS_MSG:
            return None
        try:
            status = convert(packet.data, StatusMsg, strict=True)
        except ValidationError as error:
            raise ProtocolError(f"STATUS MSG has another form: {error}") from None
        message = {
            "message": status.message,
            "conversation": status.conversation,
            "seq": status.seq,
            "sender": self.objects.user,
            "kind": "text",
            "created_at": status.created_at,
            "version": 0,
            "text": asked.text,
        }
        data = {"conversation": status.conversation, "message": message}
        return Packet(Op.ALERT_NEW_MSG, data, re=packet.re)

    def reset(self, reason: str) -> None:
        """Forget all versions, and tell that what is shown has to be loaded anew."""
        self.objects.clear()
        self._told.clear()
        self._log.forget_cursors()
        self._log.tell(Reset(reason))

    def _take(self, packet: Packet) -> tuple[Shown, ...]:
        try:
            changed = tuple(self.objects.take(packet.opcode, packet.data))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ProtocolError(
                f"packet {packet.opcode:#04x} has another form: {error!r}"
            ) from None
        if len(self.objects) > self._limit:
            self._forget_messages()
        return changed

    def _forget_messages(self) -> None:
        messages = [place for place in self.objects if place[0] is Kind.MESSAGE]
        for place in messages[: max(1, len(self.objects) // _SHARE_FORGOTTEN)]:
            del self.objects[place]

    def _is_news(self, fact: Hashable) -> bool:
        if fact in self._told:
            return False
        self._told[fact] = None
        if len(self._told) > self._limit:
            for old in list(self._told)[: max(1, self._limit // _SHARE_FORGOTTEN)]:
                del self._told[old]
        return True

    def _fact_of(self, packet: Packet) -> Hashable | None:
        """Name what a push tells, so that it is known again; None for what may be told again."""
        try:
            shown = list(shown_by(packet.opcode, packet.data, self.objects.user))
        except (KeyError, TypeError, ValueError, AttributeError):
            # `_take` says so.
            return None
        if not shown:
            return None
        if packet.opcode == Op.ALERT_NEW_MSG:
            # A resume shows it as it stands then, maybe edited: it is the same message.
            return packet.opcode, *(one.key for one in shown if one.kind is Kind.MESSAGE)
        if not any(one.version for one in shown):
            # An older server gives none: what comes later is news then.
            return None
        versions = tuple((one.kind, one.key, one.version) for one in shown)
        return packet.opcode, packet.data.get("cause"), versions
