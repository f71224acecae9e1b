"""Deals and events as JSON documents, into which the database does not look.

A field with a default may be added to either; what was stored before has the default.
"""

from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from negotiation_service.domain.entities import Deal
from negotiation_service.domain.events import Event

_DEAL = TypeAdapter(Deal)
_EVENT = TypeAdapter(Event)

# What was written last, by its text: the next command about a deal mostly comes soon, and reads
# what the one before has written. Deals never change, and any thread may look here.
_known: dict[str, Deal] = {}
_MOST_KNOWN = 1_000

Document = TypeVar("Document")


class UnreadableDocument(ValueError):  # noqa: N818, the name says what is the case
    """A stored document is no deal or event that this program knows."""


def dump_deal(deal: Deal) -> str:
    """Write a deal."""
    document = _DEAL.dump_json(deal).decode()
    if len(_known) >= _MOST_KNOWN:
        _known.clear()
    _known[document] = deal
    return document


def load_deal(document: str) -> Deal:
    """Read a deal. Raises UnreadableDocument."""
    return _known.get(document) or _load(_DEAL, document)


def dump_event(event: Event) -> str:
    """Write an event."""
    return _EVENT.dump_json(event).decode()


def load_event(document: str) -> Event:
    """Read an event; what its details are is told by their fields, of which no two kinds agree.

    Raises UnreadableDocument.
    """
    return _load(_EVENT, document)


def _load(adapter: TypeAdapter[Document], document: str) -> Document:
    try:
        return adapter.validate_json(document)
    except ValidationError as error:
        # Without the values, which people wrote and nobody else may read in a log.
        problems = [(one["loc"], one["type"]) for one in error.errors(include_input=False)]
        raise UnreadableDocument(str(problems)) from None
