"""All that the protocol allows to be pushed has its event, and nonsense a typed error."""

import asyncio
import json
from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from parley_client.errors import ProtocolError
from parley_client.event_log import EventLog
from parley_client.events import Pushed
from parley_client.intake import Intake
from parley_client.memory import Memory
from parley_client.packets import Packet
from parley_client.pushes import event_of
from parley_protocol.packets import JSON, Op
from tests.parley_client.actions.test_every_packet import PUSHES
from tests.parley_client.payloads import NOW
from tests.support.values import payloads

# Fields that hold times, of which the structures say that they are texts.
TIMES = {"at", "since", "start", "until", "last_seen", "muted_until", "suspended_until"}


def told(value: Any, name: str = "") -> Any:
    """Make a drawn payload what a server says: times are times, an exponent is a small number."""
    if isinstance(value, dict):
        if name == "deadlines":
            return dict.fromkeys(value, NOW)
        return {key: told(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [told(inner, name) for inner in value]
    if isinstance(value, str) and (name in TIMES or name.endswith(("_at", "_until"))):
        return NOW
    return 2 if name == "exponent" else value


def plain(op: Op, payload: Any) -> Any:
    """Give a payload as a client reads it from the wire."""
    return json.loads(JSON.encode(op, payload).event["text"])["d"]


@given(st.sampled_from([*PUSHES]), st.data())
def test_whatever_may_be_pushed_is_told_as_what_it_is(op: Op, data: st.DataObject) -> None:
    """With and without what is optional, alone and after another showing of the same object."""
    assert op.to_client is not None
    drawn = st.lists(payloads(op.to_client), min_size=1, max_size=2)
    memory = Memory("cleo", 50)
    for payload in data.draw(drawn):
        pushed = told(plain(op, payload))
        if op is Op.UPDATE_CONVERSATION_DATAS and not pushed.keys() & {"service", "dispute"}:
            continue
        if op is Op.REPORT_STATUS:
            if not pushed.keys() & {"report", "appeal"}:
                continue
            pushed |= {"status": "received", "version": 1}
        event = event_of(Packet(op, pushed), memory.take(op, pushed), memory)
        assert type(event) is not Pushed or (op, pushed["status"]) == (Op.STATUS_MSG, "stored")


_NONSENSE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("ab", max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("ab"), inner, max_size=2),
    max_leaves=4,
)


@given(st.sampled_from([*PUSHES]), st.data())
def test_nonsense_in_a_push_is_a_protocol_error_or_told_as_it_came(
    op: Op, data: st.DataObject
) -> None:
    """Any field may be anything: nothing else is raised."""
    pushed: dict[str, Any] = dict(PUSHES[op][0])
    for name in data.draw(st.lists(st.sampled_from(sorted(pushed)), min_size=1, max_size=2)):
        pushed[name] = data.draw(_NONSENSE)
    asyncio.run(push(Packet(op, pushed)))


async def push(packet: Packet) -> None:
    """Take in a push as a connection does, which drops its socket after a ProtocolError."""
    log = EventLog(10, lambda cursor: None, lambda: None, lambda: None)
    intake = Intake(log, 50)
    with suppress(ProtocolError):
        intake.push(packet)
        assert len(log) <= 2
    intake.typists.forget()
