"""The one operation: it carries out commands of every kind, in the order in which they came.

What they concern is read at once, each is decided with what the one before has left, and what came
of it is written at once. Refusals are outcomes.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from moderation_service.domain.case import arguments as case_arguments
from moderation_service.domain.case.commands import CaseCommand
from moderation_service.domain.case.entities import Case
from moderation_service.domain.case.show import show_standing, show_whole_case
from moderation_service.domain.dispute import arguments as dispute_arguments
from moderation_service.domain.dispute.commands import DisputeCommand
from moderation_service.domain.dispute.entities import Dispute
from moderation_service.domain.dispute.show import show_part_of_dispute
from moderation_service.domain.sanctions.standing import Standing
from moderation_service.domain.shared.commands import EraseUser, ExpireEvidence, PersonCommand
from moderation_service.domain.shared.effect import Effect
from moderation_service.domain.shared.limits import Limits
from moderation_service.operations.cases import Cases
from moderation_service.operations.disputes import Disputes, is_moderator, reader_of
from moderation_service.operations.restrictions import PlacedStanding
from moderation_service.operations.tasks import Answer, AnyAnswer, AnyTask, about, command_of
from moderation_service.operations.unit_of_work import UnitOfWork
from moderation_service.operations.working_set import CommandType, EventType, State, WorkingSet
from moderation_service.storage import targets
from moderation_service.storage.targets import UsedKey
from service_kit.idempotency import IdempotentCommand, IdempotentRunner
from service_kit.rules import Position, Refusal
from service_kit.storage.writer import Operation, Transaction


class _Runner(IdempotentRunner[AnyTask, UsedKey, AnyAnswer]):
    """One run of the operation: what was found, and what comes of it."""

    def __init__(self, limits: Limits, transaction: Transaction, tasks: Sequence[AnyTask]) -> None:
        connection, now = transaction.connection, transaction.now
        asked = [one.command for one in tasks if isinstance(one.command, IdempotentCommand)]
        super().__init__(targets.find_keys(connection, [key for one in asked if (key := one.key)]))
        self.limits = limits
        self.transaction = transaction
        used = {one.target for one in self.used_keys.values()}
        self.histories = targets.find_histories(connection, used)
        self.cases = Cases(connection, now, limits, tasks)
        self.disputes = Disputes(connection, now, limits, tasks)
        self.unit_of_work = UnitOfWork(limits, transaction, self.cases, self.disputes)

    def decide(self, task: AnyTask) -> AnyAnswer | Refusal:
        command = command_of(task)
        if isinstance(command, DisputeCommand):
            return self._decide(self.disputes, task, command)
        if not isinstance(command, CaseCommand) and task.target in self.disputes.states:
            return self._decide(self.disputes, task, command)
        return self._decide(self.cases, task, command)

    def _decide(
        self,
        aggregate: WorkingSet[State, EventType, CommandType],
        task: AnyTask,
        command: CommandType,
    ) -> AnyAnswer | Refusal:
        state = aggregate.find(task, command)
        standing = (
            self.cases.standing_of(command.actor) if isinstance(command, PersonCommand) else None
        )
        effect = aggregate.decide(state, task, command, standing)
        if isinstance(command, ExpireEvidence) and state is not None:
            # However it ends, it is not to be asked again before something says so.
            self.unit_of_work.revised[task.target] = None
        if isinstance(effect, Refusal):
            return self.show_current(effect, command)
        if not task.validate_only:
            self.keep(aggregate, task, effect)
        view = aggregate.view(effect.state, command, about(task), self.transaction.now)
        next_due = effect.state.due_at if isinstance(effect.state, Dispute) else None
        return Answer(effect.state, view, effect.events, duplicate=False, next_due=next_due)

    def keep(
        self,
        aggregate: WorkingSet[State, EventType, CommandType],
        task: AnyTask,
        effect: Effect[State, EventType],
    ) -> None:
        """Keep what a command has changed."""
        if not effect.events:
            return
        command, unit = task.command, self.unit_of_work
        if isinstance(command, EraseUser):
            unit.erase(aggregate, task.target, command.user, task.ids.alias)
            self.forget_keys(task.target)
        if isinstance(command, EraseUser | ExpireEvidence):
            unit.forgotten[task.target] = None
        target = aggregate.keep(effect.state)
        if task.seen is not None:
            unit.contents += [(target, one.evidence.id, one.content) for one in task.seen.snapshots]
        unit.record(target, effect.events, task)

    def show_current(self, refusal: Refusal, command: object) -> Refusal:
        """Let a refusal bear how things stand as the actor sees them."""
        now, limits, reader = self.transaction.now, self.limits, reader_of(command)
        match refusal.current:
            case Standing(user=user):
                view = show_standing(user, self.cases.against(user), now, limits)
                # This transaction may come to nothing; what it has read is what was before it.
                before = self.unit_of_work.position
                place = Position(before.epoch, before.revision - 1)
                return replace(refusal, current=PlacedStanding(view, place))
            case Case() as case:
                return replace(refusal, current=show_whole_case(case, reader, now, limits))
            case Dispute() as dispute:
                moderates = is_moderator(command)
                seen = show_part_of_dispute(dispute, reader, now, limits, moderates=moderates)
                return replace(refusal, current=seen)
        return refusal

    # --- Idempotency keys -------------------------------------------------------------------

    def use_key(self, task: AnyTask, answer: AnyAnswer, fingerprint: str) -> UsedKey:
        return UsedKey(fingerprint, answer.target.id, answer.target.seq, about(task))

    def repeat_answer(self, answer: AnyAnswer) -> AnyAnswer:
        return replace(answer, events=(), duplicate=True, next_due=None)

    def rebuild_answer(self, task: AnyTask, used: UsedKey) -> AnyAnswer:
        command = command_of(task)
        if isinstance(command, DisputeCommand):
            return self._rebuild(self.disputes, command, used)
        return self._rebuild(self.cases, command, used)

    def _rebuild(
        self,
        aggregate: WorkingSet[State, EventType, CommandType],
        command: CommandType,
        used: UsedKey,
    ) -> AnyAnswer:
        state, at = aggregate.past([one.event for one in self.histories[used.target]], used.seq)
        view = aggregate.view(state, command, used.about, at)
        return Answer(state, view, (), duplicate=True, next_due=None)

    def forget_keys(self, target: str) -> None:
        """Forget the keys of a case or dispute: their digests are of words that are erased."""
        for key, used in [*self.used_keys.items()]:
            if used.target == target:
                self.forget_key(key)


def check_arguments(task: AnyTask, limits: Limits) -> Refusal | None:
    """Refuse a command without the role that it needs, or the first argument at fault.

    Of what was looked at already, that was checked before.
    """
    command = command_of(task)
    if task.seen is not None:
        return None
    if isinstance(command, DisputeCommand):
        return dispute_arguments.check_arguments(command, limits)
    return case_arguments.check_arguments(command, limits)


def carry_out(
    limits: Limits, transaction: Transaction, tasks: Sequence[AnyTask]
) -> list[AnyAnswer | Refusal]:
    """Carry out commands in their order; each has its own outcome."""
    refusals = [check_arguments(one, limits) for one in tasks]
    sound = [one for one, refusal in zip(tasks, refusals, strict=True) if refusal is None]
    runner = _Runner(limits, transaction, sound)
    outcomes = [
        refusal or runner.carry_out(task) for task, refusal in zip(tasks, refusals, strict=True)
    ]
    runner.unit_of_work.store(runner.new_keys)
    return outcomes


def operation(limits: Limits) -> Operation[AnyTask, AnyAnswer | Refusal]:
    """Bind the limits: made once, for the writer groups by identity."""
    return partial(carry_out, limits)
