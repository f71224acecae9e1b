"""Cases, disputes and their events as JSON, of which the database reads nothing but in columns.

A field with a default may be added to each; what was stored before has the default.
"""

from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from moderation_service.domain.case.entities import Case
from moderation_service.domain.case.events import CaseEvent
from moderation_service.domain.dispute.entities import Dispute
from moderation_service.domain.dispute.events import DisputeEvent
from moderation_service.domain.events import Event

_CASE = TypeAdapter(Case)
_DISPUTE = TypeAdapter(Dispute)
_CASE_EVENT = TypeAdapter(CaseEvent)
_DISPUTE_EVENT = TypeAdapter(DisputeEvent)

Document = TypeVar("Document")


class UnreadableDocument(ValueError):  # noqa: N818, the name says what is the case
    """A stored document is nothing that this program knows."""


def dump(state: Case | Dispute) -> str:
    """Write a case or a dispute."""
    adapter: TypeAdapter[Case] | TypeAdapter[Dispute] = (
        _CASE if isinstance(state, Case) else _DISPUTE
    )
    return adapter.dump_json(state).decode()  # type: ignore[arg-type]  # each goes with its own


def load_case(document: str) -> Case:
    """Read a case. Raises UnreadableDocument."""
    return _load(_CASE, document)


def load_dispute(document: str) -> Dispute:
    """Read a dispute. Raises UnreadableDocument."""
    return _load(_DISPUTE, document)


def dump_event(event: Event) -> str:
    """Write an event; the audit log commits to what stands here, to the letter."""
    if isinstance(event, CaseEvent):
        return _CASE_EVENT.dump_json(event).decode()
    return _DISPUTE_EVENT.dump_json(event).decode()


def load_case_event(document: str) -> CaseEvent:
    """Read an event of a case; what its details are is told by their fields, of which no two kinds
    agree. Raises UnreadableDocument.
    """
    return _load(_CASE_EVENT, document)


def load_dispute_event(document: str) -> DisputeEvent:
    """Read an event of a dispute. Raises UnreadableDocument."""
    return _load(_DISPUTE_EVENT, document)


def _load(adapter: TypeAdapter[Document], document: str) -> Document:
    try:
        return adapter.validate_json(document)
    except ValidationError as error:
        # Without the values, which people wrote and nobody else may read in a log.
        problems = [(one["loc"], one["type"]) for one in error.errors(include_input=False)]
        raise UnreadableDocument(str(problems)) from None
