"""The table of packets is the protocol's."""

import inspect

import pytest
from prometheus_client import CollectorRegistry

from edge.metrics import Metrics
from edge.opcodes import OPCODES, Direction, Opcode, routes
from edge.protocol.packets import FORMATS, Op

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
    (0xE0, "<=", "UPDATE CONVERSATION DATAS"),
    (0xE1, "=>", "SERVICE CREATED"),
    (0xE2, "=>", "NOTE SUBMITTED"),
    (0xE3, "=>", "LITIGE CREATED"),
    (0xE4, "=>", "SERVICE TERMINATED"),
    (0xE5, "=>", "PRICE EDITED"),
    (0xE6, "=>", "NEGOTIATION END"),
    (0xF9, "<=>", "BLOCK USER"),
    (0xFA, "<=", "SANCTION"),
    (0xFB, "=>", "APPEAL"),
    (0xFC, "=>", "LITIGE STATEMENT"),
    (0xFD, "<=", "REPORT STATUS"),
    (0xFE, "=>", "REPORT CONVERSATIONS"),
    (0xFF, "=>", "REPORT MSG"),
]


def _name(row: Opcode) -> str:
    return row.name


def test_numbers_names_and_directions_are_the_protocols() -> None:
    """Clients are written against these; none may change, and none may be missing."""
    assert [(row.number, row.direction.value, row.name) for row in OPCODES] == PROTOCOL


def test_every_opcode_has_exactly_one_row() -> None:
    """The enumeration and the table say the same."""
    assert [row.op for row in OPCODES] == list(Op)


@pytest.mark.parametrize("row", OPCODES, ids=_name)
def test_a_row_is_complete_for_its_direction(row: Opcode) -> None:
    """What clients send is read and handled; what they receive has a payload."""
    to_server = row.direction in (Direction.TO_SERVER, Direction.BOTH)
    to_client = row.direction in (Direction.TO_CLIENT, Direction.BOTH)
    assert (row.request is not None) is to_server
    assert (row.handler is not None) is to_server
    assert (row.push is not None) is to_client


@pytest.mark.parametrize("row", [row for row in OPCODES if row.handler], ids=_name)
def test_a_handler_bears_the_name_of_its_opcode(row: Opcode) -> None:
    """A newcomer finds the code of a packet by its name."""
    assert inspect.isfunction(row.handler)
    assert row.handler.__name__ == row.op.name.lower()


def test_clients_can_send_what_the_table_says_and_nothing_else() -> None:
    """Each route reads both formats."""
    found = routes(Metrics(CollectorRegistry()))
    conversation = [0x02, 0x05, 0x07, 0x09, 0x0A, 0x0C, 0x0E, 0x12, 0x14, 0x15]
    deals = [0xE1, 0xE2, 0xE3, 0xE4, 0xE5, 0xE6]
    assert sorted(found) == [*conversation, *deals, 0xF9, 0xFB, 0xFC, 0xFE, 0xFF]
    for route in found.values():
        assert set(route.decoders) == set(FORMATS.values())
