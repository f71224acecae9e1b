"""The client against a real edge: what is sent and told arrives once, over many sockets."""

import asyncio
from collections.abc import AsyncIterator, Callable

from parley_client import Client
from parley_client.event_log import EventStream
from parley_client.events import Pushed
from parley_protocol.packets import Op
from parley_protocol.payloads.messaging import AskConversations, CreateMsg
from tests.support.system import System


async def texts(events: EventStream) -> AsyncIterator[str]:
    """The texts of the messages that are told, in order."""
    async for event in events:
        if isinstance(event, Pushed) and event.op == Op.ALERT_NEW_MSG:
            yield event.data["message"]["text"]


async def test_what_one_sends_the_other_is_told(
    client_system: System, person: Callable[[str], str]
) -> None:
    """The command is answered, its message told to both, and a question about it answered."""
    ann, bob = person("ann"), person("bob")
    async with (
        Client(client_system.url, token=client_system.token(ann)) as of_ann,
        Client(client_system.url, token=client_system.token(bob)) as of_bob,
    ):
        await of_bob.wait_for("live")
        stored = await of_ann.command(CreateMsg("Hello", to=bob))
        assert stored.opcode == Op.STATUS_MSG
        assert await anext(texts(of_bob.events())) == "Hello"
        assert await anext(texts(of_ann.events())) == "Hello"
        listed = await of_bob.ask(AskConversations())
        assert listed.data["conversations"][0]["conversation"] == stored.data["conversation"]


async def test_what_is_said_while_the_network_is_lost_is_told_once_and_in_order(
    client_system: System, person: Callable[[str], str]
) -> None:
    """Both lose their sockets again and again while one talks."""
    ann, bob = person("ann"), person("bob")
    said = [f"message {number}" for number in range(60)]
    async with (
        Client(client_system.url, token=client_system.token(ann)) as of_ann,
        Client(client_system.url, token=client_system.token(bob)) as of_bob,
    ):
        await of_bob.wait_for("live")
        events = texts(of_bob.events())
        commands = []
        heard = []
        for number, text in enumerate(said):
            commands.append(of_ann.submit(CreateMsg(text, to=bob)))
            if number % 20 == 10:
                of_ann.drop()
                of_bob.drop()
                heard.append(await anext(events))
        replies = await asyncio.gather(*commands)
        async for text in events:
            heard.append(text)
            if len(heard) == len(said):
                break
        assert heard == said
        assert [reply.data["seq"] for reply in replies] == list(range(1, len(said) + 1))
