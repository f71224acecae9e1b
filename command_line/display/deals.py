"""A deal in words: its last event and its state, on one line for its reader.

A deal is the service of a packet, as its reader `me` may see it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from command_line.display.money import written, written_alone, written_amount

Service = Mapping[str, Any]

LONGEST_QUOTE = 200
# Causes that do not read well with spaces for underscores.
CAUSES = {
    "created": "proposed",
    "auto_completed": "completed by time",
    "undelivered": "cancelled, not delivered in time",
    "held": "disputed",
    "resumed": "goes on after a dispute",
    "decided": "decided by a dispute",
    "dispute_window_closed": "too late to dispute",
    "text_removed": "a text was removed by moderation",
    "text_restored": "a text was restored by moderation",
    "reminder": "time is running out",
}
# Causes whose actor is the author of the live offer.
OFFERING = {"offered", "created", "countered", "revised", "amendment_proposed"}


def summary(service: Service, me: str, cause: str | None = None) -> str:
    """One line: the event `cause`, or else the state, who did it, and its present terms."""
    happened = cause or str(service["state"])
    words = CAUSES.get(happened, happened.replace("_", " "))
    by = _actor(service, happened)
    head = f'"{service["title"]}" {words}' + (f" by {name_of(by, me)}" if by else "")
    known = "; ".join(_present(service, me, happened))
    return f"{head}: {known}" if known else head


def recorded(event: Mapping[str, Any], me: str) -> str:
    """One line for a message of kind "event"."""
    words = CAUSES.get(event["cause"], event["cause"].replace("_", " "))
    by = f" by {name_of(event['by'], me)}" if "by" in event else ""
    known = quote(event.get("reason"))
    if "price" in event:
        known = [f"{written_alone(event['price'])} (offer {event['offer']})", *known]
    head = f'"{event["title"]}" {words}{by}'
    return f"{head}: {'; '.join(known)}" if known else head


def details(service: Service, me: str) -> list[str]:
    """Lines that the summary leaves out: the parties, the description, the deadlines."""
    lines = [] if service["state"] == "offered" else [_parties(service, me)]
    if service.get("description"):
        lines.append(str(service["description"]))
    lines += [f"{timer} until {time_of(at)}" for timer, at in service["deadlines"].items()]
    return lines


def _actor(service: Service, happened: str) -> str | None:
    """The user who did it, where the service says so."""
    ending = service.get("ending", {})
    found: str | None = None
    if happened in OFFERING:
        found = (_offer(service) or {}).get("by")
    elif happened == "delivered":
        found = service["provider"]
    elif happened == "reopened":
        found = service["client"]
    elif happened == "cancellation_requested":
        found = service.get("cancellation", {}).get("by")
    elif happened == "held":
        found = service.get("hold", {}).get("opened_by")
    elif happened == ending.get("cause"):
        found = ending.get("by")
    return found


def _present(service: Service, me: str, happened: str) -> list[str]:
    """The present terms, each in a few words."""
    return [
        *_prices(service),
        *(_terms(service, me) if happened in {"created", "offered"} else ()),
        *_what_waits(service, me, happened),
        *_how_it_ended(service, me, happened),
        *_notes(service),
    ]


def _prices(service: Service) -> list[str]:
    decimals = service["exponent"]
    offer, agreed = _offer(service), service.get("agreed")
    if offer is None:
        under_way = service["state"] in {"agreed", "delivered"}
        return [written(agreed["price"], decimals)] if agreed and under_way else []
    instead = f" instead of {written(agreed['price'], decimals)}" if agreed else ""
    expires = f", until {time_of(offer['expires_at'])}" if "expires_at" in offer else ""
    price = f"{written(offer['price'], decimals)}{instead} (offer {offer['number']}{expires})"
    return [price, *quote(offer.get("note"))]


def _terms(service: Service, me: str) -> list[str]:
    """The terms that a negotiation of the price does not change."""
    return [_parties(service, me), *quote(service.get("description"))]


def _what_waits(service: Service, me: str, happened: str) -> list[str]:
    found = []
    if service["state"] == "delivered" and "completion" in service["deadlines"]:
        found.append(f"completed by itself {time_of(service['deadlines']['completion'])}")
    if cancellation := service.get("cancellation"):
        if happened != "cancellation_requested":
            found.append(f"{name_of(cancellation['by'], me)} asked to cancel")
        found += quote(cancellation.get("reason"))
    if "hold" in service and happened != "held":
        found.append("waits for a dispute")
    return found


def _how_it_ended(service: Service, me: str, happened: str) -> list[str]:
    ending = service.get("ending")
    if ending is None:
        return []
    found = []
    if happened not in {ending["cause"], "note_submitted", "notes_revealed"}:
        words = CAUSES.get(ending["cause"], ending["cause"].replace("_", " "))
        if words != happened:
            by = f" by {name_of(ending['by'], me)}" if "by" in ending else ""
            found.append(f"{words}{by}")
    settlement = service.get("settlement", {})
    for role, goes in (("provider", "for"), ("client", "back to")):
        if minor := settlement.get(f"{role}_minor"):
            amount = written_amount(minor, service["exponent"])
            found.append(f"{amount} {service['currency']} {goes} {name_of(service[role], me)}")
    return found


def _notes(service: Service) -> list[str]:
    found = []
    for whose, words in (("mine", "your note"), ("theirs", "their note")):
        if note := service.get("notes", {}).get(whose):
            found += [f"{words}: {note['score']} of 5", *quote(note.get("comment"))]
    return found


def _offer(service: Service) -> Mapping[str, Any] | None:
    """The live offer, before the agreement or after it."""
    return service.get("offer") or service.get("amendment")


def _parties(service: Service, me: str) -> str:
    return f"provider {name_of(service['provider'], me)}, client {name_of(service['client'], me)}"


def name_of(user: str, me: str) -> str:
    """The name of a user, or "you"."""
    return "you" if user == me else user


def quote(text: str | None) -> list[str]:
    """The text in quotation marks, cut if long; empty when there is none."""
    if not text:
        return []
    return [f'"{text}"' if len(text) <= LONGEST_QUOTE else f'"{text[:LONGEST_QUOTE]}…"']


def time_of(text: str) -> str:
    """A time of a packet, in the reader's own zone."""
    return f"{datetime.fromisoformat(text).astimezone():%a %d %b %H:%M}"
