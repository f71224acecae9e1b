"""The part of a client that its methods, conversations, deals and disputes need."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, TypeVar

from msgspec import UNSET, Struct, UnsetType

from parley_client.errors import ProtocolError
from parley_client.memory import Memory
from parley_client.packets import Packet
from parley_client.views.view import Data, UnreadableError

Result = TypeVar("Result")
Given = TypeVar("Given")


class Asking(ABC):
    """A client as those see it who ask and command by it."""

    @property
    @abstractmethod
    def user(self) -> str | None:
        """The name of the user as the server writes it; None before it is known."""

    @property
    @abstractmethod
    def objects(self) -> Memory:
        """The newest of each object that was shown, by kind and key, and as views."""

    @abstractmethod
    async def command(
        self, payload: Struct, *, lane: str | None = None, key: str | None = None
    ) -> Packet:
        """Send a command through the outbox and give the reply."""

    @abstractmethod
    async def ask(self, payload: Struct) -> Packet:
        """Ask a question until it is answered, and give the reply."""

    @abstractmethod
    def tell(self, payload: Struct) -> bool:
        """Send a packet that has no answer; False when it could not be sent now."""


def read(reader: Callable[[Any], Result], data: object) -> Result:
    """Read what a reply shows. Raises ProtocolError where it is something else."""
    try:
        return reader(data)
    except UnreadableError as error:
        raise ProtocolError(str(error)) from None


def read_all(reader: Callable[[Any], Result], data: Data, field: str) -> tuple[Result, ...]:
    """Read the list in a field of a reply. Raises ProtocolError where it is something else."""
    items = data.get(field)
    if not isinstance(items, list):
        raise ProtocolError(f"a list is expected in {field}")
    return tuple(read(reader, one) for one in items)


def optional(value: Given | None) -> Given | UnsetType:
    """Give what a packet has for an argument that may be left out."""
    return UNSET if value is None else value
