"""Views: a deal in the eyes of a reader."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from negotiation_service.domain import entities, texts
from negotiation_service.domain.decision import running_timers, settle
from negotiation_service.domain.events import Event, replay
from negotiation_service.domain.limits import Limits
from negotiation_service.domain.permissions import allowed_actions
from negotiation_service.domain.refusals import service_not_found
from negotiation_service.domain.texts import INTERNAL, is_hidden
from service_kit.rules import Refusal


@dataclass(frozen=True, slots=True)
class Notes:
    """The notes of both as the reader may see them; `theirs` only once revealed."""

    mine: entities.Note | None
    theirs: entities.Note | None
    revealed_at: int | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A deal in the eyes of a reader; all prices are minor units of `currency`.

    `exponent` is the number of decimals of a minor unit. `offer` is the live one while the state is
    offered, `amendment` while it is agreed. Of two snapshots the one with the higher `seq` is the
    newer. `deadlines` are without reminders, and empty while a hold stands.
    """

    service: str
    conversation: str
    provider: str
    client: str
    title: str
    description: str
    currency: str
    exponent: int
    created_at: int
    seq: int
    state: entities.State
    offer: entities.Offer | None
    agreed: entities.Agreement | None
    amendment: entities.Offer | None
    reopenings: int
    cancellation: entities.CancellationRequest | None
    hold: entities.Hold | None
    ending: entities.Ending | None
    settlement: entities.Settlement | None
    notes: Notes
    deadlines: Mapping[entities.Timer, int]
    allowed_actions: tuple[str, ...]


def snapshot(
    deal: entities.Deal, reader: str, now: int, limits: Limits, restricted: Collection[str] = ()
) -> Snapshot | Refusal:
    """Show a deal as it stands now to a party, or to an INTERNAL reader, who sees no note.

    `restricted` are the parties whom a sanction restricts now.
    """
    if reader != INTERNAL and reader not in deal.parties:
        return service_not_found()
    deal = settle(deal, now, limits).deal
    agreed = deal.agreed is not None
    return Snapshot(
        service=deal.id,
        conversation=deal.conversation,
        provider=deal.provider,
        client=deal.client,
        title=show_title(deal),
        description="" if texts.TERMS in deal.removed else deal.description,
        currency=deal.currency,
        exponent=deal.exponent,
        created_at=deal.created_at,
        seq=_visible_seq(deal, reader),
        state=deal.state,
        offer=None if agreed else show_offer(deal, deal.offer, reader),
        agreed=deal.agreed,
        amendment=show_offer(deal, deal.offer, reader) if agreed else None,
        reopenings=deal.reopenings,
        cancellation=show_request(deal, deal.cancellation, reader),
        hold=deal.hold,
        ending=deal.ending,
        settlement=deal.settlement,
        notes=_notes(deal, reader),
        deadlines={
            one.timer: one.due_at for one in running_timers(deal) if one.timer.reminds_of is None
        },
        allowed_actions=allowed_actions(deal, reader, now, limits, restricted),
    )


def show(
    deal: entities.Deal, reader: str, now: int, limits: Limits, restricted: Collection[str] = ()
) -> Snapshot:
    """Show a deal to one who has been found to be a party, or INTERNAL."""
    shown = snapshot(deal, reader, now, limits, restricted)
    if isinstance(shown, Refusal):
        raise TypeError(f"whoever is no party is refused earlier: {shown.reason}")
    return shown


def show_past(events: Sequence[Event], seq: int, reader: str, limits: Limits) -> Snapshot:
    """Show a deal to a party as it was after its event `seq`, at the time of that; but for what is
    removed by now.
    """
    past = [one for one in events if one.seq <= seq]
    deal, now = replay(past), replay(events)
    if deal is None or now is None:
        raise TypeError("a deal has at least the event of its creation")
    return show(replace(deal, removed=now.removed), reader, past[-1].at, limits)


def show_title(deal: entities.Deal) -> str:
    """Show the title of a deal; empty when it is removed."""
    return "" if texts.TERMS in deal.removed else deal.title


def show_offer(
    deal: entities.Deal, offer: entities.Offer | None, reader: str | None
) -> entities.Offer | None:
    """Show an offer, whose note may be hidden."""
    if offer is None or not is_hidden(deal, reader, texts.name_offer(offer.number), offer.by):
        return offer
    return replace(offer, note="")


def show_request(
    deal: entities.Deal, request: entities.CancellationRequest | None, reader: str | None
) -> entities.CancellationRequest | None:
    """Show a request for cancellation, whose reason may be hidden."""
    if request is None or not is_hidden(deal, reader, texts.name_request(request), request.by):
        return request
    return replace(request, reason="")


def _notes(deal: entities.Deal, reader: str) -> Notes:
    if reader == INTERNAL:
        return Notes(None, None, deal.revealed_at)
    mine, theirs = (_show_note(deal, one, reader) for one in (reader, deal.peer(reader)))
    return Notes(mine, theirs if deal.revealed_at is not None else None, deal.revealed_at)


def _show_note(deal: entities.Deal, author: str, reader: str) -> entities.Note | None:
    note = deal.note_of(author)
    if note is None or not is_hidden(deal, reader, texts.name_note(author), author):
        return note
    return replace(note, comment="")


def _visible_seq(deal: entities.Deal, reader: str) -> int:
    """Count the events without the sealed notes of others, for a gap would betray them."""
    if deal.revealed_at is not None:
        return deal.seq
    sealed = [note for one in deal.parties if one != reader and (note := deal.note_of(one))]
    return deal.seq - sum(note.submissions for note in sealed)
