"""Reads what is stored as the people themselves read it: page by page, through the protocol."""

from collections.abc import Iterable

from parley_protocol.packets import Op
from tests.crash.recording import Entry, History, read_entry
from tests.support.device import Device
from tests.support.system import System


async def read_history(system: System, users: Iterable[str]) -> History:
    """Every message of every conversation of these users, as each of them sees it."""
    history: dict[str, dict[str, list[Entry]]] = {}
    for user in users:
        device = await Device.join(system.urls, system.token(user))
        try:
            for conversation in await _conversations(device):
                views = history.setdefault(conversation, {})
                views[user] = await _messages(device, conversation)
        finally:
            await device.close()
    return history


async def _conversations(device: Device) -> list[str]:
    found: list[str] = []
    page: dict[str, str] = {}
    while True:
        reply = await device.ask(Op.ASK_CONVERSATIONS, {"limit": 100, **page})
        assert reply["op"] == Op.RETURN_CONVERSATIONS, reply
        found += [one["conversation"] for one in reply["d"]["conversations"]]
        if "next" not in reply["d"]:
            return found
        page = {"page": reply["d"]["next"]}


async def _messages(device: Device, conversation: str) -> list[Entry]:
    entries: list[Entry] = []
    after, more = 0, True
    while more:
        question = {"conversation": conversation, "after": after, "limit": 200}
        reply = await device.ask(Op.ASK_MESSAGES, question)
        assert reply["op"] == Op.RETURN_MESSAGES, reply
        entries += [read_entry(message) for message in reply["d"]["messages"]]
        after, more = entries[-1].seq if entries else 0, reply["d"]["more"]
    return entries
