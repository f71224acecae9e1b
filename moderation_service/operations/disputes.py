"""The disputes that a batch of commands is about."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection

from moderation_service.domain.dispute.commands import (
    AnyDisputeCommand,
    CreateDispute,
    DisputeCommand,
    DisputeFacts,
    SeenService,
)
from moderation_service.domain.dispute.decide import decide
from moderation_service.domain.dispute.entities import Dispute
from moderation_service.domain.dispute.erasure import expires_at, without_user
from moderation_service.domain.dispute.events import DisputeEvent, evolve_dispute
from moderation_service.domain.dispute.removals import with_removals_of
from moderation_service.domain.dispute.show import show_part_of_dispute
from moderation_service.domain.dispute.views import INTERNAL
from moderation_service.domain.sanctions.standing import Standing
from moderation_service.domain.shared.commands import EraseUser, ExpireEvidence, ModeratorCommand
from moderation_service.domain.shared.effect import Effect
from moderation_service.domain.shared.limits import Limits
from moderation_service.domain.shared.roles import Role
from moderation_service.operations.notifications import Past
from moderation_service.operations.tasks import AnyTask
from moderation_service.operations.working_set import WorkingSet
from moderation_service.storage import targets
from service_kit.idempotency import IdempotentCommand
from service_kit.rules import Refusal


class Disputes(WorkingSet[Dispute, DisputeEvent, AnyDisputeCommand]):
    """Disputes that commands name, and open ones about the services that they name."""

    def __init__(
        self, connection: Connection, now: int, limits: Limits, tasks: Sequence[AnyTask]
    ) -> None:
        super().__init__(now, limits)
        self._by_service: dict[str, set[str]] = defaultdict(set)
        commands = [one.command for one in tasks]
        services = {one.service for one in commands if isinstance(one, CreateDispute)}
        self._learn(targets.find_open_disputes(connection, services).values())
        named = {
            one.dispute
            for one in commands
            if isinstance(one, DisputeCommand) and not isinstance(one, CreateDispute)
        }
        named.update(one.target for one in tasks)
        self._learn(targets.find_disputes(connection, named - {*self.states, ""}).values())
        self.before = dict(self.states)

    def load(self, connection: Connection, dispute: str) -> Dispute | None:
        """Give a dispute as it stands, which no command may have named."""
        if dispute not in self.states:
            found = targets.find_disputes(connection, (dispute,))
            self._learn(found.values())
            self.before.update(found)
        return self.states.get(dispute)

    def find(self, task: AnyTask, command: AnyDisputeCommand) -> Dispute | None:
        if isinstance(command, EraseUser | ExpireEvidence):
            return self.states.get(task.target)
        if not isinstance(command, CreateDispute):
            return self.states.get(command.dispute)
        found = (self.states[one] for one in sorted(self._by_service[command.service]))
        return next((one for one in found if one.is_open), None)

    def decide(
        self,
        state: Dispute | None,
        task: AnyTask,
        command: AnyDisputeCommand,
        standing: Standing | None,
    ) -> Effect[Dispute, DisputeEvent] | Refusal:
        seen = task.seen if isinstance(task.seen, SeenService) else SeenService()
        return decide(state, command, DisputeFacts(task.ids, seen, standing), self.now, self.limits)

    def view(
        self,
        state: Dispute,
        command: AnyDisputeCommand,
        about: str,  # noqa: ARG002, a dispute is shown as one
        at: int,
    ) -> Any:
        if isinstance(command, EraseUser):
            # Whoever erases sees nothing of what is erased.
            return None
        reader, moderates = reader_of(command), is_moderator(command)
        return show_part_of_dispute(state, reader, at, self.limits, moderates=moderates)

    def past(self, events: list[Any], seq: int) -> tuple[Dispute, int]:
        past = Past(evolve_dispute, [(one.seq, one) for one in events])
        dispute, at = past.at(seq)
        return with_removals_of(dispute, past.latest), at

    def expires_at(self, target: str) -> int | None:
        return expires_at(self.states[target], self.now, self.limits)

    def erase_before(self, target: str, user: str, alias: str) -> None:
        if target in self.before:
            self.before[target] = without_user(self.before[target], user, alias)

    def keep(self, state: Dispute) -> str:
        self._learn((state,))
        return state.id

    def _learn(self, found: Iterable[Dispute]) -> None:
        for one in found:
            self.states[one.id] = one
            self._by_service[one.service].add(one.id)


def reader_of(command: object) -> str:
    """Name the actor of a command; INTERNAL for what negotiation and time say."""
    return command.actor if isinstance(command, IdempotentCommand) else INTERNAL


def is_moderator(command: object) -> bool:
    """Tell whether the actor has the role of a moderator."""
    return isinstance(command, ModeratorCommand) and Role.MODERATOR in command.roles
