"""What a batch of commands is decided upon: as the database has it, then as each has left it."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import replace

from sqlalchemy import Connection

from moderation_service.domain.case.commands import (
    ClaimCase,
    CreateAppeal,
    CreateReport,
    DecideAppeal,
    DecideCase,
    LiftSanction,
    ReleaseCase,
)
from moderation_service.domain.case.entities import Case, CaseState, Report, ReportStatus
from moderation_service.domain.case.reporters import Reporter
from moderation_service.domain.commands import Command, PersonCommand
from moderation_service.domain.dispute.commands import CreateDispute
from moderation_service.domain.dispute.entities import Dispute
from moderation_service.domain.sanctions.standing import standing
from moderation_service.domain.shared.commands import EraseUser, ExpireEvidence
from moderation_service.domain.shared.limits import Limits
from moderation_service.storage import indexes, targets

Tasks = Collection[tuple[Command, str]]
"""Commands, each with the target that it does not name itself."""


class Known:
    """`before` is how things stood, `targets` how they stand; both by id."""

    def __init__(self, connection: Connection, now: int, limits: Limits, tasks: Tasks) -> None:
        self._now = now
        self._owners: dict[str, str] = {}
        self._by_subject: dict[tuple[str, str], set[str]] = defaultdict(set)
        self._by_service: dict[str, set[str]] = defaultdict(set)
        self.targets: dict[str, Case | Dispute] = {}
        commands = [command for command, _ in tasks]
        named = {_name(command) or target for command, target in tasks}
        for kind, ids in (
            ("decision", {one.decision for one in commands if isinstance(one, CreateAppeal)}),
            ("appeal", {one.appeal for one in commands if isinstance(one, DecideAppeal)}),
            ("sanction", {one.sanction for one in commands if isinstance(one, LiftSanction)}),
        ):
            self._owners |= targets.find_case_ids(connection, kind, ids)
        people = {one.actor for one in commands if isinstance(one, PersonCommand)}
        in_force = indexes.find_sanctioning(connection, people, now)
        self._sanctioning: dict[str, set[str]] = defaultdict(set)
        for user, found in in_force.items():
            # All of them, for commands of this batch may lift some.
            self._sanctioning[user] = {one.case for one in found}
        reports = [one for one in commands if isinstance(one, CreateReport)]
        subjects = {(one.subject.kind.value, one.subject.id) for one in reports}
        self._learn(targets.find_undecided(connection, subjects).values())
        services = {one.service for one in commands if isinstance(one, CreateDispute)}
        self._learn(targets.find_open_disputes(connection, services).values())
        sanctioning = {case for cases in self._sanctioning.values() for case in cases}
        wanted = (named | sanctioning | set(self._owners.values())) - set(self.targets) - {""}
        self._learn(targets.find_cases(connection, wanted).values())
        self._learn(targets.find_disputes(connection, wanted - set(self.targets)).values())
        self.before = dict(self.targets)
        since = now - limits.report_window
        reporters = {one.actor for one in reports}
        self._reporters = indexes.find_reporters(connection, reporters, since)

    def concerned(self, command: Command, target: str) -> Case | Dispute | None:
        """Find what a command is about: for one that begins something, what stands in its place."""
        match command:
            case CreateReport():
                subject = (command.subject.kind.value, command.subject.id)
                return self._undecided(self._by_subject[subject])
            case CreateDispute():
                return self._open(self._by_service[command.service])
            case CreateAppeal():
                return self._case(self._owners.get(command.decision, ""))
            case DecideAppeal():
                return self._case(self._owners.get(command.appeal, ""))
            case LiftSanction():
                return self._case(self._owners.get(command.sanction, ""))
            case ClaimCase() | ReleaseCase() | DecideCase():
                return self._case(command.case)
            case EraseUser() | ExpireEvidence():
                return self.targets.get(target)
        found = self.targets.get(_name(command))
        return found if isinstance(found, Dispute) else None

    def complete(self, command: Command) -> Command:
        """Give a person's command with how they stand, and a report with their earlier ones."""
        if not isinstance(command, PersonCommand):
            return command
        cases = self.cases_against(command.actor)
        sanctions = [one for case in cases for one in case.sanctions]
        found = standing(command.actor, sanctions, self._now)
        if isinstance(command, CreateReport):
            reporter = self._reporters[command.actor]
            return replace(command, standing=found, reporter=reporter)
        return replace(command, standing=found)

    def cases_against(self, user: str) -> list[Case]:
        """Give the cases that have, or had within this batch, a sanction against a user."""
        found = (self.targets[one] for one in sorted(self._sanctioning.get(user, ())))
        return [one for one in found if isinstance(one, Case)]

    def change(self, target: Case | Dispute) -> None:
        """Keep how a case or dispute stands now."""
        before = self.targets.get(target.id)
        self._learn((target,))
        if isinstance(target, Case):
            self._count(before if isinstance(before, Case) else None, target)

    def _learn(self, found: Iterable[Case | Dispute]) -> None:
        for one in found:
            self.targets[one.id] = one
            if isinstance(one, Dispute):
                self._by_service[one.service].add(one.id)
                continue
            self._by_subject[one.subject.kind.value, one.subject.id].add(one.id)
            self._owners.update((decision.id, one.id) for decision in one.decisions)
            self._owners.update((appeal.id, one.id) for appeal in one.appeals)
            self._owners.update((sanction.id, one.id) for sanction in one.sanctions)
            for sanction in one.sanctions:
                for user in sanction.users:
                    self._sanctioning[user].add(one.id)

    def _case(self, case: str) -> Case | None:
        found = self.targets.get(case)
        return found if isinstance(found, Case) else None

    def _undecided(self, ids: Iterable[str]) -> Case | None:
        """The oldest, if an appeal has opened another one again."""
        found = [one for case in ids if (one := self._case(case))]
        undecided = [one for one in found if one.state is not CaseState.DECIDED]
        return min(undecided, key=lambda one: (one.created_at, one.id), default=None)

    def _open(self, ids: Iterable[str]) -> Dispute | None:
        found = (self.targets[one] for one in sorted(ids))
        return next((one for one in found if isinstance(one, Dispute) and one.is_open), None)

    def _count(self, before: Case | None, after: Case) -> None:
        """Count what became of reports, for what their reporters do next."""
        for report in after.reports:
            reporter = self._reporters.get(report.reporter)
            was = before.report(report.id) if before else None
            if reporter and was != report:
                self._reporters[report.reporter] = _counted(reporter, was, report)


def _name(command: Command) -> str:
    """Give the id of the case or dispute that a command names; empty for one that does not."""
    if isinstance(command, CreateReport | CreateDispute):
        # Its id is that of what is to be made.
        return ""
    return str(getattr(command, "case", "") or getattr(command, "dispute", ""))


def _counted(reporter: Reporter, was: Report | None, report: Report) -> Reporter:
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


def _bucket(report: Report) -> str:
    match report.status:
        case ReportStatus.ACTIONED:
            return "actioned"
        case ReportStatus.NO_VIOLATION:
            return "no_violation"
    return "open"
