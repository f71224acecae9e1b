"""The one operation: it carries out commands of every kind, in the order in which they came.

What they concern is read at once, `decide` decides them one after the other, each with the deal as
the one before has left it, and what came of it is written at once. Refusals are outcomes.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from negotiation_service.domain.arguments import check_arguments
from negotiation_service.domain.commands import Command, CreateService, FireTimers, PartyCommand
from negotiation_service.domain.decide import Decision, decide, next_due
from negotiation_service.domain.entities import Deal
from negotiation_service.domain.events import Event, recipients
from negotiation_service.domain.history import (
    Numbered,
    ServiceChanged,
    cause_by_command,
    number_events,
    offer_made,
    show,
    show_past,
)
from negotiation_service.domain.idempotency import fingerprint
from negotiation_service.domain.limits import Limits
from negotiation_service.domain.refusals import Reason
from negotiation_service.domain.views import INTERNAL, Snapshot
from negotiation_service.storage import deals
from negotiation_service.storage.deals import UsedKey
from service_kit.follow.sanctions import find_forbidden
from service_kit.rules import Refusal
from service_kit.storage.writer import Operation, Transaction


class Answer(NamedTuple):
    """What a command came to: the service then, as the actor sees it, and what happened to it.

    `cause` is what the command itself did; empty if it changed nothing. A duplicate is answered as
    the first time, and nothing happens. `next_due` tells when the service's next timer is due.
    """

    service: Snapshot
    cause: str
    events: tuple[Event, ...]
    duplicate: bool
    next_due: int | None


class _Run:
    """One run of the operation: what was found, and what comes of it."""

    def __init__(
        self, limits: Limits, transaction: Transaction, commands: Sequence[Command]
    ) -> None:
        connection = transaction.connection
        self.limits = limits
        self.transaction = transaction
        self.keys = deals.find_keys(
            connection,
            [
                (one.actor, one.idempotency_key)
                for one in commands
                if isinstance(one, PartyCommand) and one.idempotency_key
            ],
        )
        self.answered = self.find_answers()
        self.deals = deals.find_deals(
            connection, [one.service for one in commands if not isinstance(one, CreateService)]
        )
        found = deals.find_open(
            connection, [one.conversation for one in commands if isinstance(one, CreateService)]
        )
        self.open = {conversation: deal.id for conversation, deal in found.items()}
        self.deals.update((deal.id, deal) for deal in found.values() if deal.id not in self.deals)
        asked = [one for one in commands if isinstance(one, PartyCommand)]
        self.forbidden = find_forbidden(
            connection,
            {one.actor for one in asked},
            {conversation for one in asked if (conversation := self.place_of(one))},
            transaction.now,
        )
        self.claimed = deals.claim_due(
            connection,
            [one.service for one in commands if isinstance(one, FireTimers)],
            transaction.now,
        )
        self.created: dict[str, None] = {}
        self.changed: dict[str, None] = {}
        self.events: list[Numbered] = []
        self.used: dict[tuple[str, str], UsedKey] = {}

    def find_answers(self) -> dict[tuple[str, str], Answer]:
        """Give the first answers to those keys that were used before."""
        histories = deals.find_histories(
            self.transaction.connection, [used.service for used in self.keys.values()]
        )
        answers: dict[tuple[str, str], Answer] = {}
        for key, used in self.keys.items():
            events = [event for _, event in histories[used.service] if event.seq <= used.seq]
            shown = show_past(events, key[0], self.limits)
            cause = cause_by_command(events)
            answers[key] = Answer(shown, cause, (), duplicate=True, next_due=None)
        return answers

    def carry_out(self, command: Command) -> Answer | Refusal:
        """Decide one command, after all before it; once for each idempotency key."""
        if not isinstance(command, PartyCommand) or not command.idempotency_key:
            return self.answer(command)
        key = (command.actor, command.idempotency_key)
        digest = fingerprint(command)
        if key in self.answered:
            return self.repeat(key, digest)
        answer = self.answer(command)
        if isinstance(answer, Answer):
            last = answer.events[-1]
            self.used[key] = self.keys[key] = UsedKey(digest, last.service, last.seq)
            self.answered[key] = answer._replace(events=(), duplicate=True)
        return answer

    def answer(self, command: Command) -> Answer | Refusal:
        """Decide a command and keep what it changes."""
        now = self.transaction.now
        decision = self.decide(command)
        reader = command.actor if isinstance(command, PartyCommand) else INTERNAL
        if isinstance(decision, Refusal):
            if isinstance(decision.current, Deal):
                current = show(decision.current, reader, now, self.limits)
                return replace(decision, current=current)
            return decision
        self.note(decision, is_new=isinstance(command, CreateService))
        shown = show(decision.deal, reader, now, self.limits)
        cause = cause_by_command(decision.events)
        due_at = next_due(decision.deal)
        return Answer(shown, cause, decision.events, duplicate=False, next_due=due_at)

    def repeat(self, key: tuple[str, str], digest: str) -> Answer | Refusal:
        """Answer a key that has been used: the same answer for the same command only."""
        if self.keys[key].fingerprint == digest:
            return self.answered[key]
        return Refusal(
            Reason.IDEMPOTENCY_KEY_CONFLICT,
            "this idempotency key was used for another command",
            "idempotency_key",
        )

    def decide(self, command: Command) -> Decision | Refusal:
        """Decide a command; timers that another replica has claimed are left to it."""
        deal = self.concerned(command)
        if isinstance(command, PartyCommand):
            forbidden = self.forbidden.why(command.actor, self.place_of(command))
            command = replace(command, forbidden=forbidden) if forbidden else command
        if deal and isinstance(command, FireTimers) and deal.id not in self.claimed:
            return Decision(deal, ())
        return decide(deal, command, self.transaction.now, self.limits)

    def place_of(self, command: PartyCommand) -> str:
        """Tell in which conversation a party acts; empty for a service that does not exist."""
        if isinstance(command, CreateService):
            return command.conversation
        deal = self.deals.get(command.service)
        return deal.conversation if deal else ""

    def concerned(self, command: Command) -> Deal | None:
        """Find the deal that a command is about; for a creation the open one in its place."""
        if not isinstance(command, CreateService):
            return self.deals.get(command.service)
        deal = self.deals.get(self.open.get(command.conversation, ""))
        if deal is None:
            return None
        # Its time may be up, which is an event of its own.
        fired = decide(deal, FireTimers(deal.id), self.transaction.now, self.limits)
        if isinstance(fired, Refusal):
            raise TypeError(f"time is never refused: {fired.reason}")
        self.note(fired)
        return fired.deal

    def note(self, decision: Decision, *, is_new: bool = False) -> None:
        """Keep what a decision has changed."""
        if not decision.events:
            return
        deal = decision.deal
        self.events += number_events(self.deals.get(deal.id), decision.events)
        self.deals[deal.id] = deal
        if is_new:
            self.created[deal.id] = None
            self.open[deal.conversation] = deal.id
        elif deal.id not in self.created:
            self.changed[deal.id] = None

    def store(self) -> None:
        """Write all that is new, and tell it."""
        transaction, connection = self.transaction, self.transaction.connection
        revision = transaction.revision
        # What is no longer open makes place for what is.
        changed = [self.deals[one] for one in sorted(self.changed)]
        created = [self.deals[one] for one in self.created]
        deals.update_deals(connection, changed, revision)
        deals.insert_deals(connection, created, revision)
        made = [(event.service, offer) for event, _ in self.events if (offer := offer_made(event))]
        deals.insert_offers(connection, made, revision)
        told = [
            (recipients(self.deals[event.service], event), event, number)
            for event, number in self.events
        ]
        happened = [(self.deals[event.service], to, event) for to, event, _ in told]
        deals.insert_events(connection, happened, revision)
        deals.replace_timers(connection, [*changed, *created])
        deals.insert_keys(connection, self.used.items(), revision)
        for to, event, number in told:
            deal = self.deals[event.service]
            news = ServiceChanged(event, number, deal, transaction.now, self.limits)
            transaction.emit(to, news)


def carry_out(
    limits: Limits, transaction: Transaction, commands: Sequence[Command]
) -> list[Answer | Refusal]:
    """Carry out commands in their order; each has its own outcome."""
    refusals = [check_arguments(one, limits) for one in commands]
    run = _Run(
        limits,
        transaction,
        [one for one, refusal in zip(commands, refusals, strict=True) if refusal is None],
    )
    outcomes = [
        run.carry_out(command) if refusal is None else refusal
        for command, refusal in zip(commands, refusals, strict=True)
    ]
    run.store()
    return outcomes


def operation(limits: Limits) -> Operation[Command, Answer | Refusal]:
    """Bind the limits: made once, for the writer groups by identity."""
    return partial(carry_out, limits)
