"""Domain objects into messages of the contract."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from parley.negotiation.v1 import negotiation_pb2 as pb

from negotiation_service.domain import entities, views
from negotiation_service.domain.entities import CancellationRequest, Ruling, State, Timer
from negotiation_service.domain.history import Entry, Notification, ServiceChanged
from negotiation_service.domain.texts import INTERNAL
from negotiation_service.operations.runner import Answer
from service_kit.rpc.enumerations import Enumeration
from service_kit.rpc.servicer import optional_timestamp, timestamp

_STATES = Enumeration(pb.State, State)


def service(given: views.Snapshot) -> pb.Service:
    """Translate a service as its reader sees it: once, for the answer to a command and for what it
    caused. Whatever takes the message copies it, as fields of messages do.
    """
    return _service(_Same(given))


class _Same:
    """A view as a key: that object and no other, for to compare two by their fields costs more than
    to translate them.
    """

    __slots__ = ("view",)

    def __init__(self, view: views.Snapshot) -> None:
        self.view = view

    def __hash__(self) -> int:
        return id(self.view)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.view is other.view


# As many as are told and not yet answered.
@lru_cache(maxsize=1_000)
def _service(same: _Same) -> pb.Service:
    given = same.view
    currency, expires = given.currency, given.deadlines.get(Timer.OFFER)
    return pb.Service(
        id=given.service,
        conversation_id=given.conversation,
        provider=given.provider,
        client=given.client,
        title=given.title,
        description=given.description,
        currency=currency,
        exponent=given.exponent,
        state=_STATES.encode(given.state),
        offer=_offer(given.offer, currency, expires),
        amendment=_offer(given.amendment, currency, expires),
        agreed=_agreement(given.agreed, currency),
        reopenings=given.reopenings,
        cancellation=_cancellation(given.cancellation),
        hold=_hold(given.hold),
        ending=_ending(given.ending),
        settlement=_settlement(given.settlement),
        notes=_notes(given.notes),
        deadlines=[
            pb.Deadline(timer=timer, due_time=timestamp(due_at))
            for timer, due_at in sorted(given.deadlines.items(), key=lambda one: one[1])
        ],
        allowed_actions=given.allowed_actions,
        create_time=timestamp(given.created_at),
        version=given.seq,
    )


def answer(given: Answer) -> dict[str, Any]:
    """Translate the answer to a party's command into the fields that all responses to one have."""
    return {
        "service": service(given.service),
        "duplicate": given.duplicate,
        "cause": given.cause,
    }


def service_event(entry: Entry) -> pb.ServiceEvent:
    """Translate an entry of a history as its reader sees it."""
    deal, event = entry.deal, entry.event
    expires = next((one.due_at for one in event.deadlines if one.timer is Timer.OFFER), None)
    reminds_of = event.timer.reminds_of if event.timer else None
    return pb.ServiceEvent(
        service_id=deal.id,
        conversation_id=deal.conversation,
        number=entry.number,
        cause=event.cause,
        by=event.by,
        create_time=timestamp(event.at),
        state=_STATES.encode(event.state),
        title=entry.title,
        offer=_offer(entry.offer, deal.currency, expires),
        reason=entry.reason,
        settlement=_settlement(event.details.settlement)
        if isinstance(event.details, Ruling)
        else None,
        note=_note(entry.note),
        timer=reminds_of or "",
        withheld=entry.withheld,
    )


def event(recipients: tuple[str, ...], given: object) -> pb.Event:
    """Translate an event for those who follow its recipients, with the view of each of these."""
    told = _event(recipients, given, None)
    if isinstance(given, ServiceChanged):
        told.service_changed.views.extend(service(given.view(one)) for one in recipients)
    return told


def event_of_everything(recipients: tuple[str, ...], given: object) -> pb.Event:
    """Translate an event for a watcher of everything, who sees the deal of nobody."""
    return _event(recipients, given, INTERNAL)


def _event(recipients: tuple[str, ...], given: object, reader: str | None) -> pb.Event:
    if not isinstance(given, ServiceChanged):
        raise TypeError(f"not an event of this service: {type(given).__name__}")
    changed = pb.ServiceChanged(event=service_event(given.entry(reader)))
    return pb.Event(recipients=recipients, service_changed=changed)


def changes(given: Sequence[Notification], user: str) -> list[pb.Event]:
    """Translate the events of one revision, for one user or for an internal service."""
    return [
        event((user,), changed) if user else event_of_everything(recipients, changed)
        for recipients, changed in given
    ]


# --- Parts of a service ------------------------------------------------------------------------


def _offer(given: entities.Offer | None, currency: str, expires_at: int | None) -> pb.Offer | None:
    if given is None:
        return None
    return pb.Offer(
        number=given.number,
        price=pb.Money(amount_minor=given.price, currency=currency),
        by=given.by,
        note=given.note,
        create_time=timestamp(given.at),
        expire_time=optional_timestamp(expires_at),
    )


def _agreement(given: entities.Agreement | None, currency: str) -> pb.Agreement | None:
    if given is None:
        return None
    return pb.Agreement(
        price=pb.Money(amount_minor=given.price, currency=currency),
        version=given.version,
        offer=given.offer,
        agree_time=timestamp(given.at),
    )


def _cancellation(given: CancellationRequest | None) -> pb.CancellationRequest | None:
    if given is None:
        return None
    return pb.CancellationRequest(by=given.by, reason=given.reason, create_time=timestamp(given.at))


def _hold(given: entities.Hold | None) -> pb.Hold | None:
    if given is None:
        return None
    return pb.Hold(
        dispute=given.dispute, opened_by=given.opened_by, create_time=timestamp(given.since)
    )


def _ending(given: entities.Ending | None) -> pb.Ending | None:
    if given is None:
        return None
    return pb.Ending(cause=given.cause, by=given.by, end_time=timestamp(given.at))


def _settlement(given: entities.Settlement | None) -> pb.Settlement | None:
    if given is None:
        return None
    return pb.Settlement(provider_minor=given.provider_minor, client_minor=given.client_minor)


def _note(given: entities.Note | None) -> pb.Note | None:
    if given is None:
        return None
    return pb.Note(score=given.score, comment=given.comment, submit_time=timestamp(given.at))


def _notes(given: views.Notes) -> pb.Notes:
    return pb.Notes(
        mine=_note(given.mine),
        theirs=_note(given.theirs),
        reveal_time=optional_timestamp(given.revealed_at),
    )
