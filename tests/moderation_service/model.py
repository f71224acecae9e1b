"""The design of a case told a second time, to hold the rules against.

It has no table, no events and no guards. It answers each command with the reason of its refusal, or
with None, and then does it. What a decision imposed is a list of plain facts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from moderation_service.domain.case import commands
from moderation_service.domain.sanctions.entities import MessageMeasure
from moderation_service.domain.shared.commands import Ids
from moderation_service.domain.shared.limits import Limits
from moderation_service.operations.tasks import Task

Answer = str | None


@dataclass
class Imposed:
    """A sanction, with those whom it concerns."""

    id: str
    decision: int
    kind: str
    users: tuple[str, ...]
    until: int | None
    lifted: bool = False

    def restricts(self, now: int) -> bool:
        return not self.lifted and (self.until is None or now < self.until)


@dataclass
class Filed:
    """A report: where it stands, and by which decision."""

    reporter: str
    reason: str
    status: str = "received"
    decision: int | None = None


@dataclass
class Objection:
    """An appeal against a decision, by its index."""

    id: str
    decision: int
    by: str
    for_reporter: bool
    status: str = "open"


@dataclass
class Model:
    """One case."""

    limits: Limits
    people: tuple[str, ...]
    author: str
    authors: Mapping[str, str]
    now: int = 0
    changes: int = 0
    holder: str = ""
    held_until: int = 0
    decided: bool = False
    reopened: int = 0
    filed: list[Filed] = field(default_factory=list)
    # The ids of the decisions, who made each and when.
    decisions: list[tuple[str, str, int]] = field(default_factory=list)
    imposed: list[Imposed] = field(default_factory=list)
    objections: list[Objection] = field(default_factory=list)

    def elapse(self, now: int) -> None:
        self.now = now
        if self.holder and now >= self.held_until:
            self.holder = ""
            self.changes += 1

    @property
    def state(self) -> str:
        if self.decided:
            return "decided"
        return "claimed" if self.holder else "open"

    # --- Answers ----------------------------------------------------------------------------

    def answer(self, command: commands.CaseCommand) -> Answer:
        """The reason why this is refused, None if it is not."""
        match command:
            case (
                commands.ReportMessage()
                | commands.ReportConversation()
                | commands.ReportDisputeStatement()
            ):
                return self._answer_report(command)
            case commands.CreateAppeal():
                return self._answer_appeal(command)
        if "moderator" not in command.roles:
            return "ROLE_REQUIRED"
        hidden = command.actor in self.people
        match command:
            case commands.ClaimCase() | commands.ReleaseCase() | commands.DecideCase():
                if hidden:
                    return "CASE_NOT_FOUND"
                return self._answer_work(command)
            case commands.DecideAppeal():
                return "APPEAL_NOT_FOUND" if hidden else self._answer_review(command)
            case commands.LiftSanction():
                found = [one for one in self.imposed if one.id == command.sanction]
                if hidden or not found:
                    return "SANCTION_NOT_FOUND"
                return None if found[0].restricts(self.now) else "INVALID_STATE"

    def _answer_report(self, command: commands.Report) -> Answer:
        if command.actor not in self.people:
            return f"{command.subject.kind.upper()}_NOT_FOUND"
        if command.actor == self.author:
            return "OWN_MESSAGE"
        waiting = [one for one in self.filed if one.status in {"received", "in_review"}]
        mine = (command.actor, command.reason.value)
        again = any((one.reporter, one.reason) == mine for one in waiting)
        return "ALREADY_REPORTED" if again else None

    def _answer_work(
        self, command: commands.ClaimCase | commands.ReleaseCase | commands.DecideCase
    ) -> Answer:
        if self.decided:
            return "INVALID_STATE"
        if isinstance(command, commands.ClaimCase):
            if any(by == command.actor for _, by, _ in self.decisions):
                return "SAME_MODERATOR"
            return "CLAIMED_BY_OTHER" if self.holder not in {"", command.actor} else None
        if not self.holder:
            return "NOT_CLAIMED"
        if isinstance(command, commands.DecideCase):
            if command.version != self.changes:
                return "STALE_CASE"
            if any(one.until is not None and one.until <= self.now for one in command.measures):
                return "INVALID_ARGUMENT"
        return None if self.holder == command.actor else "CLAIMED_BY_OTHER"

    def _index(self, decision: str) -> int | None:
        names = [name for name, _, _ in self.decisions]
        return names.index(decision) if decision in names else None

    def _reported(self, user: str, decision: int) -> bool:
        return any((one.reporter, one.decision) == (user, decision) for one in self.filed)

    def _answer_appeal(self, command: commands.CreateAppeal) -> Answer:
        index = self._index(command.decision)
        if index is None:
            return "DECISION_NOT_FOUND"
        against = [one for one in self.imposed if one.decision == index]
        mine = [one for one in against if command.actor in one.users]
        reported = self._reported(command.actor, index)
        if not mine and not reported:
            return "DECISION_NOT_FOUND"
        if any((one.by, one.decision) == (command.actor, index) for one in self.objections):
            return "ALREADY_APPEALED"
        latest = index == len(self.decisions) - 1
        second_look = reported and latest and self.reopened < self.limits.reopenings
        if not second_look and all(one.lifted for one in mine):
            return "NOTHING_TO_APPEAL"
        _, _, at = self.decisions[index]
        return "TOO_LATE_TO_APPEAL" if self.now >= at + self.limits.appeal_window else None

    def _answer_review(self, command: commands.DecideAppeal) -> Answer:
        found = [one for one in self.objections if one.id == command.appeal]
        if not found:
            return "APPEAL_NOT_FOUND"
        if found[0].status != "open":
            return "INVALID_STATE"
        if command.version != self.changes:
            return "STALE_CASE"
        _, by, _ = self.decisions[found[0].decision]
        return "SAME_MODERATOR" if by == command.actor else None

    # --- Effects ----------------------------------------------------------------------------

    def apply(self, task: Task[Any, Any]) -> None:
        command, ids = task.command, task.ids
        self.changes += 1
        match command:
            case (
                commands.ReportMessage()
                | commands.ReportConversation()
                | commands.ReportDisputeStatement()
            ):
                self.filed.append(Filed(command.actor, command.reason.value))
            case commands.ClaimCase():
                self.holder, self.held_until = command.actor, self.now + self.limits.lease
                for one in self.filed:
                    one.status = "in_review" if one.status == "received" else one.status
            case commands.ReleaseCase():
                self.holder = ""
            case commands.DecideCase():
                self._decide(command, ids)
            case commands.CreateAppeal():
                index = self._index(command.decision)
                assert index is not None
                restricted = any(
                    one.decision == index and command.actor in one.users and not one.lifted
                    for one in self.imposed
                )
                self.objections.append(Objection(ids.made, index, command.actor, not restricted))
            case commands.DecideAppeal():
                self._review(command)
            case commands.LiftSanction():
                next(one for one in self.imposed if one.id == command.sanction).lifted = True

    def _decide(self, command: commands.DecideCase, ids: Ids) -> None:
        index = len(self.decisions)
        self.decisions.append((ids.made, command.actor, self.now))
        self.decided, self.holder = True, ""
        outcome = "actioned" if command.measures else "no_violation"
        for one in self.filed:
            if one.status in {"received", "in_review"}:
                one.status, one.decision = outcome, index
        for name, measure in zip(ids.sanctions, command.measures, strict=True):
            locked = measure.kind.value == "conversation_locked"
            user = (
                self.authors[measure.message]
                if isinstance(measure, MessageMeasure)
                else measure.user
            )
            users = self.people if locked else (user,)
            self.imposed.append(Imposed(name, index, measure.kind.value, users, measure.until))

    def _review(self, command: commands.DecideAppeal) -> None:
        appeal = next(one for one in self.objections if one.id == command.appeal)
        appeal.status = command.outcome.value
        if appeal.status == "upheld":
            return
        if appeal.for_reporter:
            latest = appeal.decision == len(self.decisions) - 1
            if self.decided and latest and self.reopened < self.limits.reopenings:
                self.decided = False
                self.reopened += 1
                self.changes += 1
                for report in self.filed:
                    if report.decision == appeal.decision:
                        report.status, report.decision = "in_review", None
            return
        against = [one for one in self.imposed if one.decision == appeal.decision]
        for one in against:
            if appeal.by in one.users and not one.lifted:
                one.lifted = True
                self.changes += 1
        if all(one.lifted for one in against):
            self.changes += 1
            for report in self.filed:
                if report.decision == appeal.decision and report.status == "actioned":
                    report.status = "no_violation"
