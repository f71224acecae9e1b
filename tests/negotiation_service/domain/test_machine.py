"""Two parties, an outsider, moderation and a clock do what they like with a deal.

Whatever they do, P1 to P17 of docs/negotiation.md hold (P12, the idempotency keys, is the
storage's), and each answer is that of the model, the design told a second time. What a client sends
is made from snapshots, fresh or old, and comes at once, late or twice. With the profile nightly
there are at least 100,000 steps.
"""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis.stateful import invariant

from negotiation_service.domain.commands import Command, ResolveHold
from negotiation_service.domain.decision import Decision, next_due, settle
from negotiation_service.domain.entities import FINAL, Deal, Outcome, State
from negotiation_service.domain.events import Cause, evolve, recipients, replay
from negotiation_service.domain.permissions import allowed_actions
from negotiation_service.domain.refusals import Reason
from negotiation_service.domain.texts import INTERNAL
from negotiation_service.domain.views import Snapshot, snapshot
from service_kit.rules import Refusal
from tests.negotiation_service.client import CLIENT, edit, shown_as, without_words
from tests.negotiation_service.machine import LIMITS, PARTIES, Steps
from tests.support.examples import run_machine

# What binds a party to something new.
BINDING = {"counter", "revise", "accept", "propose_amendment"}

# With everybody silent, the longest way to an end: a last price, its delivery, the notes.
LONGEST = LIMITS.max_offer_ttl + LIMITS.delivery + LIMITS.completion + LIMITS.notes


class Negotiation(Steps):
    """Holds after each step of everybody what must always hold."""

    steps = 0

    @invariant()
    def counts(self) -> None:
        Negotiation.steps += 1

    @invariant()
    def the_model_agrees(self) -> None:
        """P5 and P8 as well: dense numbers, one live offer, money that sums to the price."""
        model, deal = self.model, settle(self.deal, self.now, LIMITS).deal
        live = None if model.live is None else (model.live + 1, model.prices[model.live])
        assert deal.state == model.state
        assert (deal.offer and (deal.offer.number, deal.offer.price)) == live
        assert deal.offers == len(model.prices)
        agreed = None if model.agreed is None else (model.price, model.agreed + 1, model.agreements)
        assert (
            deal.agreed and (deal.agreed.price, deal.agreed.offer, deal.agreed.version)
        ) == agreed
        assert (deal.cancellation.by if deal.cancellation else "") == model.asked_by
        assert (deal.hold.dispute if deal.hold else "") == model.dispute
        money = deal.settlement and (deal.settlement.provider_minor, deal.settlement.client_minor)
        assert money == model.money
        if money:
            assert deal.agreed is not None
            assert sum(money) == deal.agreed.price
            assert min(money) >= 0
        if not deal.hold:
            left = [
                (one.timer.value, one.due_at - self.now)
                for one in deal.deadlines
                if not one.timer.reminds_of
            ]
            assert sorted(left) == sorted(model.countdowns.items())

    @invariant()
    def events_make_the_deal(self) -> None:
        """P13, and each offer is an event of its own whose number is the next."""
        assert replay(self.events) == self.deal
        assert [one.seq for one in self.events] == list(range(1, self.deal.seq + 1))
        prices = {Cause.CREATED, Cause.COUNTERED, Cause.REVISED, Cause.AMENDMENT_PROPOSED}
        made = [one.details for one in self.events if one.cause in prices]
        numbers = [getattr(one, "number", 1) for one in made]
        assert numbers == list(range(1, self.deal.offers + 1))

    @invariant()
    def parties_see_the_same(self) -> None:
        """P1: all but the notes, the actions and what is counted is the same for both."""
        one, other = (public(self.show(reader)) for reader in PARTIES)
        assert one == other == public(self.show(INTERNAL))

    @invariant()
    def it_does_not_matter_when_timers_fire(self) -> None:
        """A loop that is late, or was never started, changes nothing that anybody can see."""
        prompt = snapshot(self.prompt, "ann", self.now, LIMITS, self.restricted)
        assert isinstance(prompt, Snapshot)
        lazy = self.show("ann")
        assert (public(prompt), prompt.notes, prompt.allowed_actions) == (
            public(lazy),
            lazy.notes,
            lazy.allowed_actions,
        )

    @invariant()
    def allowed_is_what_succeeds(self) -> None:
        """P14, for every action that a client knows, made from the snapshot alone: with words, and
        without for whom a sanction restricts.
        """
        for actor in PARTIES:
            shown = self.show(actor)
            succeeding = {
                action
                for action, make in CLIENT.items()
                if shown_as(shown, action, actor) and self.succeeds(make(shown, actor, 9_000))
            }
            if "a-new-dispute" in self.model.decided or self.model.dispute == "a-new-dispute":
                # To place the same hold again succeeds because it changes nothing.
                succeeding.discard("open_dispute")
                assert succeeding == {*shown.allowed_actions} - {"open_dispute"}
            else:
                assert succeeding == {*shown.allowed_actions}
            assert len({*shown.allowed_actions}) == len(shown.allowed_actions)
            limits = replace(LIMITS, moderation=False)
            alone = snapshot(self.deal, actor, self.now, limits, self.restricted)
            assert isinstance(alone, Snapshot)
            without = [one for one in shown.allowed_actions if one != "open_dispute"]
            assert [*alone.allowed_actions] == without, "nobody takes a dispute there"

    def succeeds(self, command: Command) -> bool:
        forbidden = self.why(command)
        if forbidden:
            command = without_words(command)
        return isinstance(self.decide(self.deal, command, forbidden), Decision)

    @invariant()
    def sanctions_keep_nobody_from_what_time_waits_for(self) -> None:
        """P17: whatever restricts a party, it can do what ends or carries out the deal, so that no
        deadline is one that it can not meet.
        """
        for actor in PARTIES:
            free = snapshot(self.deal, actor, self.now, LIMITS)
            restricted = snapshot(self.deal, actor, self.now, LIMITS, PARTIES)
            assert isinstance(free, Snapshot)
            assert isinstance(restricted, Snapshot)
            left = [one for one in free.allowed_actions if one not in BINDING]
            assert [*restricted.allowed_actions] == left

    @invariant()
    def outsiders_can_do_nothing(self) -> None:
        """P15: an outsider is answered as if there were no such deal."""
        shown = self.show("ann")
        nothing = self.decide(None, edit(shown, "ann", 1))
        assert isinstance(nothing, Refusal)
        assert nothing.reason is Reason.SERVICE_NOT_FOUND
        for make in CLIENT.values():
            assert self.decide(self.deal, make(shown, "eve", 1)) == nothing
        assert snapshot(self.deal, "eve", self.now, LIMITS) == nothing
        assert allowed_actions(self.deal, "eve", self.now, LIMITS) == ()

    @invariant()
    def sealed_notes_do_not_leak(self) -> None:
        """P10: until they are revealed, the world is as if the other had given none."""
        deal = settle(self.deal, self.now, LIMITS).deal
        if deal.revealed_at is not None:
            assert self.model.revealed
            for reader in PARTIES:
                notes, given = self.show(reader).notes, self.model.notes
                for one, writer in ((notes.mine, reader), (notes.theirs, deal.peer(reader))):
                    assert (one and (one.score, one.comment)) == given.get(writer)
            return
        assert not self.model.revealed
        for writer in self.model.notes:
            reader = deal.peer(writer)
            ignorant = self.without_notes_of(writer)
            shown = snapshot(ignorant, reader, self.now, LIMITS, self.restricted)
            assert shown == self.show(reader)
            assert snapshot(ignorant, INTERNAL, self.now, LIMITS) == self.show(INTERNAL)
        for event in self.events:
            if event.cause is Cause.NOTE_SUBMITTED:
                assert recipients(deal, event) == (event.by,)

    def without_notes_of(self, writer: str) -> Deal:
        """The deal as it would be if this party had given no note."""
        deal: Deal | None = None
        for event in self.events:
            if event.cause is not Cause.NOTE_SUBMITTED or event.by != writer:
                deal = evolve(deal, replace(event, seq=deal.seq + 1 if deal else 1))
        assert deal is not None
        return deal

    def teardown(self) -> None:
        """P11: when all fall silent and moderation ends its dispute, the deal comes to an end."""
        if not hasattr(self, "deal"):
            return
        if self.deal.hold:
            self.send(ResolveHold(self.deal.id, self.deal.hold.dispute, Outcome.RESUME))
        deadline = max([self.now, *(one.due_at for one in self.deal.deadlines)]) + LONGEST
        while (due := next_due(self.deal)) is not None:
            assert due <= deadline
            self.move_clock(max(0, due - self.now))
            self.fire()
        assert self.deal.state in FINAL
        assert self.deal.state is State.CLOSED or self.deal.revealed_at is not None


def public(shown: Snapshot) -> dict[str, Any]:
    """The parts of a snapshot that both parties see alike."""
    own = {"notes", "allowed_actions", "seq"}
    return {name: getattr(shown, name) for name in shown.__slots__ if name not in own}


# A failure is worth the minutes that Hypothesis takes to find the shortest way to it.
@pytest.mark.timeout(3_600)
def test_what_must_always_hold(profile: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Thousands of steps of everybody at once, and no rule is broken."""
    run_machine(Negotiation, 60, profile, capsys)
