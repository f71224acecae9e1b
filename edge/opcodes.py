"""The dispatch table: each packet that clients send, its decoders, and the handler of its name."""

from edge.handlers import connection, messaging, moderation, negotiation
from edge.metrics import Metrics
from edge.sessions.requests import Handler, Route
from parley_protocol.packets import FORMATS, Op


def handler_of(op: Op) -> Handler:
    """Find the handler of a packet: CREATE MSG is handled by `create_msg`."""
    name = op.name.lower()
    modules = (connection, messaging, negotiation, moderation)
    handlers: list[Handler] = [vars(one)[name] for one in modules if name in vars(one)]
    (handler,) = handlers
    return handler


def routes(metrics: Metrics) -> dict[int, Route]:
    """Build the dispatch table, by number."""
    return {
        op.value: Route(
            handler_of(op),
            {format_: format_.decoder(op.from_client) for format_ in FORMATS.values()},
            metrics.outcomes(op.title),
            op.answer or Op.ERROR,
            op.activity,
        )
        for op in Op
        if op.from_client is not None
    }
