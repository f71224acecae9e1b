"""Cases and disputes as tests tell them: ann and bob talk, cid listens, and moderators decide.

A `Story` is one case or dispute with its events; each method sends one command. What was refused
is raised, so that a test that expects a success says no more than what is done.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import pytest

from moderation_service.domain.case.commands import (
    CaseCommand,
    ClaimCase,
    CreateAppeal,
    CreateReport,
    DecideAppeal,
    DecideCase,
    LiftSanction,
    ReleaseCase,
)
from moderation_service.domain.case.entities import (
    AppealStatus,
    Case,
    Subject,
    SubjectKind,
    Verdict,
)
from moderation_service.domain.case.events import CaseEvent
from moderation_service.domain.decide import decide
from moderation_service.domain.dispute.commands import (
    Acceptance,
    CreateDispute,
    DecideDispute,
    DisputeCommand,
    FireTimers,
    HoldPlaced,
    SubmitDisputeStatement,
)
from moderation_service.domain.dispute.entities import Dispute, Outcome, Settlement
from moderation_service.domain.dispute.events import DisputeEvent
from moderation_service.domain.sanctions.entities import Measure, SanctionKind
from moderation_service.domain.shared.commands import EraseUser, ExpireEvidence
from moderation_service.domain.shared.evidence import Evidence, EvidenceKind, take, write_down
from moderation_service.domain.shared.limits import DAY, Limits
from moderation_service.domain.shared.reasons import DisputeReason, ReportReason
from service_kit.rules import Refusal

LIMITS = Limits()
MODERATOR = ("moderator",)
START = 1_000 * DAY
PARTICIPANTS = ("ann", "bob", "cid")
MESSAGE = Subject(SubjectKind.MESSAGE, "message-1", "talk")
CONVERSATION = Subject(SubjectKind.CONVERSATION, "talk", "talk")
FACTS, RULE = "Asked for payment outside.", "Terms, 4.2"
_numbers = count(1)


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
    """An id that nothing else has."""
    return f"{kind}-{next(_numbers)}"


def snapshot(at: int, content: str = "what was said") -> Evidence:
    return take(new("evidence"), EvidenceKind.MESSAGES, write_down({"text": content}), at)


def reported(actor: str = "ann", subject: Subject = MESSAGE, **rest: Any) -> CreateReport:
    """A report of bob's message, or of the conversation."""
    given: dict[str, Any] = {
        "report": new("report"),
        "case": new("case"),
        "participants": PARTICIPANTS,
        "reason": ReportReason.SCAM,
        "author": "bob" if subject.kind is SubjectKind.MESSAGE else "",
        **rest,
    }
    return CreateReport(actor, subject=subject, **given)


def measure(kind: SanctionKind, user: str = "bob", **rest: Any) -> Measure:
    """A measure against bob; what has no end is left without."""
    if kind is SanctionKind.CONVERSATION_LOCKED:
        user = ""
    return Measure(kind, user, **{"facts": FACTS, "rule": RULE, **rest})


def muted(until: int, user: str = "bob") -> Measure:
    return measure(SanctionKind.MUTED, user, until=until)


def banned(user: str = "bob") -> Measure:
    return measure(SanctionKind.BANNED, user)


@dataclass
class CaseStory:
    """One case."""

    now: int = START
    limits: Limits = LIMITS
    state: Case | None = None
    events: list[CaseEvent] = field(default_factory=list)

    @property
    def case(self) -> Case:
        assert self.state is not None
        return self.state

    def send(self, command: CaseCommand) -> tuple[CaseEvent, ...]:
        result = decide(self.state, command, self.now, self.limits)
        return self.take(result)

    def take(self, result: Any) -> tuple[CaseEvent, ...]:
        if isinstance(result, Refusal):
            raise RefusedError(result)
        self.state = result.state
        self.events += result.events
        return tuple(result.events)

    def report(self, actor: str = "ann", **rest: Any) -> tuple[CaseEvent, ...]:
        return self.send(reported(actor, **rest))

    def claim(self, actor: str = "mia") -> tuple[CaseEvent, ...]:
        return self.send(ClaimCase(actor, MODERATOR, self.case.id))

    def release(self, actor: str = "mia") -> tuple[CaseEvent, ...]:
        return self.send(ReleaseCase(actor, MODERATOR, self.case.id))

    def decide(self, *measures: Measure, actor: str = "mia", **rest: Any) -> tuple[CaseEvent, ...]:
        """Find a violation with these measures, or none without."""
        command = DecideCase(
            actor,
            rest.pop("roles", MODERATOR),
            self.case.id,
            rest.pop("version", self.case.seq),
            Verdict.VIOLATION if measures else Verdict.NO_VIOLATION,
            measures,
            decision=new("decision"),
            sanctions=tuple(new("sanction") for _ in measures),
        )
        return self.send(replace(command, **rest))

    def rule(self, *measures: Measure, actor: str = "mia") -> str:
        """Claim and decide; gives the id of the decision."""
        self.claim(actor)
        self.decide(*measures, actor=actor)
        return self.case.decisions[-1].id

    def appeal(self, actor: str = "bob", decision: str = "") -> str:
        """Appeal against the latest decision; gives the id of the appeal."""
        decision = decision or self.case.decisions[-1].id
        self.send(CreateAppeal(actor, new("appeal"), decision, "That was not me."))
        return self.case.appeals[-1].id

    def review(
        self, outcome: AppealStatus, actor: str = "max", appeal: str = "", **rest: Any
    ) -> tuple[CaseEvent, ...]:
        appeal = appeal or self.case.appeals[-1].id
        given = {"version": self.case.seq, "answer": "We looked again.", **rest}
        return self.send(DecideAppeal(actor, MODERATOR, appeal, outcome=outcome, **given))

    def lift(self, sanction: str = "", actor: str = "max") -> tuple[CaseEvent, ...]:
        sanction = sanction or self.case.sanctions[0].id
        return self.send(LiftSanction(actor, MODERATOR, sanction, "It was enough."))

    def erase(self, user: str, alias: str = "erased-1") -> tuple[CaseEvent, ...]:
        command = EraseUser("dora", ("data_protection",), user, alias)
        return self.take(decide(self.case, command, self.now, self.limits))

    def expire(self) -> tuple[CaseEvent, ...]:
        return self.take(decide(self.case, ExpireEvidence(), self.now, self.limits))


def decided_case(*measures: Measure, reporter: str = "ann", **rest: Any) -> CaseStory:
    """A case that mia has decided."""
    story = CaseStory(**rest)
    story.report(reporter)
    story.rule(*measures)
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

    def send(self, command: DisputeCommand) -> tuple[DisputeEvent, ...]:
        result = decide(self.state, command, self.now, self.limits)
        if isinstance(result, Refusal):
            raise RefusedError(result)
        self.state = result.state
        found = tuple(one for one in result.events if isinstance(one, DisputeEvent))
        self.events += found
        return found

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
        """Open it, and let the time for statements pass."""
        self.open(**rest)
        self.wait(self.limits.statements)


def disputed(actor: str = "bob", **rest: Any) -> CreateDispute:
    """A dispute about a service that ann provides and bob pays."""
    given: dict[str, Any] = {
        "dispute": new("dispute"),
        "service": "service-1",
        "conversation": "talk",
        "provider": "ann",
        "client": "bob",
        "currency": "EUR",
        "price": PRICE,
        "reason": DisputeReason.QUALITY,
        "statement": "It fell apart.",
        **rest,
    }
    return CreateDispute(actor, **given)
