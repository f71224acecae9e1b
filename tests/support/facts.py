"""What packets tell, for whoever keeps it: facts, places and services."""

from typing import Any

from tests.support.client import (
    ALERT_NEW_MSG,
    ERROR,
    MSG_CHANGED,
    MSG_SEEN,
    RETURN_CONVERSATIONS,
    STATUS_MSG,
    UPDATE_CONVERSATION_DATAS,
    Packet,
)


def fact_of(packet: Packet) -> tuple[Any, ...] | None:
    """What a packet tells that need not be told twice."""
    d = packet["d"]
    match packet["op"]:
        case op if op == ALERT_NEW_MSG:
            return ("message", d["conversation"], d["message"]["seq"])
        case op if op == STATUS_MSG:
            kind = "message" if d["status"] == "stored" else "delivered"
            return (kind, d["conversation"], d["seq"])
        case op if op == MSG_SEEN:
            return ("seen", d["conversation"], d["reader"], d["seq"])
        case op if op == MSG_CHANGED:
            return ("changed", d["conversation"], d["seq"], d["change"], d["changed_at"])
        case op if op == UPDATE_CONVERSATION_DATAS and "re" not in packet and "service" in d:
            return ("service", d["service"]["service"], d["cause"], d["service"]["version"])
    return None


def services_of(packet: Packet) -> list[Packet]:
    """The services that a packet shows."""
    d = packet["d"]
    match packet["op"]:
        case op if op == UPDATE_CONVERSATION_DATAS and "service" in d:
            return [d["service"]]
        case op if op == RETURN_CONVERSATIONS:
            return [one["service"] for one in d["conversations"] if "service" in one]
        # That of a dispute or of a standing has no exponent.
        case op if op == ERROR and "exponent" in d.get("current", {}):
            return [d["current"]]
    return []


def dispute_of(packet: Packet) -> Packet | None:
    """The dispute that a packet shows."""
    d = packet["d"]
    shown: Packet | None = None
    match packet["op"]:
        case op if op == UPDATE_CONVERSATION_DATAS:
            shown = d.get("dispute")
        case op if op == ERROR and "dispute" in d.get("current", {}):
            shown = d["current"]
    return shown


def place_of(packet: Packet) -> tuple[str, int]:
    """Where an alert belongs among those of its conversation; all else comes first."""
    if packet["op"] != ALERT_NEW_MSG:
        return ("", 0)
    return (packet["d"]["conversation"], packet["d"]["message"]["seq"])
