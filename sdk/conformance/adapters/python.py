"""The adapter of `parley_client`, the library for Python."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from msgspec import UNSET, Struct, convert, to_builtins

from conformance.adapter import PROTOCOL
from conformance.adapters.lines import Arguments, Tokens, emit, serve
from parley_client.client import Client
from parley_client.errors import BannedError, ParleyError, RejectedError
from parley_client.events import Event, Failed, OutboxChanged, Pushed, Reset, StateChanged
from parley_client.options import Options
from parley_client.stores.memory import MemoryStore
from parley_client.stores.sqlite import SqliteStore
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
    "blocks",
    "store",
    "outbox",
    "storage_failure",
    "msgpack",
)
_COMMANDS: Mapping[str, type[Struct]] = {
    "send": messaging.CreateMsg,
    "edit": messaging.EditMsg,
    "delete": messaging.DeleteMsg,
    "propose": negotiation.ServiceCreated,
    "end": negotiation.NegotiationEnd,
    "terminate": negotiation.ServiceTerminated,
    "note": negotiation.NoteSubmitted,
    "dispute": moderation.LitigeCreated,
    "statement": moderation.LitigeStatement,
    "block": messaging.BlockUser,
}
"""The commands whose arguments are those of a packet."""
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
        if do in _COMMANDS:
            return await self._command(_COMMANDS[do], arguments)
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

    async def _command(self, structure: type[Struct], arguments: Arguments) -> Any:
        key = arguments.pop("key", None)
        payload = convert(arguments, structure)
        reply = await self._client.command(payload, key=key)
        return _answer(reply.data)

    async def do_price(self, service: str, price: Any) -> Any:
        """Name another price than that of the deal as it is known here."""
        known = self._client.objects.of(Kind.SERVICE, service)
        live = known and (known.content.get("amendment") or known.content.get("offer"))
        if known is not None and known.content["state"] != "offered":
            live = known.content.get("amendment")
        base = live["number"] if live else 0
        arguments = {"service": service, "price": price, "base_offer": base}
        return await self._command(negotiation.PriceEdited, arguments)

    async def do_accept(self, service: str, offer: Mapping[str, Any]) -> Any:
        """Accept an offer as it was shown."""
        payload = {
            "service": service,
            "outcome": "agreed",
            "offer": offer["number"],
            "price": offer["price"],
        }
        return await self._command(negotiation.NegotiationEnd, payload)

    async def do_report(self, reason: str, **subject: Any) -> Any:
        """Report a message or a conversation."""
        message = "message" in subject
        structure = moderation.ReportMsg if message else moderation.ReportConversations
        return await self._command(structure, {"reason": reason, **subject})

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
            lifted = data.get("lifted", False)
            emit({"event": "sanction", "kind": data["kind"], "lifted": lifted})


def _message(message: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "seq": message["seq"],
        "sender": message["sender"],
        "text": message.get("text"),
        "tombstone": message.get("tombstone"),
    }


def _answer(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """The answer of a command: of a service or a dispute, that itself."""
    if "dispute" in data:
        return dict(data["dispute"])
    return dict(data["service"]) if "service" in data else dict(data)


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
