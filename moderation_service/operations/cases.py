"""The cases that a batch of commands is about."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection

from moderation_service.domain.case import entities
from moderation_service.domain.case.commands import (
    AnyCaseCommand,
    CaseFacts,
    ClaimCase,
    CreateAppeal,
    DecideAppeal,
    DecideCase,
    LiftSanction,
    ReleaseCase,
    Report,
    ReportConversation,
    ReportDisputeStatement,
    ReportMessage,
    SeenSubject,
)
from moderation_service.domain.case.decide import decide
from moderation_service.domain.case.entities import Case, CaseState, ReportStatus, SubjectKind
from moderation_service.domain.case.erasure import expires_at, without_user
from moderation_service.domain.case.events import CaseEvent, evolve
from moderation_service.domain.case.reporters import Reporter
from moderation_service.domain.case.show import show_appeal, show_report, show_whole_case
from moderation_service.domain.case.views import ReviewedAppeal
from moderation_service.domain.sanctions.entities import MessageMeasure, SanctionKind
from moderation_service.domain.sanctions.standing import Standing, standing
from moderation_service.domain.shared.commands import EraseUser, ExpireEvidence, PersonCommand
from moderation_service.domain.shared.effect import Effect
from moderation_service.domain.shared.evidence import Written, find_written
from moderation_service.domain.shared.limits import Limits
from moderation_service.operations.notifications import Past
from moderation_service.operations.tasks import AnyTask
from moderation_service.operations.working_set import WorkingSet
from moderation_service.storage import indexes, targets
from service_kit.rules import Refusal


class Cases(WorkingSet[Case, CaseEvent, AnyCaseCommand]):
    """Cases that commands name, and those that say how their actors stand."""

    def __init__(
        self, connection: Connection, now: int, limits: Limits, tasks: Sequence[AnyTask]
    ) -> None:
        super().__init__(now, limits)
        self._connection = connection
        self._owners: dict[str, str] = {}
        self._by_subject: dict[tuple[str, str], set[str]] = defaultdict(set)
        self._sanctioning: dict[str, set[str]] = defaultdict(set)
        commands = [one.command for one in tasks]
        for kind, ids in (
            ("decision", {one.decision for one in commands if isinstance(one, CreateAppeal)}),
            ("appeal", {one.appeal for one in commands if isinstance(one, DecideAppeal)}),
            ("sanction", {one.sanction for one in commands if isinstance(one, LiftSanction)}),
        ):
            self._owners |= targets.find_case_ids(connection, kind, ids)
        people = {one.actor for one in commands if isinstance(one, PersonCommand)}
        for user, found in indexes.find_sanctioning(connection, people, now).items():
            # All of them, for commands of this batch may lift some.
            self._sanctioning[user] = {one.case for one in found}
        reports = [one for one in commands if isinstance(one, Report)]
        subjects = {(one.subject.kind.value, one.subject.id) for one in reports}
        self._learn(targets.find_undecided(connection, subjects).values())
        named = {
            one.case for one in commands if isinstance(one, ClaimCase | ReleaseCase | DecideCase)
        }
        named.update(one.target for one in tasks)
        named.update(self._owners.values(), *self._sanctioning.values())
        self._learn(targets.find_cases(connection, named - {*self.states, ""}).values())
        self.before = dict(self.states)
        since = now - limits.report_window
        reporters = {one.actor for one in reports}
        self._reporters = indexes.find_reporters(connection, reporters, since)

    def find(self, task: AnyTask, command: AnyCaseCommand) -> Case | None:
        match command:
            case ReportMessage() | ReportConversation() | ReportDisputeStatement():
                subject = (command.subject.kind.value, command.subject.id)
                return self._undecided(self._by_subject[subject])
            case CreateAppeal():
                return self.states.get(self._owners.get(command.decision, ""))
            case DecideAppeal():
                return self.states.get(self._owners.get(command.appeal, ""))
            case LiftSanction():
                return self.states.get(self._owners.get(command.sanction, ""))
            case ClaimCase() | ReleaseCase() | DecideCase():
                return self.states.get(command.case)
            case EraseUser() | ExpireEvidence():
                return self.states.get(task.target)

    def decide(
        self, state: Case | None, task: AnyTask, command: AnyCaseCommand, standing: Standing | None
    ) -> Effect[Case, CaseEvent] | Refusal:
        facts = CaseFacts(
            ids=task.ids,
            seen=task.seen if isinstance(task.seen, SeenSubject) else SeenSubject(),
            written=self._written(state, command) if isinstance(command, DecideCase) else {},
            reporter=self._reporters[command.actor] if isinstance(command, Report) else None,
            standing=standing,
        )
        # What people are shown is compared by the time of its last change, so each has its own.
        now = max(self.now, state.told_at + 1) if state else self.now
        return decide(state, command, facts, now, self.limits)

    def _written(self, case: Case | None, command: DecideCase) -> dict[str, Written]:
        """Tell of the messages that are to be removed, as far as the evidence shows them."""
        if case is None:
            return {}
        reported = case.subject.id if case.subject.kind is SubjectKind.MESSAGE else ""
        messages = {
            one.message or reported
            for one in command.measures
            if isinstance(one, MessageMeasure) or one.kind is SanctionKind.MESSAGE_REMOVED
        }
        if not messages:
            return {}
        contents = targets.find_contents(self._connection, case.id).values()
        return {one: find_written(contents, one) for one in messages}

    def view(self, state: Case, command: AnyCaseCommand, about: str, at: int) -> Any:
        match command:
            case ReportMessage() | ReportConversation() | ReportDisputeStatement():
                report = state.report(about)
                return show_report(state, report, at, self.limits) if report else None
            case CreateAppeal():
                appeal = state.appeal(about)
                return show_appeal(appeal) if appeal else None
            case DecideAppeal():
                appeal = state.appeal(about)
                return ReviewedAppeal(state, appeal) if appeal else None
            case LiftSanction():
                return state.sanction(about)
            case ClaimCase() | ReleaseCase() | DecideCase():
                return show_whole_case(state, command.actor, at, self.limits)
        # Whoever erases sees nothing of what is erased.
        return None

    def past(self, events: list[Any], seq: int) -> tuple[Case, int]:
        return Past(evolve, [(one.seq, one) for one in events]).at(seq)

    def expires_at(self, target: str) -> int | None:
        return expires_at(self.states[target], self.now, self.limits)

    def erase_before(self, target: str, user: str, alias: str) -> None:
        if target in self.before:
            self.before[target] = without_user(self.before[target], user, alias)

    def against(self, user: str) -> list[Case]:
        """Give the cases that have, or had within this batch, a sanction against a user."""
        return [self.states[one] for one in sorted(self._sanctioning.get(user, ()))]

    def standing_of(self, user: str) -> Standing:
        """Tell how a user stands now."""
        sanctions = [one for case in self.against(user) for one in case.sanctions]
        return standing(user, sanctions, self.now)

    def keep(self, state: Case) -> str:
        self._count(self.states.get(state.id), state)
        self._learn((state,))
        return state.id

    def _learn(self, found: Iterable[Case]) -> None:
        for one in found:
            self.states[one.id] = one
            self._by_subject[one.subject.kind.value, one.subject.id].add(one.id)
            self._owners.update((decision.id, one.id) for decision in one.decisions)
            self._owners.update((appeal.id, one.id) for appeal in one.appeals)
            self._owners.update((sanction.id, one.id) for sanction in one.sanctions)
            for sanction in one.sanctions:
                for user in sanction.users:
                    self._sanctioning[user].add(one.id)

    def _undecided(self, ids: Iterable[str]) -> Case | None:
        """The oldest, if an appeal has opened another one again."""
        found = [self.states[one] for one in ids]
        undecided = [one for one in found if one.state is not CaseState.DECIDED]
        return min(undecided, key=lambda one: (one.created_at, one.id), default=None)

    def _count(self, before: Case | None, after: Case) -> None:
        """Count what became of reports, for what their reporters do next."""
        for report in after.reports:
            reporter = self._reporters.get(report.reporter)
            was = before.report(report.id) if before else None
            if reporter and was != report:
                self._reporters[report.reporter] = _counted(reporter, was, report)


def _counted(reporter: Reporter, was: entities.Report | None, report: entities.Report) -> Reporter:
    counts = {
        "open": reporter.open,
        "actioned": reporter.actioned,
        "no_violation": reporter.no_violation,
    }
    if was:
        counts[_bucket(was)] -= 1
    counts[_bucket(report)] += 1
    recent = reporter.recent if was else (*reporter.recent, report.at)
    return Reporter(reporter.user, **counts, recent=recent)


def _bucket(report: entities.Report) -> str:
    match report.status:
        case ReportStatus.ACTIONED:
            return "actioned"
        case ReportStatus.NO_VIOLATION:
            return "no_violation"
    return "open"
