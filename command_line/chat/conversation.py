"""One conversation on the screen: its history, and what is pushed about it."""

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from msgspec import UNSET, UnsetType

from command_line.chat.commands import WITHDRAW, Command
from command_line.chat.deals import Deals
from command_line.chat.disputes import Disputes
from command_line.chat.payloads import UsageError
from command_line.chat.rulings import Rulings
from command_line.display import disputes
from command_line.display.deals import summary
from command_line.display.screen import Screen
from parley_client.client import Client
from parley_client.errors import ParleyError, RejectedError
from parley_client.packets import Packet
from parley_client.views.messaging import Receipt
from parley_protocol.objects import Kind, Objects
from parley_protocol.packets import Op
from parley_protocol.payloads import messaging
from service_kit.names import normalise

HISTORY = 50
EARLY = 100
"""How many states of messages are kept that overtook the answer to the message."""
NO_DEALS_NOW = "deals cannot be shown just now"


class Conversation:
    """The conversation of two users about a subject; `id` is None until it exists."""

    def __init__(self, me: str, peer: str, subject: str | None, screen: Screen) -> None:
        self.id: str | None = None
        self._me = me
        self.peer = peer
        # As the server gives it back.
        self._subject = None if subject is None else normalise(subject)
        self._screen = screen
        self.deals = Deals(me, screen)
        self.disputes = Disputes(me, screen)
        self.rulings = Rulings(screen)
        # The newest of each object that was shown. The client, which reads on meanwhile, may know
        # newer ones, of which it will tell.
        self._objects = Objects(me)
        # The texts by number, and not the highest number: the reply to one's own message may
        # overtake the other one's message that was stored before it.
        self._shown: dict[int, str | None] = {}
        # The ids of messages by number: one's own, and the other's.
        self._mine: dict[int, str] = {}
        self._theirs: dict[int, str] = {}
        self._marking: set[asyncio.Task[None]] = set()
        # While a message is being written: what became of it, before the answer says which it is.
        self._early: deque[tuple[Mapping[str, Any], str]] | None = None

    def meant_by(self, command: Command) -> Command:
        """The command of that name that is possible now: /withdraw also withdraws a dispute."""
        is_dispute = command.name == WITHDRAW.name and self.disputes.allows("withdraw")
        return WITHDRAW if is_dispute else command

    def shown_for(self, command: Command) -> Mapping[str, Any]:
        """The subject of a command, as last shown; UsageError when there is none."""
        match command.opcode:
            case Op.APPEAL:
                return self.rulings.about()
            case _ if self.id is None:
                raise UsageError("there is no conversation yet; write something first")
            case Op.SERVICE_CREATED:
                return {"conversation": self.id}
            case Op.LITIGE_STATEMENT:
                return self.disputes.about()
        return self.deals.about(command)

    def reported_by(self, arguments: str) -> tuple[Mapping[str, Any], str]:
        """The subject of a report, and the rest of what was typed.

        The subject is the conversation, the message of a number, or the peer's last message;
        UsageError when there is none.
        """
        if self.id is None:
            raise UsageError("there is no conversation yet, and nothing to report")
        subject, _, rest = arguments.partition(" ")
        if subject == "conversation":
            return {"conversation": self.id}, rest.strip()
        if subject.startswith("#"):
            seq = int(subject[1:]) if subject[1:].isdecimal() else 0
            if seq not in self._theirs:
                raise UsageError(f"no message {subject} of the other is shown here")
            return {"message": self._theirs[seq]}, rest.strip()
        if not self._theirs:
            raise UsageError("no message of the other is shown here")
        last = self._theirs[max(self._theirs)]
        return {"message": last}, arguments

    def last_of_mine(self) -> str:
        """The id of the user's last message that is not deleted; UsageError without one."""
        there = [seq for seq in self._mine if self._shown[seq] is not None]
        if not there:
            raise UsageError("there is no message of yours")
        return self._mine[max(there)]

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Keeps what becomes of a message until its answer was handled, which it may overtake."""
        early = self._early = deque(maxlen=EARLY)
        try:
            yield
        finally:
            self._early = None
            for data, state in early:
                self._mark_message(data, state)

    def stored(self, receipt: Receipt, text: str) -> None:
        """Shows that the user's message is stored."""
        self.id = receipt.conversation
        self._shown[receipt.seq] = text
        self._mine[receipt.seq] = receipt.message
        self._screen.mark(receipt.seq, "stored")

    def changed(self, change: Mapping[str, Any]) -> None:
        """Shows the answer to a change of a message, unless a later one was shown."""
        if self._objects.take(Op.MSG_CHANGED, change):
            self._show_change(change)

    def _show_change(self, change: Mapping[str, Any]) -> None:
        seq, text = int(change["seq"]), change.get("text")
        self._shown[seq] = text
        self._screen.changed(seq, change["change"], text)

    def answered(self, reply: Packet) -> None:
        """Shows the answer to a command."""
        data = reply.data
        if reply.opcode == Op.REPORT_STATUS:
            self.rulings.reported(data)
        elif "dispute" in data:
            self.disputes.happened(data["dispute"], data["cause"])
        else:
            self.deals.happened(data["service"], data["cause"])

    def refused(self, current: Mapping[str, Any]) -> None:
        """Shows the present state that a refusal comes with."""
        if "sanctions" in current:
            self.rulings.restrict(current, self.id)
        elif "dispute" in current:
            self.disputes.show(current)
        else:
            self.deals.show(current)

    async def take(self, client: Client, packet: Packet) -> None:
        """Shows a pushed packet; unknown ones are left out."""
        data = packet.data
        ours = self.id is not None and data.get("conversation") == self.id
        news = self._objects.take(packet.opcode, data)
        match packet.opcode:
            case Op.ALERT_NEW_MSG:
                await self._take_message(client, data)
            case Op.STATUS_MSG:
                self._mark_message(data, str(data["status"]))
            case Op.MSG_SEEN if data["reader"] != self._me:
                self._mark_message(data, f"seen by {self.peer}")
            case Op.MSG_CHANGED if ours and news:
                self._show_change(data)
            case Op.TYPING if ours and data["typing"]:
                self._screen.notice(f"{self.peer} is typing")
            case Op.PRESENCE if data["user"] == self.peer and news:
                self._show_presence(data)
            case Op.BLOCK_USER if data["user"] == self.peer and news:
                self.show_block(blocked=data["blocked"])
            case Op.UPDATE_CONVERSATION_DATAS if "dispute" in data:
                self._take_dispute(data)
            case Op.UPDATE_CONVERSATION_DATAS:
                await self._take_deal(client, data)
            case Op.SANCTION:
                self.rulings.sanctioned(data, self.id)
            case Op.REPORT_STATUS:
                self.rulings.reported(data)

    async def show_history(self, client: Client, *, anew: bool = False) -> None:
        """Looks up the conversation, and shows its last messages that are not shown yet.

        `anew` shows the deal in any case, for the server may have lost what was shown of it.
        """
        if anew:
            self._objects.clear()
        entry = await self._find(client)
        if entry is None:
            return
        self.id = str(entry["conversation"])
        reply = await client.ask(messaging.AskMessages(self.id, limit=HISTORY))
        self._objects.take(Op.RETURN_CONVERSATIONS, {"conversations": [entry]})
        self._objects.take(reply.opcode, reply.data)
        messages = sorted(reply.data["messages"], key=lambda message: int(message["seq"]))
        if reply.data["more"] and not self._shown:
            self._screen.notice("there are older messages")
        for message in messages:
            self._show(message)
        if messages:
            self._mark_opened(client, self.id, messages[-1]["seq"])
        if entry["peer_delivered_up_to"] > entry["peer_read_up_to"]:
            self._screen.mark(entry["peer_delivered_up_to"], "delivered")
        if entry["peer_read_up_to"]:
            self._screen.mark(entry["peer_read_up_to"], f"seen by {self.peer}")
        if entry.get("presence"):
            self._show_presence(entry["presence"])
        if entry.get("blocked"):
            self.show_block(blocked=True)
        if "dispute" in entry:
            (self.disputes.renew if anew else self.disputes.happened)(entry["dispute"])
        if "service" in entry:
            (self.deals.renew if anew else self.deals.stands)(entry["service"])
        elif "negotiation" in entry["missing"]:
            self._screen.notice(NO_DEALS_NOW)

    def show_block(self, *, blocked: bool) -> None:
        """Shows whether the peer is blocked."""
        if blocked:
            self._screen.notice(
                f"{self.peer} is blocked: what {self.peer} writes is not shown to you"
            )
        else:
            self._screen.notice(f"{self.peer} is not blocked")

    async def show_deal(self, client: Client) -> None:
        """Asks for the present deal, and shows all of it."""
        entry = await self._find(client)
        if entry is not None and "service" in entry:
            self.deals.show(entry["service"], whole=True)
            if "dispute" in entry:
                self.disputes.show(entry["dispute"])
        elif entry is not None and "negotiation" in entry["missing"]:
            self._screen.notice(NO_DEALS_NOW)
        else:
            self._screen.notice("there is no deal to show; /offer or /request proposes one")

    def _show_presence(self, presence: Mapping[str, Any]) -> None:
        if presence["online"]:
            self._screen.notice(f"{self.peer} is online")
        elif "last_seen" in presence:
            last_seen = datetime.fromisoformat(presence["last_seen"]).astimezone()
            self._screen.notice(f"{self.peer} was last seen {last_seen:%Y-%m-%d %H:%M}")
        else:
            self._screen.notice(f"{self.peer} is offline")

    async def _find(self, client: Client) -> dict[str, Any] | None:
        """The entry of this conversation in the list, with the `missing` services of that page."""
        page: str | UnsetType = UNSET
        while True:
            reply = await client.ask(messaging.AskConversations(100, page))
            for entry in reply.data["conversations"]:
                both = {self._me, self.peer} == set(entry["participants"])
                if both and (entry.get("subject") or "") == (self._subject or ""):
                    return {**entry, "missing": reply.data.get("missing", ())}
            if not reply.data.get("next"):
                return None
            page = str(reply.data["next"])

    async def _take_message(self, client: Client, alert: Mapping[str, Any]) -> None:
        message = alert["message"]
        if self.id is None and message["sender"] in {self.peer, self._me}:
            # It may be the first one of this conversation; only the list knows subjects.
            await self.show_history(client)
        if alert["conversation"] != self.id:
            self._screen.message(message, place="(another conversation) ")
        elif self._show(message):
            self._mark_opened(client, alert["conversation"], message["seq"])

    async def _take_deal(self, client: Client, update: Mapping[str, Any]) -> None:
        service, cause = update["service"], update["cause"]
        if self.id is None and {service["provider"], service["client"]} == {self._me, self.peer}:
            # It may be of this conversation, whose first message is still to come.
            await self.show_history(client)
        if update["conversation"] == self.id:
            self.deals.happened(service, cause)
        else:
            self._screen.deal(f"(another conversation) {summary(service, self._me, cause)}")

    def _take_dispute(self, update: Mapping[str, Any]) -> None:
        dispute, cause = update["dispute"], update["cause"]
        if update["conversation"] == self.id:
            self.disputes.happened(dispute, cause)
        else:
            told = disputes.summary(dispute, self._me, cause)
            self._screen.deal(f"(another conversation) {told}")

    def _show(self, message: Mapping[str, Any]) -> bool:
        """Shows a message as it is known, unless it was shown before; whether it did.

        One that was shown otherwise has been changed, and nobody was there to be told.
        """
        known = self._objects.of(Kind.MESSAGE, message["message"])
        if known is not None:
            newest = {**message, **known.content}
            message = {name: value for name, value in newest.items() if value is not None}
        seq, text = int(message["seq"]), message.get("text")
        if message["kind"] == "text":
            ids = self._mine if message["sender"] == self._me else self._theirs
            ids[seq] = str(message["message"])
        if seq in self._shown:
            if self._shown[seq] != text:
                self._shown[seq] = text
                self._screen.changed(seq, message.get("tombstone", "edited"), text)
            return False
        self._shown[seq] = text
        self._screen.message(message)
        return True

    def _mark_message(self, data: Mapping[str, Any], state: str) -> None:
        if self._early is not None and data["seq"] not in self._shown:
            self._early.append((data, state))
        elif data["conversation"] == self.id:
            self._screen.mark(data["seq"], state)

    def _mark_opened(self, client: Client, conversation: str, seq: int) -> None:
        """Marks what is shown as read, as soon as there is a connection; nobody waits for it."""
        marking = asyncio.create_task(self._mark(client, conversation, seq))
        self._marking.add(marking)
        marking.add_done_callback(self._marking.discard)

    async def _mark(self, client: Client, conversation: str, seq: int) -> None:
        try:
            await client.conversation(conversation).mark_read(seq)
        except RejectedError as error:
            self._screen.notice(f"error: {error}")
        except ParleyError:
            # The chat is over, and says why.
            pass
