"""Views: a deal in the eyes of a reader."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from negotiation_service.domain import entities
from negotiation_service.domain.decision import running_timers, settle
from negotiation_service.domain.events import Event, replay
from negotiation_service.domain.limits import Limits
from negotiation_service.domain.permissions import allowed_actions
from negotiation_service.domain.refusals import service_not_found
from service_kit.rules import Refusal

# No user has this name, so that only a service can read a deal in which it has no part.
INTERNAL = ""


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
        title=deal.title,
        description=deal.description,
        currency=deal.currency,
        exponent=deal.exponent,
        created_at=deal.created_at,
        seq=_visible_seq(deal, reader),
        state=deal.state,
        offer=None if agreed else deal.offer,
        agreed=deal.agreed,
        amendment=deal.offer if agreed else None,
        reopenings=deal.reopenings,
        cancellation=deal.cancellation,
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


def show_past(events: Sequence[Event], reader: str, limits: Limits) -> Snapshot:
    """Show a deal to a party as it was after its first events, at the time of the last of them."""
    deal = replay(events)
    if deal is None:
        raise TypeError("a deal has at least the event of its creation")
    return show(deal, reader, events[-1].at, limits)


def _notes(deal: entities.Deal, reader: str) -> Notes:
    if reader == INTERNAL:
        return Notes(None, None, deal.revealed_at)
    revealed = deal.revealed_at is not None
    theirs = deal.note_of(deal.peer(reader)) if revealed else None
    return Notes(deal.note_of(reader), theirs, deal.revealed_at)


def _visible_seq(deal: entities.Deal, reader: str) -> int:
    """Count the events without the sealed notes of others, for a gap would betray them."""
    if deal.revealed_at is not None:
        return deal.seq
    sealed = [note for one in deal.parties if one != reader and (note := deal.note_of(one))]
    return deal.seq - sum(note.submissions for note in sealed)
