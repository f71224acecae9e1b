"""The commands that a client makes for each of the allowed actions, from a snapshot alone."""

from collections.abc import Callable
from dataclasses import replace

from negotiation_service.domain import commands
from negotiation_service.domain.entities import Money
from negotiation_service.domain.views import Snapshot

Making = Callable[[Snapshot, str, int], commands.Command]


def edit(shown: Snapshot, actor: str, price: int) -> commands.Command:
    live = shown.offer or shown.amendment
    base = live.number if live else 0
    return commands.EditPrice(actor, shown.service, Money(price, shown.currency), base)


def end(outcome: commands.NegotiationOutcome) -> Making:
    def make(shown: Snapshot, actor: str, _: int) -> commands.Command:
        live = shown.offer or shown.amendment
        number, price = (live.number, live.price) if live else (1, 1)
        money = (
            Money(price, shown.currency) if outcome is commands.NegotiationOutcome.AGREED else None
        )
        return commands.EndNegotiation(actor, shown.service, outcome, number, money)

    return make


def terminate(outcome: commands.TerminationOutcome) -> Making:
    return lambda shown, actor, _: commands.TerminateService(actor, shown.service, outcome, "why")


def note(shown: Snapshot, actor: str, price: int) -> commands.Command:
    return commands.SubmitNote(actor, shown.service, price % 5 + 1, f"worth {price}")


CLIENT: dict[str, Making] = {
    "counter": edit,
    "revise": edit,
    "propose_amendment": edit,
    "accept": end(commands.NegotiationOutcome.AGREED),
    "decline": end(commands.NegotiationOutcome.DECLINED),
    "withdraw": end(commands.NegotiationOutcome.WITHDRAWN),
    "deliver": terminate(commands.TerminationOutcome.DELIVERED),
    "complete": terminate(commands.TerminationOutcome.COMPLETED),
    "reopen": terminate(commands.TerminationOutcome.REOPENED),
    "request_cancellation": terminate(commands.TerminationOutcome.CANCELLED),
    "confirm_cancellation": terminate(commands.TerminationOutcome.CANCELLED),
    "submit_note": note,
    "open_dispute": lambda shown, actor, _: commands.PlaceHold(
        shown.service, "a-new-dispute", actor
    ),
}


def shown_as(shown: Snapshot, action: str, actor: str) -> bool:
    """Tell whether an action has this name now; prices and cancellations have several."""
    live, asked = shown.offer or shown.amendment, shown.cancellation
    match action:
        case "counter":
            return live is not None and live.by != actor
        case "revise":
            return live is not None and live.by == actor
        case "propose_amendment":
            return live is None
        case "request_cancellation":
            return asked is None or asked.by == actor
        case "confirm_cancellation":
            return asked is not None and asked.by != actor
    return True


def without_words(command: commands.Command) -> commands.Command:
    """The same, and nothing said; a price can be named without a note."""
    match command:
        case commands.EditPrice():
            return replace(command, note="")
        case commands.TerminateService():
            return replace(command, reason="")
        case commands.SubmitNote():
            return replace(command, comment="")
    return command
