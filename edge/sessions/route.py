"""One row of the dispatch table (edge/opcodes.py)."""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, NamedTuple

from edge.metrics import Outcomes
from edge.protocol.packets import Activity, Format
from edge.sessions.requests import Request

# Given the session, the request and the payload. A handler that has to wait gives a coroutine,
# which the session runs.
Handler = Callable[[Any, Request, Any], Coroutine[Any, Any, None] | None]


class Route(NamedTuple):
    """The decoders of a packet, its handler, and the counter of its outcomes."""

    handler: Handler
    decoders: Mapping[Format, Any]
    outcomes: Outcomes
    activity: Activity | None
