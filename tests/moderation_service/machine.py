"""The steps of the machine of cases: those of reporters, the accused, moderators and a clock."""

from dataclasses import dataclass
from typing import Any

from hypothesis import stateful
from hypothesis import strategies as st

from moderation_service.domain import audit
from moderation_service.domain.case import entities
from moderation_service.domain.case.commands import (
    CaseCommand,
    ClaimCase,
    CreateAppeal,
    DecideAppeal,
    DecideCase,
    LiftSanction,
    ReleaseCase,
    ReportConversation,
    ReportMessage,
    SeenSubject,
    SubjectName,
)
from moderation_service.domain.case.events import CaseEvent, Cause, Undoing, evolve
from moderation_service.domain.case.transitions import settle_case
from moderation_service.domain.notifications import NotificationKind, of_case
from moderation_service.domain.sanctions.entities import Measure, MessageMeasure, SanctionKind
from moderation_service.domain.sanctions.measures import MEASURES, Lasting
from moderation_service.domain.sanctions.standing import standing
from moderation_service.domain.shared.commands import Ids
from moderation_service.domain.shared.effect import Effect
from moderation_service.domain.shared.limits import DAY, MINUTE, Limits
from moderation_service.domain.shared.reasons import ReportReason
from moderation_service.domain.shared.refusals import Reason
from moderation_service.operations.tasks import Task
from service_kit import audit as chain
from service_kit.rules import Refusal
from tests.moderation_service.model import Model
from tests.moderation_service.story import (
    FACTS,
    MODERATOR,
    RULE,
    START,
    Asked,
    decide,
    snapshot,
    written,
)

LIMITS = Limits(appeal_window=20 * DAY, reopenings=1)
PEOPLE = ("ann", "bob", "cid")
MODERATORS = ("mia", "max", "moe")
# A participant with the role, a moderator without it, and somebody from elsewhere.
ACTORS = (*MODERATORS * 3, "ann", "eve")
SUBJECTS = (
    entities.Subject(entities.SubjectKind.MESSAGE, "message-of-bob", "talk"),
    entities.Subject(entities.SubjectKind.MESSAGE, "message-of-cid", "talk"),
    entities.Subject(entities.SubjectKind.CONVERSATION, "talk", "talk"),
)
AUTHORS = {"message-of-bob": "bob", "message-of-cid": "cid"}
# What the evidence shows of the whole conversation.
SHOWN = {f"message-of-{user}": user for user in PEOPLE}
REASONS = (ReportReason.SPAM, ReportReason.SCAM, ReportReason.VIOLENCE)
SALT = b"a salt for all"


@dataclass
class World:
    case: entities.Case
    events: list[CaseEvent]
    model: Model


class Steps(stateful.RuleBasedStateMachine):
    """Steps of anybody about three subjects of one conversation, at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.names = 0
        self.worlds: list[World] = []
        self.log: list[tuple[chain.AuditEntry, CaseEvent]] = []
        self.head = chain.Head()

    def new(self, kind: str) -> str:
        self.names += 1
        return f"{kind}-{self.names}"

    @stateful.initialize(subject=st.sampled_from(SUBJECTS), progress=st.integers(0, 3))
    def begin(self, subject: entities.Subject, progress: int) -> None:
        """A case, at once or some steps along its way."""
        self.report("ann", subject, REASONS[0])
        world = self.worlds[0]
        steps = [self.claim, self.ban, self.object]
        for step in steps[:progress]:
            step(world)

    def claim(self, world: World) -> None:
        self.send(world, ClaimCase("mia", MODERATOR, world.case.id))

    def ban(self, world: World) -> None:
        measures = (Measure(SanctionKind.BANNED, "bob", FACTS, RULE),)
        self.send(world, self.decision(world, "mia", measures, world.case.seq))

    def object(self, world: World) -> None:
        decision = world.case.decisions[-1].id
        self.send(world, self.appealed("bob", decision, "No."))

    def appealed(self, actor: str, decision: str, text: str) -> Task[Any, Any]:
        return Task(CreateAppeal(actor, decision, text), ids=Ids(self.new("appeal")))

    def decision(
        self,
        world: World,
        actor: str,
        measures: tuple[Measure | MessageMeasure, ...],
        version: int,
    ) -> Task[Any, Any]:
        verdict = entities.Verdict.VIOLATION if measures else entities.Verdict.NO_VIOLATION
        command = DecideCase(actor, MODERATOR, world.case.id, version, verdict, measures)
        sanctions = tuple(self.new("sanction") for _ in measures)
        return Task(command, ids=Ids(self.new("decision"), sanctions=sanctions))

    def send(self, world: World, asked: Asked) -> Effect[entities.Case, CaseEvent] | Refusal:
        """Give a command to the rules and to the model, and compare what they say."""
        task = asked if isinstance(asked, Task) else Task(asked)
        command: Any = task.command
        world.model.elapse(self.now)
        expected = world.model.answer(command)
        before = world.case
        result: Any = decide(before, task, self.now, LIMITS, written=written(SHOWN))
        reason = str(result.reason) if isinstance(result, Refusal) else None
        assert reason == expected, f"{command}: {reason}, but the model says {expected}"
        if isinstance(result, Refusal):
            self.check_refusal(world, command, result)
            return result
        self.record(world, result)
        world.model.apply(task)
        applied: Effect[entities.Case, CaseEvent] = result
        return applied

    def check_refusal(self, world: World, command: CaseCommand, refusal: Refusal) -> None:
        """A refusal shows the case to moderators who may see it, and to nobody else."""
        if refusal.current is not None:
            assert command.actor not in PEOPLE
            assert "moderator" in getattr(command, "roles", ())
            assert refusal.current == settle_case(world.case, self.now).state
        if refusal.reason in {Reason.STALE_CASE, Reason.CLAIMED_BY_OTHER}:
            assert refusal.current is not None

    def record(self, world: World, change: Effect[entities.Case, CaseEvent]) -> None:
        state = world.case
        for event in change.events:
            assert isinstance(event, CaseEvent)
            self.check_event(state, event)
            state = evolve(state, event)
            world.events.append(event)
            entry = audit.append(self.head, event, audit.digest(repr(event).encode(), SALT))
            self.head = chain.head_of(entry)
            self.log.append((entry, event))
        assert state == change.state
        world.case = state

    def check_event(self, before: entities.Case, event: CaseEvent) -> None:
        """M3, M5: what an event may do to the case on which it falls."""
        after = evolve(before, event)
        assert event.seq == before.seq + 1
        if len(after.decisions) > len(before.decisions):
            assert before.lease is not None
            assert before.lease.by == event.by
            assert self.now < before.lease.until
            assert event.by not in before.involved
        if isinstance(event.details, Undoing):
            pairs = zip(after.sanctions, before.sanctions, strict=True)
            (changed,) = (one for one, old in pairs if one != old)
            assert changed.id == event.details.sanction
            assert event.details.inverse is MEASURES[changed.kind].inverse
        elif event.cause is not Cause.VIOLATION_FOUND:
            assert after.sanctions == before.sanctions
        if event.cause in {Cause.APPEAL_UPHELD, Cause.APPEAL_OVERTURNED}:
            (appeal,) = (
                one for one, old in zip(after.appeals, before.appeals, strict=True) if one != old
            )
            decision = after.decision(appeal.decision)
            assert decision is not None
            assert event.by not in {decision.by, *before.involved}
        # M6: nothing of the evidence goes.
        assert after.evidence[: len(before.evidence)] == before.evidence
        for told in of_case(after, event):
            self.check_notification(after, told.kind, told.about, told.recipients)

    def check_notification(
        self, case: entities.Case, kind: NotificationKind, name: str, recipients: tuple[str, ...]
    ) -> None:
        """M4: each notification is for those whose it is."""
        if kind is NotificationKind.REPORT_STATUS_CHANGED:
            report = case.report(name)
            assert report is not None
            assert recipients == (report.reporter,)
        elif kind is NotificationKind.APPEAL_STATUS_CHANGED:
            appeal = case.appeal(name)
            assert appeal is not None
            assert recipients == (appeal.by,)
        elif kind is NotificationKind.CASE_CHANGED:
            # For services alone, and naming nobody who has a part in it.
            assert recipients == ()
            assert not case.involved.intersection(name.split()[1:])
        else:
            sanction = case.sanction(name)
            assert sanction is not None
            assert recipients == sanction.users

    @stateful.rule(
        actor=st.sampled_from([*PEOPLE, *PEOPLE, "eve"]),
        subject=st.sampled_from(SUBJECTS),
        reason=st.sampled_from(REASONS),
    )
    def report(self, actor: str, subject: entities.Subject, reason: ReportReason) -> None:
        """Somebody reports; it joins the oldest case about the subject that is undecided."""
        named, comment = SubjectName(subject.kind, subject.id), f"{actor} does not like it"
        author = AUTHORS.get(subject.id, "")
        report = ReportMessage if author else ReportConversation
        shown = (snapshot(self.now, f"what {actor} saw".encode()),)
        asked = report(actor, named, reason, comment)
        command = Task(
            asked,
            seen=SeenSubject(subject.conversation, PEOPLE, author, shown),
            ids=Ids(self.new("report"), self.new("case")),
        )
        for world in self.worlds:
            undecided = world.case.state is not entities.CaseState.DECIDED
            if undecided and world.case.subject == subject:
                self.send(world, command)
                return
        model = Model(LIMITS, PEOPLE, author, SHOWN, self.now)
        expected = model.answer(asked)
        result = decide(None, command, self.now, LIMITS)
        if isinstance(result, Refusal):
            assert (str(result.reason), result.current) == (expected, None)
            return
        assert expected is None
        (event,) = result.events
        assert isinstance(event, CaseEvent)
        model.apply(command)
        entry = audit.append(self.head, event, audit.digest(repr(event).encode(), SALT))
        self.head = chain.head_of(entry)
        self.log.append((entry, event))
        self.worlds.append(World(result.state, [event], model))

    @stateful.rule(data=st.data(), actor=st.sampled_from(ACTORS), release=st.booleans())
    def work(self, data: st.DataObject, actor: str, *, release: bool) -> None:
        world = data.draw(st.sampled_from(self.worlds))
        roles = () if actor == "eve" else MODERATOR
        case = world.case.id
        command = ReleaseCase if release else ClaimCase
        self.send(world, command(actor, roles, case))

    @stateful.rule(
        data=st.data(),
        actor=st.sampled_from(ACTORS),
        # Statements of disputes are no subjects here.
        kinds=st.lists(
            st.sampled_from([*set(SanctionKind) - {SanctionKind.STATEMENT_REMOVED}]), max_size=3
        ),
        user=st.sampled_from(PEOPLE),
        time=st.sampled_from([-1, 1, MINUTE, DAY, 30 * DAY]),
        stale=st.sampled_from([0, 0, 0, 0, 1]),
        claims=st.booleans(),
    )
    def judge(
        self,
        data: st.DataObject,
        actor: str,
        kinds: list[SanctionKind],
        user: str,
        time: int,
        stale: int,
        *,
        claims: bool,
    ) -> None:
        """A moderator decides what they have claimed or not, as it is or as it was."""
        world = data.draw(st.sampled_from(self.worlds))
        if claims:
            self.send(world, ClaimCase(actor, MODERATOR, world.case.id))
        measures = tuple(
            self.measure(world.case, kind, user, time) for kind in dict.fromkeys(kinds)
        )
        version = settle_case(world.case, self.now).state.seq - stale
        self.send(world, self.decision(world, actor, measures, version))

    def measure(
        self, case: entities.Case, kind: SanctionKind, user: str, time: int
    ) -> Measure | MessageMeasure:
        lasts = MEASURES[kind].lasting is Lasting.UNTIL_TIME
        if kind is SanctionKind.MESSAGE_REMOVED:
            is_message = case.subject.kind is entities.SubjectKind.MESSAGE
            message = case.subject.id if is_message else f"message-of-{user}"
            return MessageMeasure(kind, message, FACTS, RULE)
        if kind is SanctionKind.CONVERSATION_LOCKED:
            user = ""
        until = self.now + time if lasts else None
        return Measure(kind, user, FACTS, RULE, until=until)

    @stateful.precondition(lambda self: any(one.case.decisions for one in self.worlds))
    @stateful.rule(data=st.data(), actor=st.sampled_from([*PEOPLE, *PEOPLE, "eve", "mia"]))
    def appeal(self, data: st.DataObject, actor: str) -> None:
        worlds = [one for one in self.worlds if one.case.decisions]
        world = data.draw(st.sampled_from(worlds))
        decision = data.draw(st.sampled_from(world.case.decisions)).id
        self.send(world, self.appealed(actor, decision, "That was not me."))

    @stateful.precondition(lambda self: any(one.case.appeals for one in self.worlds))
    @stateful.rule(
        data=st.data(),
        actor=st.sampled_from(ACTORS),
        overturns=st.booleans(),
        stale=st.sampled_from([0, 0, 0, 0, 1]),
    )
    def review(self, data: st.DataObject, actor: str, stale: int, *, overturns: bool) -> None:
        """M3: what is overturned is as if it had never been, for who has appealed."""
        worlds = [one for one in self.worlds if one.case.appeals]
        world = data.draw(st.sampled_from(worlds))
        appeal = data.draw(st.sampled_from(world.case.appeals))
        self.decide_appeal(world, appeal, actor, overturns=overturns, stale=stale)

    def decide_appeal(
        self, world: World, appeal: entities.Appeal, actor: str, *, overturns: bool, stale: int = 0
    ) -> None:
        outcome = entities.AppealStatus.OVERTURNED if overturns else entities.AppealStatus.UPHELD
        version = settle_case(world.case, self.now).state.seq - stale
        command = DecideAppeal(actor, MODERATOR, appeal.id, version, outcome, "We looked again.")
        others = [
            sanction
            for other in self.worlds
            for sanction in other.case.sanctions
            if sanction.decision != appeal.decision
        ]
        result = self.send(world, command)
        if isinstance(result, Effect) and overturns and appeal.side == "sanctioned":
            now = self.standing(appeal.by)
            assert now == standing(appeal.by, others, self.now)

    @stateful.precondition(lambda self: any(one.case.decisions for one in self.worlds))
    @stateful.rule(
        data=st.data(),
        appellant=st.sampled_from(PEOPLE),
        reviewer=st.sampled_from(MODERATORS),
        overturns=st.sampled_from([True, True, False]),
    )
    def quarrel(
        self, data: st.DataObject, appellant: str, reviewer: str, *, overturns: bool
    ) -> None:
        """Somebody appeals against the latest decision, and is answered at once."""
        worlds = [one for one in self.worlds if one.case.decisions]
        world = data.draw(st.sampled_from(worlds))
        decision = world.case.decisions[-1].id
        command = self.appealed(appellant, decision, "Look again.")
        if isinstance(self.send(world, command), Effect):
            self.decide_appeal(world, world.case.appeals[-1], reviewer, overturns=overturns)

    @stateful.precondition(lambda self: any(one.case.sanctions for one in self.worlds))
    @stateful.rule(data=st.data(), actor=st.sampled_from(ACTORS))
    def lift(self, data: st.DataObject, actor: str) -> None:
        worlds = [one for one in self.worlds if one.case.sanctions]
        world = data.draw(st.sampled_from(worlds))
        sanction = data.draw(st.sampled_from(world.case.sanctions)).id
        self.send(world, LiftSanction(actor, MODERATOR, sanction, "It was enough."))

    @stateful.rule(data=st.data(), measures=st.booleans())
    def race(self, data: st.DataObject, *, measures: bool) -> None:
        """M5: of two decisions about one version one wins, whoever makes them."""
        worlds = [
            one
            for one in self.worlds
            if settle_case(one.case, self.now).state.state is entities.CaseState.CLAIMED
        ]
        if not worlds:
            return
        world = data.draw(st.sampled_from(worlds))
        lease = world.case.lease
        assert lease is not None
        imposed = (Measure(SanctionKind.WARNING, "bob", FACTS, RULE),) if measures else ()
        version = world.case.seq
        commands = [self.decision(world, lease.by, one, version) for one in (imposed, ())]
        won, lost = (self.send(world, command) for command in commands)
        assert isinstance(won, Effect)
        assert isinstance(lost, Refusal)
        assert len([one for one in world.events if one.seq == version + 1]) == 1

    @stateful.rule(time=st.sampled_from([1, MINUTE, LIMITS.lease - 1, LIMITS.lease, DAY, 19 * DAY]))
    def wait(self, time: int) -> None:
        self.now += time

    def standing(self, user: str) -> Any:
        return standing(user, self.sanctions(), self.now)

    def sanctions(self) -> list[Any]:
        return [sanction for world in self.worlds for sanction in world.case.sanctions]
