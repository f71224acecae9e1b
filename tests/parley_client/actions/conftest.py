"""Two people who talk, in the tests of what a client can do."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import TypeVar

import pytest

from parley_client import Client
from parley_client.actions.conversation import ConversationHandle
from parley_client.event_log import EventStream
from parley_client.events import Event
from parley_client.packets import Direction, Packet
from parley_client.pushes import NewMessage
from parley_client.views.deals import Deal
from parley_client.views.price import Price
from parley_protocol.packets import Op
from tests.parley_client.conftest import Join
from tests.support.moderator import Moderator, moderating
from tests.support.system import System

Told = TypeVar("Told", bound=Event)


@dataclass
class Person:
    """Somebody with a client, a conversation, and what was sent and told there."""

    client: Client
    events: EventStream
    sent: list[Packet] = field(default_factory=list)
    talk: ConversationHandle = field(init=False)

    @property
    def name(self) -> str:
        assert self.client.user is not None
        return self.client.user

    async def told(self, kind: type[Told]) -> Told:
        """Give the next event of a kind; those before it are passed over."""
        async for event in self.events:
            if isinstance(event, kind):
                return event
        raise AssertionError("the client was closed")

    def sent_ops(self) -> list[int]:
        """The numbers of the packets that were sent, but for signs of life."""
        return [one.opcode for one in self.sent if one.opcode != Op.PONG]


Two = tuple[Person, Person]


async def enter(join: Join, name: str) -> Person:
    """Connect somebody, and write down what is sent."""
    sent: list[Packet] = []

    def observe(direction: Direction, packet: Packet) -> None:
        if direction == "=>":
            sent.append(packet)

    client = await join(name, observe=observe)
    return Person(client, client.events(), sent)


@pytest.fixture
async def two(join: Join, person: Callable[[str], str]) -> Two:
    """Ann and Bob; Ann has written to Bob, who was told."""
    ann, bob = await enter(join, person("ann")), await enter(join, person("bob"))
    ann.talk = ann.client.conversation_with(bob.name, "Roof")
    stored = await ann.talk.send("Hello Bob")
    await bob.told(NewMessage)
    bob.talk = bob.client.conversation(stored.conversation)
    return ann, bob


@pytest.fixture
async def deal(two: Two) -> Deal:
    """A deal that Bob, the provider, has proposed to Ann, as she sees it."""
    ann, bob = two
    await bob.talk.propose(role="provider", title="Roof", price=Price(12050, "EUR"))
    return await ann.talk.deal.load()


@pytest.fixture
async def moderator(
    client_system: System, person: Callable[[str], str]
) -> AsyncIterator[Moderator]:
    """Somebody who decides."""
    async with moderating(
        client_system.target("moderation"),
        client_system.credentials,
        client_system.token,
        person("mod"),
    ) as found:
        yield found
