"""Parties, moderators, a clock, and negotiation at the other end of a network that loses things.

A call may be made again, be late, come twice, or be lost with its answer, as it is when either side
crashes at any step. Whatever happens, M7 of docs/moderation.md holds, and every dispute ends. With
the profile nightly there are at least 100,000 steps.
"""

from typing import Any

import pytest
from hypothesis import stateful
from hypothesis import strategies as st

from moderation_service.domain.dispute import commands, entities, saga
from moderation_service.domain.dispute.decide import allowed_actions
from moderation_service.domain.dispute.events import DisputeEvent, evolve_dispute, replay_dispute
from moderation_service.domain.dispute.show import show_dispute
from moderation_service.domain.dispute.timers import settle_dispute
from moderation_service.domain.dispute.views import DisputeView
from moderation_service.domain.shared.effect import Effect
from moderation_service.domain.shared.limits import DAY, HOUR, Default, Limits
from moderation_service.domain.shared.refusals import Reason
from service_kit.rules import Refusal
from tests.moderation_service.negotiation import Service
from tests.moderation_service.story import FACTS, MODERATOR, RULE, START, decide, disputed
from tests.support.examples import run_machine

PARTIES = ("ann", "bob")
PRICES = (10_000, 12_000)
HELD = {entities.DisputeState.OPEN, entities.DisputeState.UNDER_REVIEW}
Call = saga.PlaceHold | saga.ResolveHold


class Disputes(stateful.RuleBasedStateMachine):
    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.service = Service(PRICES[0])
        self.disputes: dict[str, entities.Dispute] = {}
        self.events: dict[str, list[DisputeEvent]] = {}
        # What is on its way to negotiation, and back.
        self.calls: list[Call] = []
        self.answers: list[commands.NegotiationAnswer] = []
        self.followed = 0

    @stateful.initialize(
        respondent=st.sampled_from(Default),
        moderators=st.sampled_from([one for one in Default if one is not Default.REVIEW]),
        progress=st.booleans(),
    )
    def begin(self, respondent: Default, moderators: Default, *, progress: bool) -> None:
        self.limits = Limits(
            respondent_silence=respondent,
            moderator_silence=moderators,
            dispute_statements=3,
            dispute_offers=2,
        )
        self.create("bob", 4_000)
        if progress:
            self.reconcile()
            self.deliver_all()

    # --- People -----------------------------------------------------------------------------

    @property
    def newest(self) -> entities.Dispute:
        return next(reversed(self.disputes.values()))

    def send(
        self, command: commands.DisputeCommand, name: str
    ) -> Effect[entities.Dispute, DisputeEvent] | Refusal:
        before = self.disputes[name]
        result: Effect[entities.Dispute, DisputeEvent] | Refusal = decide(
            before, command, self.now, self.limits
        )
        if isinstance(result, Refusal):
            if result.reason != Reason.DISPUTE_NOT_FOUND:
                assert result.current == settle_dispute(before, self.now, self.limits).state
            return result
        state = before
        for event in result.events:
            assert isinstance(event, DisputeEvent)
            self.check_event(state, event)
            state = evolve_dispute(state, event)
            self.events[name].append(event)
        assert state == result.state
        self.disputes[name] = state
        return result

    def check_event(self, before: entities.Dispute, event: DisputeEvent) -> None:
        """A decision is made once, sums to the price, and is made by one who may."""
        after = evolve_dispute(before, event)
        assert event.seq == before.seq + 1
        if after.resolution != before.resolution:
            assert before.resolution is None
            assert event.state is entities.DisputeState.RESOLVED_PENDING
            self.check_resolution(before, after.resolution)
        if before.state is not entities.DisputeState.PENDING_HOLD:
            assert after.price == before.price
        assert before.statements == after.statements[: len(before.statements)]

    def check_resolution(
        self, before: entities.Dispute, resolution: entities.Resolution | None
    ) -> None:
        assert resolution is not None
        if resolution.split:
            parts = (resolution.split.provider_minor, resolution.split.client_minor)
            assert sum(parts) == before.price
            assert min(parts) >= 0
        match resolution.cause:
            case entities.ResolutionCause.SETTLED:
                assert before.offer is not None
                assert resolution.split == before.offer.settlement
                assert {resolution.by, before.offer.by} == {*PARTIES}
            case entities.ResolutionCause.WITHDRAWN:
                assert resolution.by == before.opened_by
            case entities.ResolutionCause.DECIDED:
                assert before.state is entities.DisputeState.UNDER_REVIEW
                assert resolution.by not in {*PARTIES, ""}
                assert resolution.facts
            case _:
                assert resolution.by == ""

    @stateful.rule(
        actor=st.sampled_from([*PARTIES, *PARTIES, "eve"]), refund=st.sampled_from([None, 4_000])
    )
    def create(self, actor: str, refund: int | None) -> None:
        """One at a time: the next may come when the one before has ended."""
        name = f"dispute-{len(self.disputes) + 1}"
        money = commands.Money(refund, "EUR") if refund else None
        command = disputed(actor, dispute=name, price=self.service.price, refund=money)
        # Of several that go on, only one of which storage would find, none may be hidden.
        going_on = [one for one in self.disputes.values() if one.is_open]
        result = decide(going_on[-1] if going_on else None, command, self.now, self.limits)
        if isinstance(result, Refusal):
            expected = "SERVICE_NOT_FOUND" if actor == "eve" else "OPEN_DISPUTE_EXISTS"
            assert result.reason == expected
            return
        assert not going_on
        self.disputes[name] = result.state
        (event,) = result.events
        assert isinstance(event, DisputeEvent)
        self.events[name] = [event]

    @stateful.rule(actor=st.sampled_from([*PARTIES, *PARTIES, "eve"]), data=st.data())
    def act(self, actor: str, data: st.DataObject) -> None:
        """P14, here too: what is allowed succeeds, and nothing else does."""
        dispute = self.newest
        allowed = allowed_actions(dispute, actor, self.now, self.limits)
        action = data.draw(st.sampled_from(["state", "propose", "accept", "withdraw"]))
        share = data.draw(st.integers(0, 2))
        result = self.send(self.doing(dispute, actor, action, share), dispute.id)
        assert isinstance(result, Effect) is (action in allowed)
        if actor == "eve":
            assert isinstance(result, Refusal)
            assert (result.reason, result.current) == (Reason.DISPUTE_NOT_FOUND, None)

    def doing(
        self, dispute: entities.Dispute, actor: str, action: str, share: int
    ) -> commands.SubmitDisputeStatement:
        provider = dispute.price * share // 2
        parts = entities.Settlement(provider, dispute.price - provider)
        offer = dispute.offer
        match action:
            case "state":
                return commands.SubmitDisputeStatement(actor, dispute.id, "It was so.")
            case "propose":
                return commands.SubmitDisputeStatement(actor, dispute.id, propose=parts)
            case "accept":
                named = commands.Acceptance(offer.number, offer.settlement) if offer else None
                named = named or commands.Acceptance(1, parts)
                return commands.SubmitDisputeStatement(actor, dispute.id, accept=named)
        return commands.SubmitDisputeStatement(actor, dispute.id, withdraw=True)

    @stateful.precondition(lambda self: self.newest.state in HELD)
    @stateful.rule(first=st.sampled_from(PARTIES), share=st.integers(0, 2), accepts=st.booleans())
    def bargain(self, first: str, share: int, *, accepts: bool) -> None:
        """One offers, and the other accepts or offers something else."""
        second = next(one for one in PARTIES if one != first)
        self.send(self.doing(self.newest, first, "propose", share), self.newest.id)
        action = "accept" if accepts else "propose"
        self.send(self.doing(self.newest, second, action, share), self.newest.id)

    @stateful.precondition(lambda self: self.newest.state is entities.DisputeState.OPEN)
    @stateful.rule()
    def await_review(self) -> None:
        """Both have spoken, and the time for statements passes."""
        for actor in PARTIES:
            self.send(self.doing(self.newest, actor, "state", 0), self.newest.id)
        self.now = max(self.now, self.newest.due_at or 0)

    @stateful.rule(
        number=st.integers(1, 3), share=st.integers(0, 2), actor=st.sampled_from(PARTIES)
    )
    def accept_blindly(self, number: int, share: int, actor: str) -> None:
        """An offer that is not the newest, or says something else, is never accepted."""
        dispute = self.newest
        provider = dispute.price * share // 2
        parts = entities.Settlement(provider, dispute.price - provider)
        command = commands.SubmitDisputeStatement(
            actor, dispute.id, accept=commands.Acceptance(number, parts)
        )
        offer = dispute.offer
        result = self.send(command, dispute.id)
        if isinstance(result, Effect):
            assert offer is not None
            assert (offer.number, offer.settlement) == (number, parts)
            assert offer.by != actor

    @stateful.rule(
        actor=st.sampled_from(["mia", "max", "mia", "ann"]),
        outcome=st.sampled_from(entities.Outcome),
        error=st.sampled_from([0, 0, 0, 1]),
        stale=st.sampled_from([0, 0, 0, 1]),
    )
    def judge(self, actor: str, outcome: entities.Outcome, error: int, stale: int) -> None:
        dispute = self.newest
        seen = settle_dispute(dispute, self.now, self.limits).state
        split = (
            entities.Settlement(0, seen.price + error)
            if outcome is entities.Outcome.SPLIT
            else None
        )
        command = commands.DecideDispute(
            actor, MODERATOR, dispute.id, seen.seq - stale, outcome, FACTS, RULE, split
        )
        result = self.send(command, dispute.id)
        good = (
            seen.state is entities.DisputeState.UNDER_REVIEW
            and actor != "ann"
            and not stale
            and not (split and error)
        )
        assert isinstance(result, Effect) is good
        if good:
            again = self.send(command, dispute.id)
            assert isinstance(again, Refusal), "it is decided once"

    @stateful.rule(time=st.sampled_from([1, HOUR, DAY, 3 * DAY, 8 * DAY]), fires=st.booleans())
    def wait(self, time: int, *, fires: bool) -> None:
        """Time passes; whether a timer fires is of no matter."""
        self.now += time
        before = {name: self.show(name) for name in self.disputes}
        for name in self.disputes if fires else ():
            assert isinstance(self.send(commands.FireTimers(name), name), Effect)
        assert {name: self.show(name) for name in self.disputes} == before

    def show(self, name: str) -> Any:
        shown = show_dispute(self.disputes[name], "ann", self.now, self.limits)
        assert isinstance(shown, DisputeView)
        return shown

    # --- Negotiation and what lies between --------------------------------------------------

    @stateful.rule()
    def reconcile(self) -> None:
        """Every look makes the calls that are due, also those that others have made already."""
        for dispute in self.disputes.values():
            if call := saga.due_call(dispute):
                self.calls = [*self.calls[-8:], call]

    @stateful.precondition(lambda self: self.calls)
    @stateful.rule(data=st.data(), again=st.booleans(), loses=st.booleans())
    def deliver(self, data: st.DataObject, *, again: bool, loses: bool) -> None:
        """A call arrives, in whatever order, and perhaps not for the last time; then its answer."""
        index = data.draw(st.integers(0, len(self.calls) - 1))
        call = self.calls[index] if again else self.calls.pop(index)
        answer = self.ask(call)
        if answer and not loses:
            self.answers = [*self.answers[-8:], answer]

    def ask(self, call: Call) -> commands.NegotiationAnswer | None:
        reason = self.service.answer(call)
        if reason:
            return saga.refused(call, reason)
        return saga.accepted(call, self.service.price, self.service.hold)

    @stateful.precondition(lambda self: self.answers)
    @stateful.rule(data=st.data())
    def hear(self, data: st.DataObject) -> None:
        index = data.draw(st.integers(0, len(self.answers) - 1))
        answer = self.answers.pop(index)
        assert isinstance(self.send(answer, answer.dispute), Effect)

    @stateful.precondition(lambda self: self.newest.state is entities.DisputeState.PENDING_HOLD)
    @stateful.rule(hears=st.booleans())
    def refuse_the_second_call(self, *, hears: bool) -> None:
        """A call is delayed, another one is refused; what the first one comes to remains to see."""
        if self.service.hold:
            return
        self.reconcile()
        self.service.disputable = False
        call = saga.due_call(self.newest)
        answer = self.ask(call) if call else None
        self.service.disputable = True
        if answer and hears:
            self.send(answer, answer.dispute)

    @stateful.rule()
    def crash(self) -> None:
        """Nobody waits for the answers any more; the calls may be on their way still."""
        self.answers = []

    @stateful.rule()
    def follow(self) -> None:
        """Of negotiation's Watch nothing is missed: in the end each hold is known here."""
        for name in self.service.news[self.followed :]:
            self.followed += 1
            assert isinstance(
                self.send(commands.HoldPlaced(name, self.service.price), name), Effect
            )

    @stateful.rule(price=st.sampled_from(PRICES), disputable=st.booleans())
    def go_on(self, price: int, *, disputable: bool) -> None:
        """The parties change a service that is not held."""
        if not self.service.hold:
            self.service.price, self.service.disputable = price, disputable

    # --- What always holds ------------------------------------------------------------------

    @stateful.invariant()
    def counts(self) -> None:
        Disputes.steps += 1

    @stateful.invariant()
    def events_make_the_dispute(self) -> None:
        for name, events in self.events.items():
            assert replay_dispute(events) == self.disputes[name]

    @stateful.invariant()
    def what_is_open_is_held(self) -> None:
        """M7: a service is held by a dispute that is open, at the price that the dispute knows."""
        for dispute in self.disputes.values():
            if dispute.state in HELD:
                assert self.service.hold == dispute.id
                assert dispute.price == self.service.price
            if dispute.state is entities.DisputeState.RESOLVED:
                assert self.service.hold != dispute.id
                assert dispute.resolution is not None
                decided = (dispute.resolution.outcome, dispute.resolution.split)
                assert self.service.decided[dispute.id] == decided
                assert dispute.refusal in {"", "INVALID_STATE", "ON_HOLD"}
        assert len({*self.service.applied}) == len(self.service.applied)

    @stateful.invariant()
    def a_hold_has_somebody_to_end_it(self) -> None:
        """M7: whatever holds the service is known to be open, or is going to be found out."""
        if self.service.hold:
            dispute = self.disputes[self.service.hold]
            unheard = dispute.id in self.service.news[self.followed :]
            assert dispute.state in HELD or saga.due_call(dispute) or unheard

    @stateful.invariant()
    def every_open_state_has_an_end(self) -> None:
        """It has a deadline, or a call to be made."""
        for dispute in self.disputes.values():
            assert dispute.is_open is (dispute.state not in entities.ENDED)
            if dispute.is_open:
                assert (dispute.due_at is None) is (saga.due_call(dispute) is not None)

    @stateful.invariant()
    def only_one_goes_on(self) -> None:
        """A hold that came late may have its dispute end while another has begun."""
        going_on = [one for one in self.disputes.values() if one.is_open and not one.refusal]
        assert len(going_on) <= 1

    def deliver_all(self) -> None:
        for call in self.calls:
            if answer := self.ask(call):
                self.send(answer, answer.dispute)
        self.calls = []

    def teardown(self) -> None:
        """With everybody silent and nothing lost any more, every dispute ends, and every hold."""
        for _ in range(4):
            self.follow()
            self.reconcile()
            self.deliver_all()
            self.now += self.limits.statements + self.limits.review
            for name in self.disputes:
                self.send(commands.FireTimers(name), name)
        for dispute in self.disputes.values():
            assert dispute.state in entities.ENDED
            assert decide(
                dispute, commands.FireTimers(dispute.id), self.now, self.limits
            ) == Effect(dispute, ())
        assert self.service.hold == ""


# A failure is worth the minutes that Hypothesis takes to find the shortest way to it.
@pytest.mark.timeout(3_600)
def test_a_dispute_never_leaves_a_deal_stuck(
    profile: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Thousands of steps of everybody at once, and no rule is broken."""
    run_machine(Disputes, 50, profile, capsys)
