"""Deals and events as JSON, of which the database reads nothing: its columns are what it looks for.

A field with a default may be added to either; what was stored before has the default.
"""

from pydantic import TypeAdapter

from negotiation_service.entities import Deal
from negotiation_service.events import Event

_DEAL = TypeAdapter(Deal)
_EVENT = TypeAdapter(Event)


def dump_deal(deal: Deal) -> str:
    """Write a deal."""
    return _DEAL.dump_json(deal).decode()


def load_deal(document: str) -> Deal:
    """Read a deal."""
    return _DEAL.validate_json(document)


def dump_event(event: Event) -> str:
    """Write an event."""
    return _EVENT.dump_json(event).decode()


def load_event(document: str) -> Event:
    """Read an event; what its details are is told by their fields, of which no two kinds agree."""
    return _EVENT.validate_json(document)
