"""Deals of people with the web app, made by plain sockets."""

from typing import Any

from parley_protocol.packets import Op
from tests.support.client import Client
from tests.web.conftest import Person


async def do(person: Person, op: Op, **d: Any) -> dict[str, Any]:
    """Have somebody send a packet about a deal or a dispute; the payload of the answer."""
    system = person.site.system
    client = await Client.open(system.url, system.token(person.user))
    reply = await client.ask(op, d)
    assert reply["op"] == Op.UPDATE_CONVERSATION_DATAS, reply
    await client.close()
    told: dict[str, Any] = reply["d"]
    return told


async def agreed(client: Person, provider: Person, amount_minor: int = 12_000) -> str:
    """Have two people who talk agree on a price in euros; returns the service."""
    listed = await client.ask(Op.ASK_CONVERSATIONS, {}, Op.RETURN_CONVERSATIONS)
    conversation = listed["conversations"][0]["conversation"]
    price = {"amount_minor": amount_minor, "currency": "EUR"}
    offer = {"role": "client", "title": "Kitchen tap", "price": price}
    offered = await do(client, Op.SERVICE_CREATED, conversation=conversation, **offer)
    service: str = offered["service"]["service"]
    accepted = {"outcome": "agreed", "offer": 1, "price": price}
    await do(provider, Op.NEGOTIATION_END, service=service, **accepted)
    return service
