"""Cases and disputes as tests tell them: ann and bob talk, cid listens, and moderators decide.

A `Story` is one case or dispute with its events; each method sends one command. What was refused
is raised, so that a test that expects a success says no more than what is done.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import pytest

from moderation_service.domain.case import arguments as case_arguments
from moderation_service.domain.case import commands, entities
from moderation_service.domain.case import decide as case_rules
from moderation_service.domain.case.events import CaseEvent
from moderation_service.domain.case.reporters import Reporter
from moderation_service.domain.case.views import CaseView, ReportView
from moderation_service.domain.dispute import arguments as dispute_arguments
from moderation_service.domain.dispute import decide as dispute_rules
from moderation_service.domain.dispute.commands import (
    Acceptance,
    CreateDispute,
    DecideDispute,
    DisputeCommand,
    DisputeFacts,
    FireTimers,
    HoldPlaced,
    SeenService,
    SubmitDisputeStatement,
)
from moderation_service.domain.dispute.entities import Dispute, Outcome, Settlement
from moderation_service.domain.dispute.events import DisputeEvent
from moderation_service.domain.dispute.views import DisputeView
from moderation_service.domain.sanctions.entities import Measure, MessageMeasure, SanctionKind
from moderation_service.domain.shared.commands import Command, EraseUser, ExpireEvidence, Ids
from moderation_service.domain.shared.evidence import EvidenceKind, Snapshot, Written, take
from moderation_service.domain.shared.limits import DAY, Limits
from moderation_service.domain.shared.reasons import DisputeReason, ReportReason
from moderation_service.operations.tasks import Task, command_of
from service_kit.rules import Refusal

LIMITS = Limits()
MODERATOR = ("moderator",)
START = 1_000 * DAY
PARTICIPANTS = ("ann", "bob", "cid")
MESSAGE = entities.Subject(entities.SubjectKind.MESSAGE, "message-1", "talk")
STATEMENT_OF_BOB = entities.Subject(entities.SubjectKind.STATEMENT, "dispute-1.2", "talk")
CONVERSATION = entities.Subject(entities.SubjectKind.CONVERSATION, "talk", "talk")
FACTS, RULE = "Asked for payment outside.", "Terms, 4.2"
_numbers = count(1)


Asked = Command[Any, Any] | Task[Any, Any]


class RefusedError(Exception):
    """A command was refused; `refusal` says why."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(f"{refusal.reason}: {refusal.message}")
        self.refusal = refusal


def refused(
    reason: str, tell: Callable[..., object], *arguments: Any, at: str = "", **named: Any
) -> Refusal:
    """Tell what is refused for a reason, at a field if it is an argument's fault."""
    with pytest.raises(RefusedError) as caught:
        tell(*arguments, **named)
    assert (caught.value.refusal.reason, caught.value.refusal.field) == (reason, at)
    return caught.value.refusal


def new(kind: str) -> str:
    return f"{kind}-{next(_numbers)}"


def written(authors: Mapping[str, str]) -> dict[str, Written]:
    """What the evidence tells of messages, given their authors."""
    return {message: Written(author) for message, author in authors.items()}


def snapshot(at: int, content: bytes = b"what was said") -> Snapshot:
    return Snapshot(take(new("evidence"), EvidenceKind.MESSAGES, content, at), content)


def reported(
    actor: str = "ann", subject: entities.Subject = MESSAGE, **rest: Any
) -> Task[entities.Case, ReportView]:
    """A report of bob's message or statement, or of the conversation."""
    is_conversation = subject.kind is entities.SubjectKind.CONVERSATION
    seen = commands.SeenSubject(
        subject.conversation,
        rest.pop("participants", PARTICIPANTS),
        rest.pop("author", "" if is_conversation else "bob"),
        rest.pop("evidence", ()),
    )
    ids = Ids(rest.pop("report", new("report")), rest.pop("case", new("case")))
    report = {
        entities.SubjectKind.MESSAGE: commands.ReportMessage,
        entities.SubjectKind.CONVERSATION: commands.ReportConversation,
        entities.SubjectKind.STATEMENT: commands.ReportDisputeStatement,
    }[subject.kind]
    given = {"reason": ReportReason.SCAM, **rest}
    return Task(
        report(actor, commands.SubjectName(subject.kind, subject.id), **given), seen=seen, ids=ids
    )


def appealed(actor: str, against: str, text: str = "Not me.", **rest: Any) -> Task[Any, Any]:
    """An appeal with an id that says what it is."""
    ids = Ids(rest.pop("appeal", new("appeal")))
    return Task(commands.CreateAppeal(actor, against, text, **rest), ids=ids)


def decision(
    case: str, *measures: Measure | MessageMeasure, version: int, actor: str = "mia", **rest: Any
) -> Task[entities.Case, CaseView]:
    """A decision with ids that say what they are: a violation with these measures, or none."""
    ids = Ids(
        rest.pop("decision", new("decision")),
        sanctions=rest.pop("sanctions", tuple(new("sanction") for _ in measures)),
    )
    verdict = entities.Verdict.VIOLATION if measures else entities.Verdict.NO_VIOLATION
    given = {"roles": MODERATOR, "verdict": verdict, "measures": measures, **rest}
    return Task(commands.DecideCase(actor, case=case, version=version, **given), ids=ids)


def erasure(user: str, target: str = "", alias: str = "erased-1") -> Task[Any, None]:
    """An erasure by somebody who may."""
    command = EraseUser("dora", ("data_protection",), user)
    return Task(command, target, ids=Ids(alias=alias))


def decide(
    state: entities.Case | Dispute | None,
    asked: Command[Any, Any] | Task[Any, Any],
    now: int,
    limits: Limits,
    **facts: Any,
) -> Any:
    task = asked if isinstance(asked, Task) else Task(asked)
    command = command_of(task)
    facts["ids"] = task.ids
    if task.seen:
        facts["seen"] = task.seen
    if isinstance(command, DisputeCommand) or (
        isinstance(state, Dispute) and isinstance(command, EraseUser | ExpireEvidence)
    ):
        assert state is None or isinstance(state, Dispute)
        return dispute_arguments.check_arguments(command, limits) or dispute_rules.decide(
            state, command, DisputeFacts(**facts), now, limits
        )
    assert state is None or isinstance(state, entities.Case)
    return case_arguments.check_arguments(command, limits) or case_rules.decide(
        state, command, commands.CaseFacts(**facts), now, limits
    )


def measure(kind: SanctionKind, user: str = "bob", **rest: Any) -> Any:
    """A measure against bob, or of one of his messages; what has no end is left without."""
    given = {"facts": FACTS, "rule": RULE, **rest}
    if "message" in rest:
        return MessageMeasure(kind, **given)
    return Measure(kind, "" if kind is SanctionKind.CONVERSATION_LOCKED else user, **given)


def muted(until: int, user: str = "bob") -> Measure:
    return Measure(SanctionKind.MUTED, user, FACTS, RULE, until=until)


def banned(user: str = "bob") -> Measure:
    return Measure(SanctionKind.BANNED, user, FACTS, RULE)


@dataclass
class CaseStory:
    """One case."""

    now: int = START
    limits: Limits = LIMITS
    state: entities.Case | None = None
    events: list[CaseEvent] = field(default_factory=list)

    @property
    def case(self) -> entities.Case:
        assert self.state is not None
        return self.state

    def send(self, asked: Asked, **facts: Any) -> tuple[CaseEvent, ...]:
        return self.take(decide(self.state, asked, self.now, self.limits, **facts))

    def take(self, result: Any) -> tuple[CaseEvent, ...]:
        if isinstance(result, Refusal):
            raise RefusedError(result)
        self.state = result.state
        self.events += result.events
        return tuple(result.events)

    def report(
        self, actor: str = "ann", reporter: Reporter | None = None, **rest: Any
    ) -> tuple[CaseEvent, ...]:
        return self.send(reported(actor, **rest), reporter=reporter)

    def claim(self, actor: str = "mia") -> tuple[CaseEvent, ...]:
        return self.send(commands.ClaimCase(actor, MODERATOR, self.case.id))

    def release(self, actor: str = "mia") -> tuple[CaseEvent, ...]:
        return self.send(commands.ReleaseCase(actor, MODERATOR, self.case.id))

    def decide(
        self, *measures: Measure | MessageMeasure, actor: str = "mia", **rest: Any
    ) -> tuple[CaseEvent, ...]:
        """Find a violation with these measures, or none without; all messages are bob's."""
        given = {"version": self.case.seq, **rest}
        shown = {one.message: "bob" for one in measures if isinstance(one, MessageMeasure)}
        task = decision(self.case.id, *measures, actor=actor, **given)
        return self.send(task, written=written(shown))

    def rule(self, *measures: Measure | MessageMeasure, actor: str = "mia") -> str:
        """Claim and decide; gives the id of the decision."""
        self.claim(actor)
        self.decide(*measures, actor=actor)
        return self.case.decisions[-1].id

    def appeal(self, actor: str = "bob", decision: str = "") -> str:
        """Appeal against the latest decision; gives the id of the appeal."""
        decision = decision or self.case.decisions[-1].id
        self.send(appealed(actor, decision, "That was not me."))
        return self.case.appeals[-1].id

    def review(
        self, outcome: entities.AppealStatus, actor: str = "max", appeal: str = "", **rest: Any
    ) -> tuple[CaseEvent, ...]:
        appeal = appeal or self.case.appeals[-1].id
        given = {"version": self.case.seq, "answer": "We looked again.", **rest}
        return self.send(commands.DecideAppeal(actor, MODERATOR, appeal, outcome=outcome, **given))

    def lift(self, sanction: str = "", actor: str = "max") -> tuple[CaseEvent, ...]:
        sanction = sanction or self.case.sanctions[0].id
        return self.send(commands.LiftSanction(actor, MODERATOR, sanction, "It was enough."))

    def erase(self, user: str, alias: str = "erased-1") -> tuple[CaseEvent, ...]:
        return self.send(erasure(user, alias=alias))

    def expire(self) -> tuple[CaseEvent, ...]:
        return self.send(ExpireEvidence())


def decided_case(*measures: Measure, reporter: str = "ann", **rest: Any) -> CaseStory:
    """A case that mia has decided."""
    story = CaseStory(**rest)
    story.report(reporter)
    story.rule(*measures)
    return story


def decided_for(measure: Measure) -> CaseStory:
    """A case that mia has decided, about a thing of which that can be said."""
    is_statement = measure.kind is SanctionKind.STATEMENT_REMOVED
    story = CaseStory()
    story.report(subject=STATEMENT_OF_BOB if is_statement else MESSAGE)
    story.rule(measure)
    return story


PRICE = 10_000


@dataclass
class DisputeStory:
    """One dispute between ann, who provides, and bob, who pays and has opened it."""

    now: int = START
    limits: Limits = LIMITS
    state: Dispute | None = None
    events: list[DisputeEvent] = field(default_factory=list)

    @property
    def dispute(self) -> Dispute:
        assert self.state is not None
        return self.state

    def send(self, asked: Asked) -> tuple[DisputeEvent, ...]:
        result = decide(self.state, asked, self.now, self.limits)
        if isinstance(result, Refusal):
            raise RefusedError(result)
        self.state = result.state
        self.events += result.events
        return tuple(result.events)

    def create(self, actor: str = "bob", **rest: Any) -> tuple[DisputeEvent, ...]:
        return self.send(disputed(actor, **rest))

    def open(self, price: int = PRICE, **rest: Any) -> None:
        """Create it, and have negotiation hold the service."""
        self.create(**rest)
        self.send(HoldPlaced(self.dispute.id, price))

    def state_case(self, actor: str, text: str = "It was so.") -> tuple[DisputeEvent, ...]:
        return self.send(SubmitDisputeStatement(actor, self.dispute.id, text))

    def propose(self, actor: str, provider: int, client: int) -> tuple[DisputeEvent, ...]:
        parts = Settlement(provider, client)
        return self.send(SubmitDisputeStatement(actor, self.dispute.id, propose=parts))

    def accept(self, actor: str, number: int = 0, **rest: Any) -> tuple[DisputeEvent, ...]:
        """Accept the newest offer, or one by its number."""
        offer = self.dispute.offers[number - 1] if self.dispute.offers else None
        parts = rest.get("settlement") or (offer.settlement if offer else Settlement(PRICE, 0))
        named = Acceptance(number or (offer.number if offer else 1), parts)
        return self.send(SubmitDisputeStatement(actor, self.dispute.id, accept=named))

    def withdraw(self, actor: str = "bob") -> tuple[DisputeEvent, ...]:
        return self.send(SubmitDisputeStatement(actor, self.dispute.id, withdraw=True))

    def decide(
        self, outcome: Outcome = Outcome.RESUME, split: Settlement | None = None, **rest: Any
    ) -> tuple[DisputeEvent, ...]:
        command = DecideDispute(
            rest.pop("actor", "mia"),
            rest.pop("roles", MODERATOR),
            self.dispute.id,
            rest.pop("version", self.dispute.seq),
            outcome,
            FACTS,
            RULE,
            split,
        )
        return self.send(replace(command, **rest))

    def wait(self, time: int) -> tuple[DisputeEvent, ...]:
        """Let time pass, and what it does."""
        self.now += time
        return self.send(FireTimers(self.dispute.id))

    def to_review(self, **rest: Any) -> None:
        self.open(**rest)
        self.wait(self.limits.statements)


def disputed(actor: str = "bob", **rest: Any) -> Task[Dispute, DisputeView]:
    """A dispute about a service that ann provides and bob pays."""
    seen = SeenService(
        "talk", "ann", "bob", "EUR", rest.pop("price", PRICE), rest.pop("evidence", ())
    )
    ids = Ids(rest.pop("dispute", new("dispute")))
    given: dict[str, Any] = {
        "service": "service-1",
        "reason": DisputeReason.QUALITY,
        "statement": "It fell apart.",
        **rest,
    }
    return Task(CreateDispute(actor, **given), seen=seen, ids=ids)
