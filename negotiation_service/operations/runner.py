"""The runner: the one operation for commands of every kind, in the order in which they came.

What they concern is read at once, `decide` decides them one after the other, each with the deal as
the one before has left it, and what came of it is written at once. Refusals are outcomes.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from negotiation_service.domain.commands import Command, CreateService, FireTimers
from negotiation_service.domain.decide import decide
from negotiation_service.domain.decision import Decision, fire_timers, next_due
from negotiation_service.domain.entities import Deal
from negotiation_service.domain.events import Event
from negotiation_service.domain.facts import NO_FACTS, Facts
from negotiation_service.domain.history import cause_by_command
from negotiation_service.domain.limits import HOUR, Limits
from negotiation_service.domain.texts import INTERNAL
from negotiation_service.domain.views import Snapshot, show, show_past
from negotiation_service.operations.unit_of_work import UnitOfWork, restricted_parties
from negotiation_service.storage import deals as storage
from negotiation_service.storage.deals import UsedKey
from service_kit.follow.sanctions import find_forbidden
from service_kit.idempotency import IdempotentCommand, IdempotentRunner
from service_kit.rules import Refusal
from service_kit.storage.writer import Operation, Transaction


class Task(NamedTuple):
    """A command whose arguments are sound, with the facts that were found before."""

    command: Command
    facts: Facts = NO_FACTS


class Answer(NamedTuple):
    """The outcome of a command: the service then, as the actor sees it, and what happened to it.

    `cause` is that of the command's own event; empty if it changed nothing. A duplicate has the
    first answer again, without events. `next_due` is the time of the service's next timer.
    """

    service: Snapshot
    cause: str
    events: tuple[Event, ...]
    duplicate: bool
    next_due: int | None


class Runner(IdempotentRunner[Task, UsedKey, Answer]):
    """Runs the commands of one transaction."""

    def __init__(self, limits: Limits, transaction: Transaction, tasks: Sequence[Task]) -> None:
        connection, now = transaction.connection, transaction.now
        commands = [one.command for one in tasks]
        asked = [one for one in commands if isinstance(one, IdempotentCommand)]
        super().__init__(storage.find_keys(connection, [key for one in asked if (key := one.key)]))
        self.limits = limits
        self.now = now
        self.connection = connection
        self.opened: list[Deal] = []
        self.histories = storage.find_histories(
            connection, [used.service for used in self.used_keys.values()]
        )
        self.work = UnitOfWork(
            transaction,
            [one.service for one in commands if not isinstance(one, CreateService)],
            [one.conversation for one in commands if isinstance(one, CreateService)],
        )
        self.forbidden = find_forbidden(
            connection,
            {
                *(one.actor for one in asked),
                *(party for deal in self.work.deals.values() for party in deal.parties),
                *(party for task in tasks for party in task.facts.participants),
            },
            {conversation for one in commands if (conversation := self.conversation_of(one))},
            now,
        )
        self.claimed = storage.claim_due(
            connection, [one.service for one in commands if isinstance(one, FireTimers)], now
        )

    def show(self, deal: Deal, command: Command) -> Snapshot:
        """Show a deal to the sender of a command."""
        restricted = restricted_parties(deal, self.forbidden)
        return show(deal, _reader(command), self.now, self.limits, restricted)

    def conversation_of(self, command: Command) -> str:
        """Give the conversation that a command acts in; empty if its service does not exist."""
        if isinstance(command, CreateService):
            return command.conversation
        deal = self.work.deals.get(command.service)
        return deal.conversation if deal else ""

    def wait(self, conversation: str) -> int:
        """Tell in how many milliseconds a conversation may have its next service; 0 for now."""
        most = self.limits.services
        opened = [deal.created_at for deal in self.opened if deal.conversation == conversation]
        opened += storage.find_openings(self.connection, conversation, most)
        # The next is possible when the one that many before it has left the window.
        last = sorted(opened, reverse=True)[:most]
        return max(0, last[-1] + HOUR - self.now) if len(last) == most else 0

    def decide(self, task: Task) -> Answer | Refusal:
        """Decide a command and keep what it changes."""
        decision = self.decide_on_deal(task)
        if isinstance(decision, Refusal):
            if isinstance(decision.current, Deal):
                return replace(decision, current=self.show(decision.current, task.command))
            return decision
        self.work.record(decision, task)
        if isinstance(task.command, CreateService):
            self.opened.append(decision.deal)
        shown = self.show(decision.deal, task.command)
        if decision.events:
            # As the events of this deal show it, unless another command changes it yet.
            self.work.views[decision.deal.id][_reader(task.command)] = shown
        cause = cause_by_command(decision.events)
        due_at = next_due(decision.deal)
        return Answer(shown, cause, decision.events, duplicate=False, next_due=due_at)

    def decide_on_deal(self, task: Task) -> Decision | Refusal:
        """Decide with the deal and all facts; leave timers to the replica that has claimed them."""
        command, facts = task
        if isinstance(command, CreateService):
            facts = replace(facts, wait=self.wait(command.conversation))
            deal = self.work.open_deal(command.conversation)
            if deal:
                # Its time may be up, which is an event of its own.
                fired = fire_timers(deal, self.now, self.limits)
                self.work.record(fired, task)
                deal = fired.deal
        else:
            deal = self.work.deals.get(command.service)
            if deal and isinstance(command, FireTimers) and deal.id not in self.claimed:
                return Decision(deal)
        if isinstance(command, IdempotentCommand):
            forbidden = self.forbidden.why(command.actor, self.conversation_of(command))
            facts = replace(facts, forbidden=forbidden or facts.forbidden)
        return decide(deal, command, facts, self.now, self.limits)

    # The answer alone says where it can be found.
    def use_key(self, task: Task, answer: Answer, fingerprint: str) -> UsedKey:  # noqa: ARG002
        last = answer.events[-1]
        return UsedKey(fingerprint, last.service, last.seq)

    def repeat_answer(self, answer: Answer) -> Answer:
        return answer._replace(events=(), duplicate=True)

    def rebuild_answer(self, task: Task, used: UsedKey) -> Answer:
        """Answer as the first time: with the service as it was after the event that is stored."""
        events = [one for _, one in self.histories[used.service]]
        shown = show_past(events, used.seq, _reader(task.command), self.limits)
        cause = cause_by_command([one for one in events if one.seq <= used.seq])
        return Answer(shown, cause, (), duplicate=True, next_due=None)


def _reader(command: Command) -> str:
    return command.actor if isinstance(command, IdempotentCommand) else INTERNAL


def carry_out(
    limits: Limits, transaction: Transaction, tasks: Sequence[Task]
) -> list[Answer | Refusal]:
    """Carry out commands in their order; each has its own outcome."""
    runner = Runner(limits, transaction, tasks)
    outcomes = [runner.carry_out(one) for one in tasks]
    runner.work.store(runner.new_keys, limits, runner.forbidden)
    return outcomes


def operation(limits: Limits) -> Operation[Task, Answer | Refusal]:
    """Bind the limits: made once, for the writer groups by identity."""
    return partial(carry_out, limits)
