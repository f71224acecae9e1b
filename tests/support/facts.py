"""Facts, services, disputes and places that packets tell, for clients that keep a record."""

from typing import Any

from parley_protocol.packets import Op
from tests.support.inbox import Packet


def fact_of(packet: Packet) -> tuple[Any, ...] | None:
    """The fact that a packet tells, as a key by which a repetition is found."""
    d = packet["d"]
    match packet["op"]:
        case Op.ALERT_NEW_MSG:
            return ("message", d["conversation"], d["message"]["seq"])
        case Op.STATUS_MSG:
            kind = "message" if d["status"] == "stored" else "delivered"
            return (kind, d["conversation"], d["seq"])
        case Op.MSG_SEEN:
            return ("seen", d["conversation"], d["reader"], d["seq"])
        case Op.MSG_CHANGED:
            return ("changed", d["conversation"], d["seq"], d["change"], d["changed_at"])
        case Op.UPDATE_CONVERSATION_DATAS if "re" not in packet and "service" in d:
            return ("service", d["service"]["service"], d["cause"], d["service"]["version"])
    return None


def services_of(packet: Packet) -> list[Packet]:
    """The services that a packet shows."""
    d = packet["d"]
    match packet["op"]:
        case Op.UPDATE_CONVERSATION_DATAS if "service" in d:
            return [d["service"]]
        case Op.RETURN_CONVERSATIONS:
            return [one["service"] for one in d["conversations"] if "service" in one]
        # That of a dispute or of a standing has no exponent.
        case Op.ERROR if "exponent" in d.get("current", {}):
            return [d["current"]]
    return []


def dispute_of(packet: Packet) -> Packet | None:
    """The dispute that a packet shows."""
    d = packet["d"]
    shown: Packet | None = None
    match packet["op"]:
        case Op.UPDATE_CONVERSATION_DATAS:
            shown = d.get("dispute")
        case Op.ERROR if "dispute" in d.get("current", {}):
            shown = d["current"]
    return shown


def place_of(packet: Packet) -> tuple[str, int]:
    """Where an alert belongs among those of its conversation; all else comes first."""
    if packet["op"] != Op.ALERT_NEW_MSG:
        return ("", 0)
    return (packet["d"]["conversation"], packet["d"]["message"]["seq"])
