"""The one operation: it carries out commands of every kind, in the order in which they came.

What they concern is read at once, `decide` decides them one after the other, each with what the one
before has left, and what came of it is written at once. Refusals are outcomes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from moderation_service.domain.case.commands import CreateReport
from moderation_service.domain.case.entities import Case
from moderation_service.domain.case.events import CaseEvent
from moderation_service.domain.case.views import show_standing
from moderation_service.domain.commands import Command, ModeratorCommand, PersonCommand
from moderation_service.domain.decide import check, decide
from moderation_service.domain.dispute.commands import CreateDispute
from moderation_service.domain.dispute.entities import Dispute
from moderation_service.domain.dispute.events import DisputeEvent
from moderation_service.domain.events import Event
from moderation_service.domain.idempotency import fingerprint
from moderation_service.domain.sanctions.standing import Standing
from moderation_service.domain.shared.commands import EraseUser, ExpireEvidence
from moderation_service.domain.shared.effect import Effect
from moderation_service.domain.shared.limits import Limits
from moderation_service.domain.shared.refusals import Reason, not_found
from moderation_service.operations.answers import PlacedStanding, Shown, about, show, show_current
from moderation_service.operations.history import replay_until
from moderation_service.operations.unit_of_work import Record
from moderation_service.operations.working_set import Known
from moderation_service.storage import targets
from moderation_service.storage.targets import UsedKey, target_of
from service_kit.rules import Position, Refusal
from service_kit.storage.writer import Operation, Transaction

_SALT_BYTES = 16


class Task(NamedTuple):
    """A command, with what the rules do not look at.

    `target` is the case or dispute of EraseUser and ExpireEvidence; `contents` are those of the
    evidence of the command, by id.
    """

    command: Command
    target: str = ""
    contents: Mapping[str, bytes] = {}


class Answer(NamedTuple):
    """What a command came to: the case or dispute then, and what of it the actor is shown.

    A duplicate is answered as the first time, and nothing happens. `next_due` tells when time ends
    the state of the dispute.
    """

    target: Case | Dispute
    shown: Shown | None
    events: tuple[Event, ...]
    duplicate: bool
    next_due: int | None


class _Run:
    """One run of the operation: what was found, and what comes of it."""

    def __init__(self, limits: Limits, transaction: Transaction, tasks: Sequence[Task]) -> None:
        connection = transaction.connection
        self.limits = limits
        self.transaction = transaction
        keys = [key for one in tasks if (key := _key(one.command))]
        self.keys = targets.find_keys(connection, keys)
        used = {one.target for one in self.keys.values()}
        self.histories = targets.find_histories(connection, used)
        named = [(one.command, one.target) for one in tasks]
        self.known = Known(connection, transaction.now, limits, named)
        self.record = Record(limits, transaction, self.known)
        self.answered: dict[tuple[str, str], Answer] = {}

    def carry_out(self, task: Task) -> Answer | Refusal:
        """Decide one command, after all before it; once for each idempotency key."""
        key = _key(task.command)
        if key is None:
            return self.answer(task)
        if key in self.keys:
            return self.repeat(key, task.command)
        answer = self.answer(task)
        if isinstance(answer, Answer):
            self.record.used[key] = self.keys[key] = UsedKey(
                fingerprint(task.command),
                answer.target.id,
                answer.target.seq,
                about(task.command),
            )
            self.answered[key] = answer._replace(events=(), duplicate=True, next_due=None)
        return answer

    def repeat(self, key: tuple[str, str], command: Command) -> Answer | Refusal:
        """Answer a key that has been used: the same answer for the same command only."""
        used = self.keys[key]
        if used.fingerprint != fingerprint(command):
            return Refusal(
                Reason.IDEMPOTENCY_KEY_CONFLICT,
                "this idempotency key was used for another command",
                "idempotency_key",
            )
        if key in self.answered:
            return self.answered[key]
        target, at = replay_until(self.history(used.target), used.seq)
        shown = show(command, target, used.about, at, self.limits)
        return Answer(target, shown, (), duplicate=True, next_due=None)

    def history(self, target: str) -> list[Event]:
        """Give what has happened to a case or dispute, to what this transaction has done to it."""
        if target not in self.histories:
            self.histories |= targets.find_histories(self.transaction.connection, (target,))
        stored = [self.record.without_erased(target, one.event) for one in self.histories[target]]
        return stored + [one for one in self.record.events if target_of(one) == target]

    def answer(self, task: Task) -> Answer | Refusal:
        """Decide a command and keep what it changes."""
        now, limits = self.transaction.now, self.limits
        command = self.known.complete(task.command)
        concerned = self.known.concerned(command, task.target)
        if concerned is None and isinstance(command, EraseUser | ExpireEvidence):
            return not_found(Reason.CASE_NOT_FOUND)
        # Which state goes with which command is `concerned`'s to know, and no type's.
        state: Any = concerned
        decided: Effect[Case, CaseEvent] | Effect[Dispute, DisputeEvent] | Refusal = decide(
            state, command, now, limits
        )
        if isinstance(command, ExpireEvidence) and concerned is not None:
            # However it ends, it is not to be asked again before something says so.
            self.record.revised[concerned.id] = None
        if isinstance(decided, Refusal):
            return self.show_current(decided, command)
        self.keep(task, decided)
        target = decided.state
        shown = show(command, target, about(command), now, limits)
        next_due = target.due_at if isinstance(target, Dispute) else None
        return Answer(target, shown, decided.events, duplicate=False, next_due=next_due)

    def show_current(self, refusal: Refusal, command: Command) -> Refusal:
        """Let a refusal bear how things stand as the actor sees them."""
        now, limits = self.transaction.now, self.limits
        if isinstance(refusal.current, Standing):
            user = refusal.current.user
            view = show_standing(user, self.known.cases_against(user), now, limits)
            # This transaction may come to nothing; what it has read is what was before it.
            place = Position(self.record.position.epoch, self.record.position.revision - 1)
            return replace(refusal, current=PlacedStanding(view, place))
        return show_current(refusal, command, now, limits)

    def keep(
        self, task: Task, decided: Effect[Case, CaseEvent] | Effect[Dispute, DisputeEvent]
    ) -> None:
        """Keep what a decision has changed."""
        command, target, record = task.command, decided.state, self.record
        if not decided.events:
            return
        if isinstance(command, EraseUser):
            record.erase(target.id, command)
            self.forget_answers(target.id, command.user)
        if isinstance(command, EraseUser | ExpireEvidence):
            record.forgotten[target.id] = None
        if isinstance(command, CreateReport | CreateDispute):
            record.contents += [
                (target.id, one.id, task.contents[one.id]) for one in command.evidence
            ]
        record.keep(target, decided.events)

    def forget_answers(self, target: str, user: str) -> None:
        """Have answers about a case or dispute made anew, and forget the keys of a person."""
        self.answered = {
            key: answer for key, answer in self.answered.items() if answer.target.id != target
        }
        for key, used in [*self.keys.items()]:
            if used.target == target and key[0] == user:
                del self.keys[key]
                self.record.used.pop(key, None)


def _key(command: Command) -> tuple[str, str] | None:
    """Give the actor and the idempotency key of a command; None without one."""
    if isinstance(command, EraseUser) or not isinstance(command, PersonCommand | ModeratorCommand):
        return None
    return (command.actor, command.idempotency_key) if command.idempotency_key else None


def carry_out(
    limits: Limits, transaction: Transaction, tasks: Sequence[Task]
) -> list[Answer | Refusal]:
    """Carry out commands in their order; each has its own outcome."""
    refusals = [check(one.command, limits) for one in tasks]
    run = _Run(
        limits,
        transaction,
        [one for one, refusal in zip(tasks, refusals, strict=True) if refusal is None],
    )
    outcomes = [
        run.carry_out(task) if refusal is None else refusal
        for task, refusal in zip(tasks, refusals, strict=True)
    ]
    run.record.store()
    return outcomes


def operation(limits: Limits) -> Operation[Task, Answer | Refusal]:
    """Bind the limits: made once, for the writer groups by identity."""
    return partial(carry_out, limits)
