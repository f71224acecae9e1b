"""The rules of moderation: pure functions of a case or a dispute, a command and now.

They know no database, no network and no clock. `decide` gives what happened and how things then
stand, which is as they were with these events applied (`evolve`, `evolve_dispute`), or a
`Refusal`. The tables that it follows are in `transitions.py` and `dispute_transitions.py`. Times
are milliseconds UTC.
"""

from typing import overload

from moderation_service.domain.arguments import check_arguments
from moderation_service.domain.case import erasure as case_erasure
from moderation_service.domain.case.commands import CaseCommand, CreateAppeal, CreateReport
from moderation_service.domain.case.decide import decide_case
from moderation_service.domain.case.entities import Case
from moderation_service.domain.case.events import CaseEvent
from moderation_service.domain.commands import Command, ModeratorCommand, PersonCommand
from moderation_service.domain.dispute import erasure as dispute_erasure
from moderation_service.domain.dispute.commands import (
    CreateDispute,
    DisputeCommand,
    SubmitDisputeStatement,
)
from moderation_service.domain.dispute.decide import decide_dispute
from moderation_service.domain.dispute.entities import Dispute
from moderation_service.domain.dispute.events import DisputeEvent
from moderation_service.domain.sanctions.measures import Activity
from moderation_service.domain.sanctions.standing import check_activity
from moderation_service.domain.shared.commands import EraseUser, ExpireEvidence
from moderation_service.domain.shared.effect import Effect
from moderation_service.domain.shared.limits import Limits
from moderation_service.domain.shared.roles import check_roles
from service_kit.rules import Refusal

_ACTIVITIES: dict[type[PersonCommand], Activity] = {
    CreateReport: Activity.REPORT,
    CreateAppeal: Activity.APPEAL,
    CreateDispute: Activity.DISPUTE,
    SubmitDisputeStatement: Activity.DISPUTE,
}


@overload
def decide(
    state: Case | None, command: CaseCommand, now: int, limits: Limits
) -> Effect[Case, CaseEvent] | Refusal: ...
@overload
def decide(
    state: Dispute | None, command: DisputeCommand, now: int, limits: Limits
) -> Effect[Dispute, DisputeEvent] | Refusal: ...
@overload
def decide(
    state: Case, command: EraseUser | ExpireEvidence, now: int, limits: Limits
) -> Effect[Case, CaseEvent] | Refusal: ...
@overload
def decide(
    state: Dispute, command: EraseUser | ExpireEvidence, now: int, limits: Limits
) -> Effect[Dispute, DisputeEvent] | Refusal: ...
def decide(
    state: Case | Dispute | None, command: Command, now: int, limits: Limits
) -> Effect[Case, CaseEvent] | Effect[Dispute, DisputeEvent] | Refusal:
    """Decide a command about what it names; None: there is no such thing.

    Which case or dispute that is, is said at `decide_case` and `decide_dispute`. A refusal changes
    nothing. One that is due to how things stand bears that as `current`, if the actor may see it:
    the whole Case to a moderator, the Dispute to a party, the Standing to whom a sanction refuses.
    """
    if refusal := check(command, limits):
        return refusal
    if isinstance(command, EraseUser | ExpireEvidence):
        if isinstance(state, Case):
            return case_erasure.forget(state, command, now, limits)
        if isinstance(state, Dispute):
            return dispute_erasure.forget(state, command, now, limits)
    if isinstance(command, CaseCommand) and not isinstance(state, Dispute):
        return decide_case(state, command, now, limits)
    if isinstance(command, DisputeCommand) and not isinstance(state, Case):
        return decide_dispute(state, command, now, limits)
    raise TypeError(f"{type(command).__name__} is not about a {type(state).__name__}")


def check(command: Command, limits: Limits) -> Refusal | None:
    """Refuse what can be refused without looking anything up that the command does not bear.

    First who may ask at all, then the arguments, then what a sanction keeps the actor from.
    """
    if isinstance(command, ModeratorCommand) and (
        refusal := check_roles(type(command).__name__, command.roles)
    ):
        return refusal
    if refusal := check_arguments(command, limits):
        return refusal
    if isinstance(command, PersonCommand):
        return check_activity(command.standing, _ACTIVITIES[type(command)])
    return None
