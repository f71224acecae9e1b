"""Events of what the server pushes: one class for each kind, with views of what it shows.

A push may be older than what a page or an answer has shown meanwhile. So an event has the object
as it is known when it is told, and what happened as the push says it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from parley_client.events import Pushed
from parley_client.memory import Memory
from parley_client.packets import Packet
from parley_client.views.deals import Deal
from parley_client.views.disputes import Dispute
from parley_client.views.messaging import Block, Message, Presence, ReadMark, Revision, Typing
from parley_client.views.moderation import Appeal, Report, Sanction
from parley_client.views.view import mapping
from parley_protocol.objects import Kind, Shown
from parley_protocol.packets import Op


@dataclass(frozen=True, kw_only=True)
class NewMessage(Pushed):
    """A message is new here: of the other person, of this user on this or another device, or of
    the kind "event". `unread` is the user's own count in that conversation; None with a message
    that this client has sent.
    """

    message: Message
    unread: int | None = None


@dataclass(frozen=True, kw_only=True)
class MessageChanged(Pushed):
    """A message is another one than before: edited, deleted, removed or restored."""

    revision: Revision


@dataclass(frozen=True, kw_only=True)
class MessagesRead(Pushed):
    """The other person has read up to a place, or this user on another device."""

    mark: ReadMark


@dataclass(frozen=True, kw_only=True)
class MessagesDelivered(Pushed):
    """The other person's client has got everything up to `seq`."""

    conversation: str
    seq: int


@dataclass(frozen=True, kw_only=True)
class TypingChanged(Pushed):
    """Somebody types, or no longer. The end is told in any case: by the server, or by this client
    when the last sign is too old, with a message of that person, a block, or a new connection.
    """

    conversation: str
    user: str
    typing: bool


@dataclass(frozen=True, kw_only=True)
class PresenceChanged(Pushed):
    """Somebody came online, or went."""

    presence: Presence


@dataclass(frozen=True, kw_only=True)
class BlockChanged(Pushed):
    """This user has blocked somebody on another device, or no longer."""

    block: Block


@dataclass(frozen=True, kw_only=True)
class DealChanged(Pushed):
    """Something happened to a deal. `cause`: "created", "countered", "agreed", ...; "reminder" says
    that time will soon act (docs/negotiation.md has them all).
    """

    deal: Deal
    cause: str


@dataclass(frozen=True, kw_only=True)
class DisputeChanged(Pushed):
    """Something happened to a dispute. `cause`: "created", "hold_placed", "stated", ...
    (docs/moderation.md has them all).
    """

    dispute: Dispute
    cause: str


@dataclass(frozen=True, kw_only=True)
class SanctionChanged(Pushed):
    """A restriction of this user came, or with `sanction.lifted` was taken back. Each that stands
    is told with every new connection.
    """

    sanction: Sanction


@dataclass(frozen=True, kw_only=True)
class ReportChanged(Pushed):
    """A report of this user has another state."""

    report: Report


@dataclass(frozen=True, kw_only=True)
class AppealChanged(Pushed):
    """An appeal of this user has another state."""

    appeal: Appeal


_Build = Callable[[Packet, tuple[Shown, ...], Memory], Pushed]


def event_of(packet: Packet, changed: Iterable[Shown], memory: Memory) -> Pushed:
    """Make the event of a push that `memory` has taken in, and which has `changed` that.

    Of a packet that is newer than this release it is a plain Pushed. Raises UnreadableError.
    """
    build = _BUILDERS.get(packet.opcode, _plain)
    return build(packet, tuple(changed), memory)


def _plain(packet: Packet, changed: tuple[Shown, ...], _memory: Memory) -> Pushed:
    return Pushed(packet, changed)


def _new_message(packet: Packet, changed: tuple[Shown, ...], memory: Memory) -> NewMessage:
    data = mapping(packet.data.get("message"))
    message = Message.read(memory.newest(Kind.MESSAGE, "message", data))
    return NewMessage(packet, changed, message=message, unread=packet.data.get("unread"))


def _changed(packet: Packet, changed: tuple[Shown, ...], memory: Memory) -> MessageChanged:
    revision = Revision.read(memory.newest(Kind.MESSAGE, "message", packet.data))
    return MessageChanged(packet, changed, revision=revision)


def _read(packet: Packet, changed: tuple[Shown, ...], _memory: Memory) -> MessagesRead:
    return MessagesRead(packet, changed, mark=ReadMark.read(packet.data))


def _delivered(packet: Packet, changed: tuple[Shown, ...], _memory: Memory) -> Pushed:
    if packet.data.get("status") != "delivered":
        return Pushed(packet, changed)
    conversation, seq = packet.data["conversation"], packet.data["seq"]
    return MessagesDelivered(packet, changed, conversation=conversation, seq=seq)


def _typing(packet: Packet, changed: tuple[Shown, ...], _memory: Memory) -> TypingChanged:
    told = Typing.read(packet.data)
    names = {"conversation": told.conversation, "user": told.user}
    return TypingChanged(packet, changed, **names, typing=told.typing)


def _presence(packet: Packet, changed: tuple[Shown, ...], memory: Memory) -> PresenceChanged:
    presence = Presence.read(memory.newest(Kind.PRESENCE, "user", packet.data))
    return PresenceChanged(packet, changed, presence=presence)


def _block(packet: Packet, changed: tuple[Shown, ...], memory: Memory) -> BlockChanged:
    block = Block.read(memory.newest(Kind.BLOCK, "user", packet.data))
    return BlockChanged(packet, changed, block=block)


def _update(packet: Packet, changed: tuple[Shown, ...], memory: Memory) -> Pushed:
    cause = packet.data["cause"]
    if (data := packet.data.get("dispute")) is not None:
        dispute = memory.read_dispute(memory.newest(Kind.DISPUTE, "dispute", mapping(data)))
        return DisputeChanged(packet, changed, dispute=dispute, cause=cause)
    data = mapping(packet.data.get("service"))
    deal = Deal.read(memory.newest(Kind.SERVICE, "service", data))
    return DealChanged(packet, changed, deal=deal, cause=cause)


def _sanction(packet: Packet, changed: tuple[Shown, ...], memory: Memory) -> SanctionChanged:
    sanction = Sanction.read(memory.newest(Kind.SANCTION, "sanction", packet.data))
    return SanctionChanged(packet, changed, sanction=sanction)


def _report(packet: Packet, changed: tuple[Shown, ...], memory: Memory) -> Pushed:
    if packet.data.get("report") is None:
        data = mapping(packet.data.get("appeal"))
        appeal = Appeal.read(memory.newest(Kind.APPEAL, "appeal", data))
        return AppealChanged(packet, changed, appeal=appeal)
    report = Report.read(memory.newest(Kind.REPORT, "report", packet.data))
    return ReportChanged(packet, changed, report=report)


_BUILDERS: Mapping[int, _Build] = {
    Op.ALERT_NEW_MSG: _new_message,
    Op.MSG_CHANGED: _changed,
    Op.MSG_SEEN: _read,
    Op.STATUS_MSG: _delivered,
    Op.TYPING: _typing,
    Op.PRESENCE: _presence,
    Op.BLOCK_USER: _block,
    Op.UPDATE_CONVERSATION_DATAS: _update,
    Op.SANCTION: _sanction,
    Op.REPORT_STATUS: _report,
}
