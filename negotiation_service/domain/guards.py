"""Guards of transitions: a function for each condition of the table.

The docstring of each is the condition in words, as docs/negotiation.md shows it; a name in braces
is one of the limits. No guard looks at the clock: what is late has happened before they are asked.
"""

from typing import Generic, NamedTuple, TypeVar

from negotiation_service.domain import commands
from negotiation_service.domain.entities import Deal, Timer
from negotiation_service.domain.events import Event
from negotiation_service.domain.facts import Facts
from negotiation_service.domain.limits import Limits
from negotiation_service.domain.refusals import Reason, conversation_not_found
from service_kit.rules import Refusal, invalid

DealType = TypeVar("DealType", Deal, Deal | None)
CommandType = TypeVar("CommandType", bound=commands.Command)


class Attempt(NamedTuple, Generic[DealType, CommandType]):
    """A command as the rules look at it: about a deal as it stands `now`, after `events`.

    Of CreateService the deal is the open one of the conversation, None if it has none.
    """

    deal: DealType
    events: tuple[Event, ...]
    command: CommandType
    facts: Facts
    now: int
    limits: Limits


def is_participant(attempt: Attempt[Deal | None, commands.CreateService]) -> Refusal | None:
    """participant of the conversation"""
    participants = attempt.facts.participants
    # What is not a conversation of two people has no provider and client.
    if attempt.command.actor in participants and len(set(participants)) == 2:
        return None
    return conversation_not_found()


def no_open_service(attempt: Attempt[Deal | None, commands.CreateService]) -> Refusal | None:
    """no open service in it"""
    if attempt.deal is None or not attempt.deal.is_open:
        return None
    return Refusal(Reason.OPEN_SERVICE_EXISTS, "the conversation has an open service already")


def services_left(attempt: Attempt[Deal | None, commands.CreateService]) -> Refusal | None:
    """fewer than {services} opened in it within an hour"""
    if not attempt.facts.wait:
        return None
    message = f"a conversation has at most {attempt.limits.services} new services in an hour"
    return Refusal(
        Reason.SERVICES_LIMIT_REACHED,
        message,
        retry_after=attempt.facts.wait,
        limit="services_per_hour",
    )


def not_sanctioned(attempt: Attempt[Deal | None, commands.Command]) -> Refusal | None:
    """no sanction forbids it"""
    return _sanctioned(attempt.facts)


def no_words_sanctioned(attempt: Attempt[Deal, commands.PartyCommand]) -> Refusal | None:
    """no sanction forbids its words"""
    return _sanctioned(attempt.facts) if attempt.command.words else None


def no_words_to_blocked(attempt: Attempt[Deal, commands.PartyCommand]) -> Refusal | None:
    """no words to whom one blocks"""
    if not (attempt.facts.blocks and attempt.command.words):
        return None
    return Refusal(Reason.BLOCKED, "you block this person, so you can not write to them")


def not_on_hold(attempt: Attempt[Deal, commands.Command]) -> Refusal | None:
    """no hold"""
    if attempt.deal.hold is None:
        return None
    return Refusal(Reason.ON_HOLD, "a dispute about this service is under way")


def on_live_offer(attempt: Attempt[Deal, commands.EditPrice]) -> Refusal | None:
    """`base_offer` is the live offer, 0 for none"""
    live = attempt.deal.offer.number if attempt.deal.offer else 0
    if attempt.command.base_offer == live:
        return None
    return _stale("base_offer is not the live offer")


def in_currency(attempt: Attempt[Deal, commands.EditPrice]) -> Refusal | None:
    """the currency of the deal"""
    currency = attempt.deal.currency
    if attempt.command.price.currency == currency:
        return None
    return invalid("price.currency", f"is not that of the service, {currency}")


def names_live_offer(attempt: Attempt[Deal, commands.EndNegotiation]) -> Refusal | None:
    """`offer` and `price` are those of the live offer"""
    live, command = attempt.deal.offer, attempt.command
    if live is None or command.offer != live.number:
        return _stale("this is not the live offer")
    if command.price is not None and command.price != (live.price, attempt.deal.currency):
        return _stale("this is not the price of the live offer")
    return None


def rounds_left(attempt: Attempt[Deal, commands.Command]) -> Refusal | None:
    """at most {rounds} rounds"""
    most = attempt.limits.rounds
    return None if attempt.deal.rounds < most else _too_many_rounds(most, "rounds_limit")


def amendments_left(attempt: Attempt[Deal, commands.Command]) -> Refusal | None:
    """at most {amendments} amendments proposed"""
    most = attempt.limits.amendments
    return None if attempt.deal.amendments < most else _too_many_rounds(most, "amendments_limit")


def reopenings_left(attempt: Attempt[Deal, commands.Command]) -> Refusal | None:
    """at most {reopenings} times"""
    most = attempt.limits.reopenings
    if attempt.deal.reopenings < most:
        return None
    message = f"a service is reopened at most {most} times"
    return Refusal(Reason.TOO_MANY_REOPENINGS, message, limit="reopenings_limit")


def not_requested(attempt: Attempt[Deal, commands.Command]) -> Refusal | None:
    """no request stands"""
    if attempt.deal.cancellation is None:
        return None
    message = "the other party was asked to confirm the cancellation already"
    return Refusal(Reason.CANCELLATION_REQUESTED, message)


def notes_sealed(attempt: Attempt[Deal, commands.Command]) -> Refusal | None:
    """notes not yet revealed"""
    if attempt.deal.revealed_at is None:
        return None
    return Refusal(Reason.INVALID_STATE, "the notes have been revealed and stay as they are")


def submissions_left(attempt: Attempt[Deal, commands.SubmitNote]) -> Refusal | None:
    """at most {submissions} times by each"""
    note, most = attempt.deal.note_of(attempt.command.actor), attempt.limits.submissions
    if note is None or note.submissions < most:
        return None
    message = f"a note is submitted at most {most} times"
    return Refusal(Reason.TOO_MANY_SUBMISSIONS, message, limit="submissions_limit")


def dispute_window_open(attempt: Attempt[Deal, commands.Command]) -> Refusal | None:
    """within {dispute} of completion, and no dispute has decided"""
    if attempt.deal.due_at(Timer.DISPUTE) is not None:
        return None
    return Refusal(Reason.INVALID_STATE, "it is too late to dispute this service")


def disputes_left(attempt: Attempt[Deal, commands.Command]) -> Refusal | None:
    """at most {disputes} disputes"""
    most = attempt.limits.disputes
    if attempt.deal.disputes < most:
        return None
    message = f"a service has at most {most} disputes"
    return Refusal(Reason.TOO_MANY_DISPUTES, message, limit="disputes_limit")


def holds_dispute(attempt: Attempt[Deal, commands.ResolveHold]) -> Refusal | None:
    """the hold is of this dispute"""
    hold = attempt.deal.hold
    if hold is not None and hold.dispute == attempt.command.dispute:
        return None
    return Refusal(Reason.HOLD_NOT_FOUND, "no hold of this dispute stands")


def splits_price(attempt: Attempt[Deal, commands.ResolveHold]) -> Refusal | None:
    """the parts sum to the agreed price"""
    split, agreed = attempt.command.split, attempt.deal.agreed
    price = agreed.price if agreed else 0
    if split is not None and split.provider_minor + split.client_minor == price:
        return None
    return invalid("split", f"does not sum to the agreed price, {price}")


def _sanctioned(facts: Facts) -> Refusal | None:
    return Refusal(Reason.SANCTIONED, facts.forbidden) if facts.forbidden else None


def _stale(message: str) -> Refusal:
    return Refusal(Reason.STALE_OFFER, message)


def _too_many_rounds(limit: int, setting: str) -> Refusal:
    return Refusal(Reason.TOO_MANY_ROUNDS, f"the price was edited {limit} times", limit=setting)
