"""The table of packets is the protocol's."""

import inspect

import pytest
from parley.messaging.v1 import messaging_pb2
from parley.moderation.v1 import moderation_pb2
from parley.negotiation.v1 import negotiation_pb2
from prometheus_client import CollectorRegistry

from edge.metrics import Metrics
from edge.opcodes import handler_of, routes
from parley_protocol.packets import FORMATS, Op

# Number, direction and name, as the protocol lists them.
PROTOCOL = [
    (0x01, "<=", "PING"),
    (0x02, "=>", "PONG"),
    (0x03, "<=", "HELLO"),
    (0x04, "<=", "ERROR"),
    (0x05, "=>", "ASK CONVERSATIONS"),
    (0x06, "<=", "RETURN CONVERSATIONS"),
    (0x07, "=>", "CREATE MSG"),
    (0x08, "<=", "STATUS MSG"),
    (0x09, "=>", "OPENED CONVERSATION"),
    (0x0A, "=>", "ASK MESSAGES"),
    (0x0B, "<=", "RETURN MESSAGES"),
    (0x0C, "=>", "RESUME"),
    (0x0D, "<=", "RESUMED"),
    (0x0E, "=>", "RENEW TOKEN"),
    (0x0F, "<=", "RECONNECT"),
    (0x10, "<=", "ALERT NEW MSG"),
    (0x11, "<=", "MSG SEEN"),
    (0x12, "<=>", "TYPING"),
    (0x13, "<=", "PRESENCE"),
    (0x14, "=>", "EDIT MSG"),
    (0x15, "=>", "DELETE MSG"),
    (0x16, "<=", "MSG CHANGED"),
    (0x17, "=>", "ASK BLOCKS"),
    (0x18, "<=", "RETURN BLOCKS"),
    (0xE0, "<=", "UPDATE CONVERSATION DATAS"),
    (0xE1, "=>", "SERVICE CREATED"),
    (0xE2, "=>", "NOTE SUBMITTED"),
    (0xE3, "=>", "LITIGE CREATED"),
    (0xE4, "=>", "SERVICE TERMINATED"),
    (0xE5, "=>", "PRICE EDITED"),
    (0xE6, "=>", "NEGOTIATION END"),
    (0xE7, "=>", "ASK SERVICES"),
    (0xE8, "<=", "RETURN SERVICES"),
    (0xE9, "=>", "ASK SERVICE"),
    (0xEA, "=>", "ASK SERVICE EVENTS"),
    (0xEB, "<=", "RETURN SERVICE EVENTS"),
    (0xEF, "=>", "REPORT STATEMENT"),
    (0xF0, "=>", "ASK REPORTS"),
    (0xF1, "<=", "RETURN REPORTS"),
    (0xF2, "=>", "ASK APPEALS"),
    (0xF3, "<=", "RETURN APPEALS"),
    (0xF4, "=>", "ASK DISPUTES"),
    (0xF5, "<=", "RETURN DISPUTES"),
    (0xF6, "=>", "ASK DISPUTE"),
    (0xF7, "=>", "ASK STANDING"),
    (0xF8, "<=", "RETURN STANDING"),
    (0xF9, "<=>", "BLOCK USER"),
    (0xFA, "<=", "SANCTION"),
    (0xFB, "=>", "APPEAL"),
    (0xFC, "=>", "LITIGE STATEMENT"),
    (0xFD, "<=", "REPORT STATUS"),
    (0xFE, "=>", "REPORT CONVERSATIONS"),
    (0xFF, "=>", "REPORT MSG"),
]


SENT = [op for op in Op if op.from_client]
CONTRACTS = (messaging_pb2, negotiation_pb2, moderation_pb2)


def test_numbers_names_and_directions_are_the_protocols() -> None:
    """Clients are written against these; none may change, and none may be missing."""
    assert [(op.value, op.direction.value, op.title) for op in Op] == PROTOCOL


@pytest.mark.parametrize("op", SENT, ids=lambda op: op.title)
def test_each_packet_has_a_handler_of_its_name(op: Op) -> None:
    """A newcomer finds the code of a packet by its name, and it takes what the table says."""
    handler = handler_of(op)
    assert inspect.isfunction(handler)
    assert handler.__name__ == op.name.lower()
    assert list(inspect.signature(handler).parameters) == ["session", "re", "payload"]
    assert handler.__annotations__["payload"] is op.from_client


@pytest.mark.parametrize("op", list(Op), ids=lambda op: op.title)
def test_each_rpc_exists_in_a_contract(op: Op) -> None:
    """What a packet becomes is found by its name in the services; only clients' packets do."""
    services = [one for pb in CONTRACTS for one in pb.DESCRIPTOR.services_by_name.values()]
    found = [service for service in services if op.rpc in service.methods_by_name]
    assert bool(found) is bool(op.rpc)
    assert op.from_client or not op.rpc


def test_clients_can_send_what_the_table_says_and_nothing_else() -> None:
    """Each route reads both formats."""
    found = routes(Metrics(CollectorRegistry()))
    assert sorted(found) == [number for number, direction, _ in PROTOCOL if direction != "<="]
    for route in found.values():
        assert set(route.decoders) == set(FORMATS.values())
