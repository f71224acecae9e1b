"""A socket that types: whatever ends it, the service is told."""

from functools import partial

import pytest

from edge.sessions.context import Edge
from edge.sessions.drain import Drain
from parley_protocol.errors import CloseCode
from parley_protocol.packets import Op
from tests.edge.moderated import Moderated, sanctioned
from tests.edge.scripted import Service, Start, Stream, Wire


async def type_in(wire: Wire, service: Service, conversation: str, *, typing: bool = True) -> None:
    wire.say(Op.TYPING, {"conversation": conversation, "typing": typing})
    assert await service.typing.get() == (conversation, typing)


@pytest.mark.parametrize("end", ["gone", "closed", "drained", "another conversation"])
async def test_typing_ends_with_its_socket(
    edge: Edge, enter: Start, service: Service, live: Stream, end: str
) -> None:
    """Also when it is cut, and whether or not presence is on; it types in one place at a time."""
    session, wire = await enter()
    await type_in(wire, service, "c")
    match end:
        case "gone":
            wire.hang_up()
        case "closed":
            session.close(CloseCode.NO_PONG, "no PONG")
        case "drained":
            await Drain(edge.settings, edge.hub, [edge.messaging]).run()
        case _:
            wire.say(Op.TYPING, {"conversation": "d", "typing": True})
    assert await service.typing.get() == ("c", False)


async def test_who_has_stopped_does_not_stop_again(
    enter: Start, service: Service, live: Stream
) -> None:
    """The next that the service hears is of the other socket."""
    _, wire = await enter()
    await type_in(wire, service, "c")
    await type_in(wire, service, "c", typing=False)
    wire.hang_up()
    _, other = await enter()
    await type_in(other, service, "d")


@pytest.mark.parametrize("kind", ["muted", "conversation_locked", "banned"])
async def test_typing_ends_when_a_sanction_forbids_it(
    enter: Start, at: Moderated, service: Service, live: Stream, kind: str
) -> None:
    """The service may not have heard of it yet."""
    enter = partial(enter, on=at.edge, user="bob")
    _, wire = await enter()
    await type_in(wire, service, "c")
    conversation = "c" if kind == "conversation_locked" else ""
    at.tell(11, sanctioned("bob", kind=kind, conversation=conversation))
    assert await service.typing.get() == ("c", False)
