"""Packets as an application sees them: their payload as plain values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Identifier = int | str


@dataclass(frozen=True)
class Packet:
    """A packet of either direction. The reply to `id` has it as `re`.

    `opcode` may be newer than `Op`; `cursor` is opaque.
    """

    opcode: int
    data: Mapping[str, Any]
    id: Identifier | None = None
    re: Identifier | None = None
    cursor: str | None = None


Direction = Literal["=>", "<="]
Observe = Callable[[Direction, Packet], None]
"""Sees every packet of both directions, in the order of the socket."""
