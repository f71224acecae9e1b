"""Packets as lines to read: the user, the direction, number, name and payload."""

import json
import re
from collections.abc import Mapping
from typing import Any

from command_line.display.money import written_alone, written_amount
from parley_client.packets import Direction, Packet
from parley_protocol.packets import Op

LONGEST_STRING = 44
LONGEST_LIST = 1
IDENTIFIER = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
SECRET_FIELDS = {"token"}
# The fields of a service that matter to a reader; the others are left out.
SERVICE_FIELDS = (
    *("service", "title", "state", "offer", "amendment", "agreed", "cancellation", "hold"),
    *("ending", "settlement", "notes", "allowed_actions", "version"),
)
DISPUTE_FIELDS = (
    *("dispute", "service", "state", "reason", "claim", "statements", "offers", "resolution"),
    *("refusal", "allowed_actions", "version"),
)
STATEMENT_FIELDS = ("facts", "rule", "ground", "until")
TIME_FIELDS = {"at", "created_at", "expires_at", "since"}
NAMES = {op.value: op.title for op in Op}
WIDEST_NAME = max(map(len, NAMES.values()))


def shortened(value: Any, field: str = "") -> Any:
    """The value, shortened to one line's worth; tokens are left out.

    Ids keep their distinct end and times their hours; of a list's objects the first is shown.
    Prices have their decimals, and of a service what matters first is shown.
    """
    if field in SECRET_FIELDS:
        return "[redacted]"
    if isinstance(value, Mapping):
        if value.keys() == {"amount_minor", "currency"}:
            return written_alone(value)
        if "allowed_actions" in value:
            value = shortened_service(value)
        elif "automated_decision" in value:
            value = {name: value[name] for name in STATEMENT_FIELDS if name in value}
        elif "cause" in value and ("service" in value or "dispute" in value):
            # The cause is read before the state that it led to.
            value = {"cause": value["cause"], **value}
        return {name: shortened(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        if len(value) <= LONGEST_LIST or not isinstance(value[0], Mapping):
            return [shortened(inner, field) for inner in value]
        return [shortened(value[0], field), f"… {len(value) - 1} more"]
    return shortened_string(value, field) if isinstance(value, str) else value


def shortened_service(service: Mapping[str, Any]) -> dict[str, Any]:
    """A service or a dispute, shortened: without times and what is empty."""
    shown: dict[str, Any] = {}
    for name in DISPUTE_FIELDS if "dispute" in service else SERVICE_FIELDS:
        value = service.get(name)
        if name == "settlement" and value:
            parts = {"provider": value["provider_minor"], "client": value["client_minor"]}
            value = {
                who: f"{written_amount(minor, service['exponent'])} {service['currency']}"
                for who, minor in parts.items()
            }
        elif isinstance(value, Mapping):
            value = {name: inner for name, inner in value.items() if name not in TIME_FIELDS}
        if value:
            shown[name] = value
    return shown


def shortened_string(text: str, field: str) -> str:
    """A string, shortened."""
    if IDENTIFIER.fullmatch(text):
        return f"…{text[-8:]}"
    if TIME.fullmatch(text):
        return f"…{text[11:]}"
    if len(text) <= LONGEST_STRING:
        return text
    if field == "cur":
        return f"{text[:8]}…{text[-8:]}"
    return f"{text[: LONGEST_STRING - 1]}…"


def packet_name(number: int) -> str:
    """The name of a packet; "(unknown)" for numbers newer than this client."""
    return NAMES.get(number, "(unknown)")


def line(who: str, direction: Direction, packet: Packet, width: int = 5) -> str:
    """A packet on one line; `#` marks its id, or that of the packet to which it is the reply."""
    mark = packet.id if packet.id is not None else packet.re
    data = shortened(packet.data)
    if packet.opcode == Op.ERROR:
        # The message is shown as it is: its id is to be found in the log.
        data["message"] = packet.data.get("message")
    parts = [
        f"{who:<{width}} {direction} 0x{packet.opcode:02X}",
        f"{packet_name(packet.opcode):<{WIDEST_NAME}}",
        f"{'' if mark is None else f'#{mark}':<4}",
        json.dumps(data, ensure_ascii=False),
    ]
    if packet.cursor is not None:
        parts.append(f"cur {shortened(packet.cursor, 'cur')}")
    return " ".join(parts)


def heading(text: str) -> str:
    """A scene's title."""
    return f"\n── {text} " + "─" * max(2, 96 - len(text))
