"""Evidence as moderators read it: messages, the events of a deal, or else names and values."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from command_line.display.deals import quote, recorded
from command_line.display.tables import quoted
from command_line.display.timestamps import full_time, short_time
from service_kit.rpc.documents import Document

LONGEST_LIST = 200


def evidence_lines(evidence: Document, now: datetime) -> Iterator[str]:
    """A snapshot: its kind, whether it is intact, and its content."""
    took = full_time(evidence.get("take_time"), now)
    erased = evidence.get("erase_time")
    if erased:
        state = f"erased {full_time(erased, now)}"
    elif evidence["intact"]:
        state = "intact"
    else:
        state = "NOT INTACT: this is not what was taken"
    yield f"evidence: {evidence['kind']}, taken {took}, {state}"
    yield f"  sha256 {evidence['sha256']}, {evidence['size']} bytes"
    if evidence["content"]:
        yield from _content(evidence["content"])


def _content(content: str) -> Iterator[str]:
    """Messages as a conversation is read, with their earlier texts; anything else as a tree."""
    try:
        shown = json.loads(content)
    except ValueError:
        yield from quoted(content)
        return
    if isinstance(shown, dict) and isinstance(shown.get("events"), list):
        yield from _deal(shown)
        return
    if not isinstance(shown, dict) or not isinstance(shown.get("messages"), list):
        yield from _tree(shown, "    ")
        return
    if shown.get("subject"):
        yield f"    subject: {shown['subject']}"
    for entry in shown["messages"]:
        if isinstance(entry, dict) and isinstance(entry.get("message"), dict):
            yield from _message(entry, str(shown.get("reported")))
        else:
            yield from _tree({"message": entry}, "    ")
    if shown.get("left_out"):
        yield f"    {shown['left_out']} further messages were left out"
    if shown.get("deal") == "unavailable":
        yield "    the deal could not be seen then"


def _message(entry: dict[str, Any], reported: str) -> Iterator[str]:
    """A message after its earlier texts; => marks the reported one."""
    message = entry["message"]
    mark = "=>" if message.get("id") == reported else "  "
    at = short_time(message.get("create_time"))
    gone = str(message.get("tombstone", "")).removeprefix("TOMBSTONE_").lower()
    sender, identifier = message.get("sender") or "*", message.get("id", "")
    head = f"  {mark} #{message.get('seq')} {at} {sender} {identifier}"
    yield f"{head} ({gone})" if gone else head
    for version in entry.get("versions") or ():
        yield from quoted(f"(before) {version.get('text', '')}", "       ")
    if message.get("text"):
        yield from quoted(str(message["text"]), "       ")
    if "event" in message:
        yield f"       {_event(message['event'])}"


def _deal(shown: dict[str, Any]) -> Iterator[str]:
    """The events of a deal, one on a line, and then the deal itself."""
    for event in shown["events"]:
        if isinstance(event, dict):
            yield f"    {short_time(event.get('create_time'))} {_event(event)}"
    if shown.get("left_out"):
        yield f"    {shown['left_out']} earlier events were left out"
    if shown.get("messages") == "unavailable":
        yield "    what was said could not be seen then"
    yield from _tree(shown.get("service", {}), "    ")


def _event(event: dict[str, Any]) -> str:
    """An event in the words of a conversation's history."""
    offer = event.get("offer")
    # Of a deal's own event the offer is an object with its price and note.
    details = offer if isinstance(offer, dict) else {**event, "number": offer}
    money = details.get("price") or details
    told = {"cause": "", "title": "", **event}
    if "amount_minor" in money:
        told["price"] = {
            "amount_minor": int(money["amount_minor"]),
            "currency": str(money.get("currency")),
        }
        told["offer"] = details.get("number")
    note = details.get("note")
    return recorded(told, me="") + "".join(f"; {words}" for words in quote(note))


def _tree(value: Any, indent: str) -> Iterator[str]:
    """Names and values, one on a line, inner ones indented."""
    entries = value.items() if isinstance(value, dict) else enumerate(value, start=1)
    for name, inner in list(entries)[:LONGEST_LIST]:
        label = str(name)
        if isinstance(inner, dict | list):
            yield f"{indent}{label}:"
            yield from _tree(inner, f"{indent}  ")
        elif isinstance(inner, str) and "\n" in inner:
            yield f"{indent}{label}:"
            yield from quoted(inner, f"{indent}  ")
        else:
            yield f"{indent}{label}: {inner}"
