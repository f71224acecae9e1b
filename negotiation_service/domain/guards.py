"""What must hold for a transition: a function for each condition of the table.

The docstring of each is the condition in words, as docs/negotiation.md shows it; a name in braces
is one of the limits. No guard looks at the clock: what is late has happened before they are asked.
"""

from negotiation_service.domain.commands import (
    Command,
    CreateService,
    EditPrice,
    EndNegotiation,
    PartyCommand,
    ResolveHold,
    SubmitNote,
)
from negotiation_service.domain.entities import Deal, Timer
from negotiation_service.domain.limits import Limits
from negotiation_service.domain.refusals import Reason, conversation_not_found
from service_kit.rules import Refusal, invalid


def is_participant(_: Deal | None, command: CreateService, __: Limits) -> Refusal | None:
    """participant of the conversation"""
    # What is not a conversation of two people has no provider and client.
    if command.actor in command.participants and len(set(command.participants)) == 2:
        return None
    return conversation_not_found()


def no_open_service(deal: Deal | None, _: CreateService, __: Limits) -> Refusal | None:
    """no open service in it"""
    if deal is None or not deal.is_open:
        return None
    return Refusal(Reason.OPEN_SERVICE_EXISTS, "the conversation has an open service already")


def not_sanctioned(_: Deal | None, command: PartyCommand, __: Limits) -> Refusal | None:
    """no sanction forbids it"""
    return Refusal(Reason.SANCTIONED, command.forbidden) if command.forbidden else None


def not_on_hold(deal: Deal, _: Command, __: Limits) -> Refusal | None:
    """no hold"""
    if deal.hold is None:
        return None
    return Refusal(Reason.ON_HOLD, "a dispute about this service is under way")


def on_live_offer(deal: Deal, command: EditPrice, _: Limits) -> Refusal | None:
    """`base_offer` is the live offer, 0 for none"""
    live = deal.offer.number if deal.offer else 0
    return None if command.base_offer == live else _stale("base_offer is not the live offer")


def in_currency(deal: Deal, command: EditPrice, _: Limits) -> Refusal | None:
    """the currency of the deal"""
    if command.price.currency == deal.currency:
        return None
    return invalid("price.currency", f"is not that of the service, {deal.currency}")


def names_live_offer(deal: Deal, command: EndNegotiation, _: Limits) -> Refusal | None:
    """`offer` and `price` are those of the live offer"""
    if deal.offer is None or command.offer != deal.offer.number:
        return _stale("this is not the live offer")
    if command.price is not None and command.price != (deal.offer.price, deal.currency):
        return _stale("this is not the price of the live offer")
    return None


def rounds_left(deal: Deal, _: Command, limits: Limits) -> Refusal | None:
    """at most {rounds} rounds"""
    if deal.rounds < limits.rounds:
        return None
    return _too_many_rounds(limits.rounds, "rounds_limit")


def amendments_left(deal: Deal, _: Command, limits: Limits) -> Refusal | None:
    """at most {amendments} amendments proposed"""
    if deal.amendments < limits.amendments:
        return None
    return _too_many_rounds(limits.amendments, "amendments_limit")


def reopenings_left(deal: Deal, _: Command, limits: Limits) -> Refusal | None:
    """at most {reopenings} times"""
    if deal.reopenings < limits.reopenings:
        return None
    message = f"a service is reopened at most {limits.reopenings} times"
    return Refusal(Reason.TOO_MANY_REOPENINGS, message, limit="reopenings_limit")


def not_requested(deal: Deal, _: Command, __: Limits) -> Refusal | None:
    """no request stands"""
    if deal.cancellation is None:
        return None
    message = "the other party was asked to confirm the cancellation already"
    return Refusal(Reason.CANCELLATION_REQUESTED, message)


def notes_sealed(deal: Deal, _: Command, __: Limits) -> Refusal | None:
    """notes not yet revealed"""
    if deal.revealed_at is None:
        return None
    return Refusal(Reason.INVALID_STATE, "the notes have been revealed and stay as they are")


def submissions_left(deal: Deal, command: SubmitNote, limits: Limits) -> Refusal | None:
    """at most {submissions} times by each"""
    note = deal.note_of(command.actor)
    if note is None or note.submissions < limits.submissions:
        return None
    message = f"a note is submitted at most {limits.submissions} times"
    return Refusal(Reason.TOO_MANY_SUBMISSIONS, message, limit="submissions_limit")


def dispute_window_open(deal: Deal, _: Command, __: Limits) -> Refusal | None:
    """within {dispute} of completion, and no dispute has decided"""
    if deal.due_at(Timer.DISPUTE) is not None:
        return None
    return Refusal(Reason.INVALID_STATE, "it is too late to dispute this service")


def disputes_left(deal: Deal, _: Command, limits: Limits) -> Refusal | None:
    """at most {disputes} disputes"""
    if deal.disputes < limits.disputes:
        return None
    message = f"a service has at most {limits.disputes} disputes"
    return Refusal(Reason.TOO_MANY_DISPUTES, message, limit="disputes_limit")


def holds_dispute(deal: Deal, command: ResolveHold, _: Limits) -> Refusal | None:
    """the hold is of this dispute"""
    if deal.hold is not None and deal.hold.dispute == command.dispute:
        return None
    return Refusal(Reason.HOLD_NOT_FOUND, "no hold of this dispute stands")


def splits_price(deal: Deal, command: ResolveHold, _: Limits) -> Refusal | None:
    """the parts sum to the agreed price"""
    split, price = command.split, deal.agreed.price if deal.agreed else 0
    if split is not None and split.provider_minor + split.client_minor == price:
        return None
    return invalid("split", f"does not sum to the agreed price, {price}")


def _stale(message: str) -> Refusal:
    return Refusal(Reason.STALE_OFFER, message)


def _too_many_rounds(limit: int, setting: str) -> Refusal:
    return Refusal(Reason.TOO_MANY_ROUNDS, f"the price was edited {limit} times", limit=setting)
