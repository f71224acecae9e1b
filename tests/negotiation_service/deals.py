"""Commands about deals between ann, who provides, and bob, who pays, as tests write them."""

from collections.abc import Sequence
from itertools import count
from typing import Any

from sqlalchemy import text

from negotiation_service.domain import commands
from negotiation_service.domain.entities import Deal, Money, Role
from negotiation_service.domain.events import Event
from negotiation_service.domain.facts import Facts
from negotiation_service.domain.limits import Limits
from negotiation_service.operations.runner import Answer, Task, operation
from negotiation_service.storage.documents import load_deal, load_event
from service_kit.rules import Refusal
from service_kit.storage.writer import Transaction
from tests.support.serving import Database

LIMITS = Limits({"EUR": 2, "JPY": 0})
_OPERATION = operation(LIMITS)
_numbers = count(1)


class Proposal(Task):
    """A creation, with the facts that the service would find before."""

    command: commands.CreateService

    @property
    def actor(self) -> str:
        return self.command.actor

    @property
    def service(self) -> str:
        return self.facts.service

    @property
    def conversation(self) -> str:
        return self.command.conversation


def carry_out(
    transaction: Transaction, given: Sequence[commands.Command | Proposal]
) -> list[Answer | Refusal]:
    """Run commands, of which all but proposals come without facts."""
    return _OPERATION(
        transaction, [one if isinstance(one, Proposal) else Task(one) for one in given]
    )


def euros(amount: int) -> Money:
    return Money(amount, "EUR")


def proposed(
    conversation: str = "c", *, actor: str = "ann", amount: int = 10_000, key: str = "", **rest: Any
) -> Proposal:
    """A new service of an id of its own, whose actor provides."""
    other = rest.pop("other", "bob" if actor == "ann" else "ann")
    service = rest.pop("service", f"service-{next(_numbers)}")
    command = commands.CreateService(
        actor=actor,
        conversation=conversation,
        role=rest.pop("role", Role.PROVIDER),
        title=rest.pop("title", "A garden fence"),
        price=euros(amount),
        idempotency_key=key,
        **rest,
    )
    return Proposal(command, Facts("", service, (actor, other)))


def edited(actor: str, service: str, amount: int, base: int, **rest: Any) -> commands.EditPrice:
    return commands.EditPrice(actor, service, euros(amount), base, **rest)


def accepted(
    actor: str, service: str, offer: int = 1, amount: int = 10_000, **rest: Any
) -> commands.EndNegotiation:
    outcome = commands.NegotiationOutcome.AGREED
    return commands.EndNegotiation(actor, service, outcome, offer, euros(amount), **rest)


def ended(actor: str, service: str, outcome: str, offer: int = 1) -> commands.EndNegotiation:
    return commands.EndNegotiation(actor, service, commands.NegotiationOutcome(outcome), offer)


def terminated(actor: str, service: str, outcome: str, **rest: Any) -> commands.TerminateService:
    return commands.TerminateService(actor, service, commands.TerminationOutcome(outcome), **rest)


def noted(actor: str, service: str, comment: str = "", **rest: Any) -> commands.SubmitNote:
    return commands.SubmitNote(actor, service, rest.pop("score", 5), comment, **rest)


def to_completion(service: str) -> Sequence[commands.Command]:
    """The commands that lead from the first offer to the completion."""
    return (
        accepted("bob", service),
        terminated("ann", service, "delivered"),
        terminated("bob", service, "completed"),
    )


def reasons(outcomes: list[Any]) -> list[str]:
    """The reason of each outcome, empty for a success."""
    return [one.reason if isinstance(one, Refusal) else "" for one in outcomes]


def stored_deals(database: Database) -> dict[str, Deal]:
    with database.engine.connect() as connection:
        rows = connection.execute(text("SELECT id, deal FROM services")).all()
    return {row.id: load_deal(row.deal) for row in rows}


def stored_events(database: Database) -> dict[str, list[Event]]:
    found: dict[str, list[Event]] = {}
    with database.engine.connect() as connection:
        for row in connection.execute(
            text("SELECT service_id, event FROM service_events ORDER BY service_id, seq")
        ):
            found.setdefault(row.service_id, []).append(load_event(row.event))
    return found


def stored_offers(database: Database) -> dict[str, list[tuple[int, int]]]:
    """The number and price of every offer of every deal, in their order."""
    found: dict[str, list[tuple[int, int]]] = {}
    with database.engine.connect() as connection:
        for row in connection.execute(
            text("SELECT service_id, number, price FROM offers ORDER BY service_id, number")
        ):
            found.setdefault(row.service_id, []).append((row.number, row.price))
    return found


def stored_timers(database: Database) -> dict[str, dict[str, int]]:
    """The time of each timer of each deal."""
    found: dict[str, dict[str, int]] = {}
    with database.engine.connect() as connection:
        for row in connection.execute(text("SELECT service_id, timer, due_at FROM service_timers")):
            found.setdefault(row.service_id, {})[row.timer] = row.due_at
    return found
