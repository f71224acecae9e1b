"""The adapter of `parley_client`, the library for Python."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from msgspec import UNSET, Struct, to_builtins

from conformance.adapter import PROTOCOL
from conformance.adapters.lines import Arguments, Tokens, emit, serve
from parley_client.actions.conversation import ConversationHandle
from parley_client.client import Client
from parley_client.errors import BannedError, ParleyError, RejectedError
from parley_client.events import Event, Failed, OutboxChanged, Pushed, Reset, StateChanged
from parley_client.options import Options
from parley_client.stores.memory import MemoryStore
from parley_client.stores.sqlite import SqliteStore
from parley_client.views.deals import Deal, Offer
from parley_client.views.disputes import Dispute
from parley_client.views.price import Price
from parley_protocol.objects import Kind
from parley_protocol.packets import Op
from parley_protocol.payloads import messaging, moderation, negotiation

_CAPABILITIES = (
    "messages",
    "changes",
    "read_marks",
    "deals",
    "disputes",
    "reports",
    "appeals",
    "blocks",
    "store",
    "outbox",
    "storage_failure",
    "msgpack",
)
# Handles of conversations do what names a message by itself, whichever they are of.
_ANY = "any"
_SHOWN_OF_DEAL = ("service", "conversation", "state", "version", "offer")
_OPTIONS = {one.name for one in fields(Options)}
# Nothing tells that the store has kept an entry.
_LOOK_SECONDS = 0.01
# As they are called in the protocol of adapters, for their names without "Error" say too little.
_NAMES = {
    "CancelledCommandError": "Cancelled",
    "TokenError": "TokenError",
    "ProtocolError": "ProtocolError",
    "StorageError": "StorageError",
}


class Adapter:
    """One client, and what is told of it."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._opened: Client | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def _client(self) -> Client:
        if self._opened is None:
            raise ValueError("no client is open")
        return self._opened

    async def handle(self, do: str, arguments: Arguments) -> Any:
        """Carry out a command of the protocol."""
        method = getattr(self, f"do_{do}", None)
        if method is None:
            raise NotImplementedError(do)
        return await method(**arguments)

    async def do_hello(self, protocol: int) -> Any:
        """Say who this is."""
        if protocol != PROTOCOL:
            raise ValueError(f"version {protocol} of the protocol is not spoken here")
        return {
            "name": "parley_client",
            "version": "0.1.0",
            "protocol": PROTOCOL,
            "capabilities": list(_CAPABILITIES),
        }

    async def do_open(
        self,
        url: str,
        user: str,
        subprotocol: str,
        options: Mapping[str, float],
        store: str | None = None,
    ) -> Any:
        """Make a client and begin to connect."""
        known: dict[str, Any] = {
            seconds: value / 1000
            for name, value in options.items()
            if (seconds := f"{name.removesuffix('_ms')}_seconds") in _OPTIONS
        }
        self._opened = Client(
            url,
            token=self._tokens.get,
            store=MemoryStore() if store is None else SqliteStore(Path(store) / "client.sqlite3"),
            options=Options(subprotocol=subprotocol, **known),
            user=user,
        )
        self._start(self._tell_all(self._client))
        await self._client.connect()
        return {}

    def _start(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # Commands.

    def _conversation(
        self, conversation: str | None = None, to: str | None = None, subject: str | None = None
    ) -> ConversationHandle:
        if conversation is not None:
            return self._client.conversation(conversation)
        return self._client.conversation_with(str(to), subject)

    async def do_send(self, text: str, key: str | None = None, **place: Any) -> Any:
        """Send a message."""
        receipt = await self._conversation(**place).send(text, key=key)
        return {
            "conversation": receipt.conversation,
            "seq": receipt.seq,
            "message": receipt.message,
        }

    async def do_edit(self, message: str, text: str) -> Any:
        """Edit a message."""
        return to_builtins(await self._conversation(_ANY).edit(message, text))

    async def do_delete(self, message: str) -> Any:
        """Delete a message."""
        return to_builtins(await self._conversation(_ANY).delete(message))

    async def do_report(self, reason: Any, conversation: str = _ANY, **more: Any) -> Any:
        """Report a message or a conversation."""
        handle = self._conversation(conversation)
        if "message" in more:
            return to_builtins(await handle.report_message(more.pop("message"), reason, **more))
        return to_builtins(await handle.report(reason, **more))

    async def do_appeal(self, decision: str, text: str) -> Any:
        """Ask another moderator to look at a decision again."""
        return to_builtins(await self._client.appeal(decision, text))

    async def do_block(self, user: str, *, blocked: bool) -> Any:
        """Block somebody, or no longer."""
        return to_builtins(await (self._client.block if blocked else self._client.unblock)(user))

    async def do_propose(self, conversation: str, price: Arguments, **more: Any) -> Any:
        """Propose a deal."""
        deal = await self._conversation(conversation).propose(price=Price(**price), **more)
        return _deal(deal)

    async def do_price(self, service: str, price: Arguments) -> Any:
        """Name another price than that of the deal as it is known here."""
        handle, named = self._client.deal(service), Price(**price)
        known = handle.shown or await handle.load()
        if known.live_offer is None:
            return _deal(await handle.propose_amendment(named))
        mine = known.live_offer.by == self._client.user
        step = handle.revise if mine else handle.counter
        return _deal(await step(known.live_offer, named))

    async def do_accept(self, service: str, offer: Arguments) -> Any:
        """Accept an offer as it was shown."""
        shown = Offer.read({**offer, "service": service})
        return _deal(await self._client.deal(service).accept(shown))

    async def do_end(self, service: str, outcome: str, offer: Arguments) -> Any:
        """Decline an offer, or take one's own back."""
        handle, shown = self._client.deal(service), Offer.read({**offer, "service": service})
        return _deal(await (handle.decline if outcome == "declined" else handle.withdraw)(shown))

    async def do_terminate(self, service: str, outcome: str, **more: Any) -> Any:
        """Say how a deal ends."""
        handle = self._client.deal(service)
        known = handle.shown or await handle.load()
        asked = known.cancellation is not None
        steps: dict[str, Callable[..., Awaitable[Deal]]] = {
            "delivered": handle.deliver,
            "completed": handle.complete,
            "reopened": handle.reopen,
            "cancelled": handle.confirm_cancellation if asked else handle.request_cancellation,
        }
        return _deal(await steps[outcome](**more))

    async def do_note(self, service: str, score: int, comment: str | None = None) -> Any:
        """Rate the other."""
        return _deal(await self._client.deal(service).submit_note(score, comment))

    async def do_dispute(self, service: str, reason: Any, statement: str) -> Any:
        """Open a dispute."""
        opened = await self._client.deal(service).open_dispute(reason, statement)
        return _dispute(opened)

    async def do_statement(self, dispute: str, text: str) -> Any:
        """State one's case."""
        return _dispute(await self._client.dispute(dispute).state(text))

    async def do_opened(self, conversation: str, seq: int | None = None) -> Any:
        """Mark messages as read."""
        payload = messaging.OpenedConversation(conversation, UNSET if seq is None else seq)
        reply = await self._client.ask(payload)
        return {"seq": reply.data["seq"]}

    async def do_connect(self) -> Any:
        """Try again at once."""
        await self._client.connect()
        return {}

    async def do_close(self) -> Any:
        """Close the client."""
        await self._client.close()
        return {}

    async def do_outbox(self) -> Any:
        """List the outbox."""
        return {"entries": [_entry(one) for one in self._client.outbox.entries()]}

    async def do_cancel(self, key: str) -> Any:
        """Take a command back that was never sent."""
        return {"cancelled": await self._client.outbox.cancel(key)}

    async def do_state(self) -> Any:
        """Say where the connection stands."""
        return {"state": str(self._client.state)}

    # What the client knows.

    async def do_view(self) -> Any:
        """Give all that the client knows."""
        conversations: dict[str, dict[str, list[Any]]] = {}
        deals, disputes, blocks = {}, {}, []
        for shown in self._client.objects.values():
            content = dict(shown.content)
            if shown.kind is Kind.CONVERSATION:
                conversations.setdefault(shown.key[0], {"messages": []})
            elif shown.kind is Kind.MESSAGE and content.get("sender") is not None:
                message = {"message": shown.key[0], **_message(content)}
                found = conversations.setdefault(content["conversation"], {"messages": []})
                found["messages"].append(message)
            elif shown.kind is Kind.SERVICE:
                deals[shown.key[0]] = {
                    "state": content["state"],
                    "version": shown.version,
                    "offer": content.get("offer"),
                }
            elif shown.kind is Kind.DISPUTE:
                disputes[shown.key[0]] = {"state": content["state"], "version": shown.version}
            elif shown.kind is Kind.BLOCK and content["blocked"]:
                blocks.append(shown.key[0])
        for one in conversations.values():
            one["messages"].sort(key=lambda message: message["seq"])
        return {
            "conversations": conversations,
            "deals": deals,
            "disputes": disputes,
            "blocks": blocks,
        }

    async def do_load(self) -> Any:
        """Read everything page by page, upon which the client knows it."""
        async for listed in self._pages(messaging.AskConversations(limit=3)):
            for one in listed["conversations"]:
                await self._load_messages(one["conversation"])
        async for _ in self._pages(negotiation.AskServices(limit=3)):
            pass
        async for _ in self._pages(moderation.AskDisputes(limit=3)):
            pass
        async for _ in self._pages(messaging.AskBlocks(limit=3)):
            pass
        return {}

    async def _pages(self, question: Struct) -> AsyncIterator[Mapping[str, Any]]:
        page: Any = UNSET
        while True:
            asked = type(question)(**{**to_builtins(question), "page": page})
            reply = await self._client.ask(asked)
            yield reply.data
            if "next" not in reply.data:
                return
            page = reply.data["next"]

    async def _load_messages(self, conversation: str) -> None:
        after, more = 0, True
        while more:
            question = messaging.AskMessages(conversation, after=after, limit=20)
            reply = await self._client.ask(question)
            for message in reply.data["messages"]:
                after = message["seq"]
            more = reply.data["more"]

    # Events.

    async def _tell_all(self, client: Client) -> None:
        async for event in client.events():
            self._tell(event)

    def _tell(self, event: Event) -> None:
        match event:
            case StateChanged():
                reason = None if event.reason is None else _reason(event.reason)
                emit({"event": "state", "state": str(event.state), "reason": reason})
            case Reset():
                emit({"event": "reset", "reason": event.reason})
            case Failed():
                emit({"event": "error", **describe(event.error), "message": str(event.error)})
            case OutboxChanged(change="queued"):
                self._start(self._tell_when_kept(event))
            case OutboxChanged():
                emit({"event": "outbox", **_entry(event.entry), "state": event.change})
            case Pushed():
                _tell_packet(event)

    async def _tell_when_kept(self, event: OutboxChanged) -> None:
        outbox = self._client.outbox
        while (entry := outbox.entry(event.entry.key)) is not None and not entry.durable:  # noqa: ASYNC110
            # Nothing tells of it.
            await asyncio.sleep(_LOOK_SECONDS)
        if entry is not None:
            emit({"event": "outbox", **_entry(entry), "state": "queued"})


def _tell_packet(event: Pushed) -> None:
    data = event.data
    match event.op:
        case Op.ALERT_NEW_MSG:
            message = data["message"]
            told = {name: message[name] for name in ("conversation", "message")}
            emit({"event": "message", **told, **_message(message)})
        case Op.MSG_CHANGED:
            gone = data["change"] if data["change"] in {"deleted", "removed"} else None
            told = {name: data.get(name) for name in ("conversation", "seq", "message", "text")}
            emit({"event": "changed", **told, "tombstone": gone})
        case Op.UPDATE_CONVERSATION_DATAS:
            for kind, name in (("deal", "service"), ("dispute", "dispute")):
                if name in data:
                    shown = data[name]
                    told = {part: shown[part] for part in (name, "version", "state")}
                    emit({"event": kind, **told, "cause": data["cause"]})
        case Op.SANCTION:
            told = {name: data[name] for name in ("kind", "decision")}
            emit({"event": "sanction", **told, "lifted": data.get("lifted", False)})


def _message(message: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "seq": message["seq"],
        "sender": message["sender"],
        "text": message.get("text"),
        "tombstone": message.get("tombstone"),
    }


def _deal(deal: Deal) -> Mapping[str, Any]:
    return {name: to_builtins(getattr(deal, name)) for name in _SHOWN_OF_DEAL}


def _dispute(dispute: Dispute) -> Mapping[str, Any]:
    return {name: getattr(dispute, name) for name in ("dispute", "state", "version")}


def _entry(entry: Any) -> dict[str, Any]:
    told = {"key": entry.key, "state": str(entry.state), "durable": entry.durable}
    text = getattr(entry.payload, "text", None)
    return {**told, "text": text} if isinstance(text, str) else told


def _name(error: Exception) -> str:
    name = type(error).__name__
    return _NAMES.get(name, name.removesuffix("Error"))


def _reason(error: ParleyError) -> str:
    if isinstance(error, BannedError):
        return "suspended" if "suspended" in str(error) else "banned"
    return _name(error)


def describe(error: Exception) -> Mapping[str, Any]:
    """An error as the protocol tells it."""
    told: dict[str, Any] = {"type": _name(error)}
    if isinstance(error, RejectedError):
        told |= {"code": error.code, "reason": error.reason, "current": error.data.get("current")}
    return told


if __name__ == "__main__":
    ASKED = Tokens()
    asyncio.run(serve(Adapter(ASKED).handle, describe, ASKED))
