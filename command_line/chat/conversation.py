"""One conversation on the screen: found in the list, its history, and what is pushed about it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from command_line.chat.commands import WITHDRAW, Command
from command_line.chat.deals import Deals
from command_line.chat.disputes import Disputes
from command_line.chat.payloads import UsageError
from command_line.chat.rulings import Rulings
from command_line.client.client import Client, Packet
from command_line.client.packets import Opcode
from command_line.display import disputes
from command_line.display.deals import summary
from command_line.display.screen import Screen

HISTORY = 50
NO_DEALS_NOW = "deals cannot be shown just now"


class Conversation:
    """The conversation of two people about a subject, which may not have been opened yet."""

    def __init__(self, me: str, peer: str, subject: str | None, screen: Screen) -> None:
        self.id: str | None = None
        self._me = me
        self.peer = peer
        self._subject = subject
        self._screen = screen
        self.deals = Deals(me, screen)
        self.disputes = Disputes(me, screen)
        self.rulings = Rulings(screen)
        # The texts by number, and not the highest number: the reply to one's own message may
        # overtake the other one's message that was stored before it.
        self._shown: dict[int, str | None] = {}
        # The ids of messages by number: one's own, and the other's.
        self._mine: dict[int, str] = {}
        self._theirs: dict[int, str] = {}

    def where(self) -> dict[str, str]:
        """The fields of CREATE MSG that say where the message goes."""
        if self.id is not None:
            return {"conversation": self.id}
        subject = {} if self._subject is None else {"subject": self._subject}
        return {"to": self.peer, **subject}

    def meant_by(self, command: Command) -> Command:
        """The command of that name that makes sense now: an offer is withdrawn, or a dispute."""
        is_dispute = command.name == WITHDRAW.name and self.disputes.allows("withdraw")
        return WITHDRAW if is_dispute else command

    def shown_for(self, command: Command) -> Mapping[str, Any]:
        """What a command is about, as the screen last showed it; UsageError when there is none."""
        match command.opcode:
            case Opcode.APPEAL:
                return self.rulings.about()
            case _ if self.id is None:
                raise UsageError("there is no conversation yet; write something first")
            case Opcode.SERVICE_CREATED:
                return {"conversation": self.id}
            case Opcode.LITIGE_STATEMENT:
                return self.disputes.about()
        return self.deals.about(command)

    def reported_by(self, arguments: str) -> tuple[Opcode, Mapping[str, Any], str]:
        """What a report is about, and the rest of what was typed; UsageError without a message.

        It is about the conversation, the message of a number, or the other's last one.
        """
        if self.id is None:
            raise UsageError("there is no conversation yet, and nothing to report")
        subject, _, rest = arguments.partition(" ")
        if subject == "conversation":
            return Opcode.REPORT_CONVERSATIONS, {"conversation": self.id}, rest.strip()
        if subject.startswith("#"):
            seq = int(subject[1:]) if subject[1:].isdecimal() else 0
            if seq not in self._theirs:
                raise UsageError(f"no message {subject} of the other is shown here")
            return Opcode.REPORT_MSG, {"message": self._theirs[seq]}, rest.strip()
        if not self._theirs:
            raise UsageError("no message of the other is shown here")
        last = self._theirs[max(self._theirs)]
        return Opcode.REPORT_MSG, {"message": last}, arguments

    def last_of_mine(self) -> str:
        """The id of the last message that is one's own and still there; UsageError without one."""
        there = [seq for seq in self._mine if self._shown[seq] is not None]
        if not there:
            raise UsageError("there is no message of yours")
        return self._mine[max(there)]

    def stored(self, status: Packet, text: str) -> None:
        """Takes the answer to one's own message."""
        self.id = str(status.data["conversation"])
        seq = int(status.data["seq"])
        self._shown[seq] = text
        self._mine[seq] = str(status.data["message"])
        self._screen.mark(seq, "stored")

    def changed(self, change: Mapping[str, Any]) -> None:
        """Takes what became of a message of this conversation."""
        seq, text = int(change["seq"]), change.get("text")
        self._shown[seq] = text
        self._screen.changed(seq, change["change"], text)

    def answered(self, reply: Packet) -> None:
        """Takes the answer to a command."""
        data = reply.data
        if reply.opcode == Opcode.REPORT_STATUS:
            self.rulings.reported(data)
        elif "dispute" in data:
            self.disputes.happened(data["dispute"], data["cause"])
        else:
            self.deals.happened(data["service"], data["cause"])

    def refused(self, current: Mapping[str, Any]) -> None:
        """Shows how that stands because of which something was refused."""
        if "sanctions" in current:
            self.rulings.restrict(current, self.id)
        elif "dispute" in current:
            self.disputes.show(current)
        else:
            self.deals.show(current)

    async def take(self, client: Client, packet: Packet) -> None:
        """Shows a pushed packet, if it is one to show."""
        data = packet.data
        ours = self.id is not None and data.get("conversation") == self.id
        match packet.opcode:
            case Opcode.ALERT_NEW_MSG:
                await self._take_message(client, data)
            case Opcode.STATUS_MSG if ours:
                self._screen.mark(data["seq"], str(data["status"]))
            case Opcode.MSG_SEEN if ours and data["reader"] != self._me:
                self._screen.mark(data["seq"], f"seen by {self.peer}")
            case Opcode.MSG_CHANGED if ours:
                self.changed(data)
            case Opcode.TYPING if ours and data["typing"]:
                self._screen.notice(f"{self.peer} is typing")
            case Opcode.PRESENCE if data["user"] == self.peer:
                self._show_presence(data)
            case Opcode.BLOCK_USER if data["user"] == self.peer:
                self.show_block(blocked=data["blocked"])
            case Opcode.UPDATE_CONVERSATION_DATAS if "dispute" in data:
                self._take_dispute(data)
            case Opcode.UPDATE_CONVERSATION_DATAS:
                await self._take_deal(client, data)
            case Opcode.SANCTION:
                self.rulings.sanctioned(data, self.id)
            case Opcode.REPORT_STATUS:
                self.rulings.reported(data)
            case Opcode.RESUMED if not data["complete"]:
                # Nobody can say what was missed, as when a service was down for a while.
                await self.show_history(client, anew=True)
            case Opcode.ERROR:
                self._screen.notice(f"error: {data.get('code')}: {data.get('message')}")

    async def show_history(self, client: Client, *, anew: bool = False) -> None:
        """Finds the conversation, when there is one, and shows of its end what is not shown yet.

        `anew` shows the deal in any case: what was shown of it may be no more.
        """
        entry = await self._find(client)
        if entry is None:
            return
        self.id = str(entry["conversation"])
        reply = await client.ask(Opcode.ASK_MESSAGES, {"conversation": self.id, "limit": HISTORY})
        messages = sorted(reply.data["messages"], key=lambda message: int(message["seq"]))
        if reply.data["more"] and not self._shown:
            self._screen.notice("there are older messages")
        for message in messages:
            self._show(message)
        if messages:
            await self._mark_opened(client, messages[-1]["seq"])
        if entry["peer_read_up_to"]:
            self._screen.mark(entry["peer_read_up_to"], f"seen by {self.peer}")
        if entry.get("presence"):
            self._show_presence(entry["presence"])
        if entry.get("blocked"):
            self.show_block(blocked=True)
        if "dispute" in entry:
            (self.disputes.renew if anew else self.disputes.stands)(entry["dispute"])
        if "service" in entry:
            (self.deals.renew if anew else self.deals.stands)(entry["service"])
        elif "negotiation" in entry["missing"]:
            self._screen.notice(NO_DEALS_NOW)

    def show_block(self, *, blocked: bool) -> None:
        """Says whether the other one is blocked."""
        if blocked:
            self._screen.notice(
                f"{self.peer} is blocked: what {self.peer} writes is not shown to you"
            )
        else:
            self._screen.notice(f"{self.peer} is not blocked")

    async def show_deal(self, client: Client) -> None:
        """Asks how the deal stands now, and shows all of it."""
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
        """The conversation of these two about this subject, page by page; newest first.

        With it comes which services are `missing` in the list.
        """
        page: dict[str, Any] = {}
        while True:
            reply = await client.ask(Opcode.ASK_CONVERSATIONS, {"limit": 100, **page})
            for entry in reply.data["conversations"]:
                both = {self._me, self.peer} == set(entry["participants"])
                if both and (entry.get("subject") or "") == (self._subject or ""):
                    return {**entry, "missing": reply.data.get("missing", ())}
            if not reply.data.get("next"):
                return None
            page = {"page": reply.data["next"]}

    async def _take_message(self, client: Client, alert: Mapping[str, Any]) -> None:
        message = alert["message"]
        if self.id is None and message["sender"] in {self.peer, self._me}:
            # It may be the first one of this conversation; only the list knows subjects.
            await self.show_history(client)
        if alert["conversation"] != self.id:
            self._screen.message(message, place="(another conversation) ")
        elif self._show(message):
            await self._mark_opened(client, message["seq"])

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
        """Shows a message unless it was shown before; whether it did.

        One that was shown otherwise has been changed, and nobody was there to be told.
        """
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

    async def _mark_opened(self, client: Client, seq: int) -> None:
        await client.send(Opcode.OPENED_CONVERSATION, {"conversation": self.id, "seq": seq})
