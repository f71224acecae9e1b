"""The steps of the machine that holds the rules against the model: whatever anybody may do.

What a client sends is made from snapshots, fresh or old, and comes at once, late or twice.
"""

from collections.abc import Iterable

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from negotiation_service.domain.commands import (
    Command,
    CreateService,
    EditPrice,
    EndNegotiation,
    FireTimers,
    NegotiationOutcome,
    PartyCommand,
    PlaceHold,
    ResolveHold,
)
from negotiation_service.domain.decide import decide
from negotiation_service.domain.decision import Decision, next_due, running_timers, settle
from negotiation_service.domain.entities import FINAL, Deal, Money, Outcome, Role, Settlement
from negotiation_service.domain.events import Cause, Event, evolve
from negotiation_service.domain.facts import NO_FACTS, Facts
from negotiation_service.domain.limits import DAY, HOUR, MINUTE, Limits
from negotiation_service.domain.refusals import Reason
from negotiation_service.domain.views import Snapshot, snapshot
from service_kit.rules import INVALID_ARGUMENT, Refusal
from tests.negotiation_service.client import CLIENT, without_words
from tests.negotiation_service.model import Model

LIMITS = Limits({"EUR": 2, "JPY": 0}, rounds=4, amendments=3, reopenings=2, disputes=2)
PARTIES = ("ann", "bob")
# The outsider is one who tries less often, for the answer is always the same.
ACTORS = (*PARTIES, *PARTIES, *PARTIES, "eve")
PRICES = (0, 1, 9_000, 10_000, LIMITS.max_price)

INTENTS = sorted(CLIENT)
# The straight way, and the ways on which the limits lie.
PATHS = (
    ("accept", "deliver", "complete", "submit_note", "submit_note"),
    ("counter",) * 5,
    ("accept", *("propose_amendment", "counter", "accept") * 2),
    ("accept", *("deliver", "reopen") * 3),
    ("accept", "propose_amendment", "deliver"),
    ("request_cancellation", "confirm_cancellation", "submit_note"),
)
STALE = {"counter", "revise", "accept", "propose_amendment"}


class Steps(RuleBasedStateMachine):
    """One conversation and its deals, of which the latest one is looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000 * DAY
        self.services = 0
        self.waiting: list[Command] = []
        self.restricted: set[str] = set()

    def begin(self, actor: str, role: Role, price: int, ttl: int | None) -> CreateService:
        self.services += 1
        money = Money(price, "EUR")
        return CreateService(actor, "talk", role, "Logo", money, "In blue.", ttl)

    def decide(
        self, deal: Deal | None, command: Command, forbidden: str = ""
    ) -> Decision | Refusal:
        facts = Facts(forbidden, f"service-{self.services}", PARTIES)
        return decide(deal, command, facts, self.now, LIMITS)

    @initialize(
        actor=st.sampled_from(PARTIES),
        role=st.sampled_from(Role),
        price=st.sampled_from(PRICES),
        ttl=st.sampled_from([None, 300, 3_600, 14 * 24 * 3_600]),
        progress=st.sampled_from([0, 0, 0, 1, 1, 2, 3]),
    )
    def create(self, actor: str, role: Role, price: int, ttl: int | None, progress: int) -> None:
        command = self.begin(actor, role, price, ttl)
        decision = self.decide(None, command)
        assert isinstance(decision, Decision)
        self.take_over(command, decision, progress)

    def take_over(self, command: CreateService, decision: Decision, progress: int) -> None:
        """Look at a new deal; `progress` lets it begin some steps along the shortest way."""
        self.deal = self.prompt = decision.deal
        self.events = list(decision.events)
        self.waiting = []
        peer = next(one for one in PARTIES if one != command.actor)
        pair = (command.actor, peer) if command.role is Role.PROVIDER else (peer, command.actor)
        ttl = (
            LIMITS.offer_ttl
            if command.offer_ttl_seconds is None
            else command.offer_ttl_seconds * 1_000
        )
        self.model = Model(LIMITS, *pair, [command.price.amount_minor], [command.actor], ttl)
        self.told = {one: self.show(one) for one in PARTIES}
        self.go(PATHS[0][:progress], 0)

    def show(self, reader: str) -> Snapshot:
        shown = snapshot(self.deal, reader, self.now, LIMITS, self.restricted)
        assert isinstance(shown, Snapshot)
        return shown

    def why(self, command: Command) -> str:
        """What forbids the sender of a command, as the service would find out."""
        is_forbidden = isinstance(command, PartyCommand) and command.actor in self.restricted
        return "a sanction" if is_forbidden else ""

    # --- What happens ---------------------------------------------------------------------------

    def send(self, command: Command) -> Decision | Refusal:
        """Give a command to the rules and to the model, and compare what they say."""
        forbidden = self.why(command)
        expected = self.model.answer(command, forbidden)
        before = self.deal
        result = self.decide(before, command, forbidden)
        reason = str(result.reason) if isinstance(result, Refusal) else None
        assert reason == (expected or None), f"{command}: {reason}, but the model says {expected}"
        if isinstance(result, Refusal):
            self.check_refusal(result)
            return result
        if expected == "":
            assert result == Decision(before, ()), "what was done before is not done again"
            return result
        self.check_events(before, command, result.events)
        self.deal = result.deal
        self.events += result.events
        self.model.apply(command)
        if not isinstance(command, FireTimers):
            self.keep_prompt(command)
        return result

    def keep_prompt(self, command: Command) -> None:
        """The same deal in a world where each timer fires at the very moment that it is due."""
        result = self.decide(self.prompt, command, self.why(command))
        assert isinstance(result, Decision)
        self.prompt = result.deal

    def check_refusal(self, refusal: Refusal) -> None:
        if refusal.reason in {Reason.SERVICE_NOT_FOUND, Reason.CONVERSATION_NOT_FOUND}:
            assert refusal.current is None
        else:
            assert refusal.current == settle(self.deal, self.now, LIMITS).deal
        if refusal.reason == INVALID_ARGUMENT:
            assert refusal.field == "split"

    def check_events(self, before: Deal, command: Command, events: Iterable[Event]) -> None:
        """P2, P3, P4, P6, P7: what an event may do to the deal on which it falls."""
        deal = before
        for event in events:
            after = evolve(deal, event)
            if event.cause in {Cause.AGREED, Cause.AMENDED}:
                assert isinstance(command, EndNegotiation)
                offer = deal.offer
                assert offer is not None
                assert offer.by != command.actor == event.by
                assert (command.offer, command.price) == (
                    offer.number,
                    Money(offer.price, deal.currency),
                )
                assert self.now < min(
                    one.due_at for one in deal.deadlines if one.timer.value == "offer"
                )
                assert after.agreed is not None
                assert after.agreed.price == offer.price
            else:
                assert after.agreed == deal.agreed
            if deal.state in FINAL and after.state is not deal.state:
                assert event.cause is Cause.DECIDED
            if deal.hold:
                assert isinstance(command, ResolveHold)
            assert event.by in {*PARTIES, ""}
            deal = after

    @rule(
        actor=st.sampled_from(ACTORS),
        intent=st.sampled_from(INTENTS),
        price=st.sampled_from(PRICES),
        moment=st.sampled_from(["now", "now", "now", "twice", "later"]),
        old=st.booleans(),
        silent=st.booleans(),
    )
    def act(
        self, actor: str, intent: str, price: int, moment: str, *, old: bool, silent: bool
    ) -> None:
        """Someone does something about what they see, or about what they saw last."""
        shown = self.show(actor if actor in PARTIES else "ann")
        if old and actor in PARTIES:
            shown = self.told[actor]
        elif actor in PARTIES:
            self.told[actor] = shown
        command = CLIENT[intent](shown, actor, price)
        if silent:
            command = without_words(command)
        if moment == "later":
            self.waiting = [*self.waiting[-5:], command]
            return
        self.send(command)
        if moment == "twice":
            self.send(command)

    @rule(data=st.data(), price=st.sampled_from(PRICES), old=st.booleans())
    def do_what_is_allowed(self, data: st.DataObject, price: int, *, old: bool) -> None:
        """Someone does what the snapshot offers, and may do so unless something came between."""
        actor = data.draw(st.sampled_from(PARTIES))
        shown = self.told[actor] if old else self.show(actor)
        if shown.allowed_actions:
            action = data.draw(st.sampled_from(shown.allowed_actions))
            command = CLIENT[action](shown, actor, price)
            if actor in self.restricted:
                command = without_words(command)
            result = self.send(command)
            assert old or isinstance(result, Decision)

    @rule(parties=st.sampled_from([(), ("ann",), ("bob",), PARTIES]))
    def sanction(self, parties: tuple[str, ...]) -> None:
        """A sanction comes or ends; both are restricted where the conversation is locked."""
        self.restricted = {*parties}

    @rule(path=st.sampled_from(PATHS), price=st.sampled_from(PRICES))
    def go(self, path: tuple[str, ...], price: int) -> None:
        """They go some way together, and perhaps further than they may."""
        for turn, action in enumerate(path):
            able = [one for one in PARTIES if action in self.show(one).allowed_actions] or PARTIES
            actor = able[turn % len(able)]
            command = CLIENT[action](self.show(actor), actor, price)
            self.send(without_words(command) if actor in self.restricted else command)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data(), again=st.booleans())
    def arrive(self, data: st.DataObject, *, again: bool) -> None:
        """A command that was under way comes in, in whatever order; its resend may follow."""
        index = data.draw(st.integers(0, len(self.waiting) - 1))
        command = self.waiting[index] if again else self.waiting.pop(index)
        self.send(command)

    @rule(
        actor=st.sampled_from(ACTORS),
        outcome=st.sampled_from(NegotiationOutcome),
        error=st.sampled_from([0, 0, 0, 0, 0, -1, 1]),
        price=st.sampled_from(PRICES),
        edits=st.booleans(),
    )
    def guess(
        self, actor: str, outcome: NegotiationOutcome, error: int, price: int, *, edits: bool
    ) -> None:
        """Someone names a price of their own making, and perhaps another offer."""
        service, money = self.deal.id, Money(price, "EUR")
        number = max(1, self.deal.offers + error)
        if edits:
            self.send(EditPrice(actor, service, money, number))
        else:
            self.send(EndNegotiation(actor, service, outcome, number, money))

    @rule(first=st.sampled_from(PARTIES), data=st.data(), price=st.sampled_from(PRICES))
    def race(self, first: str, data: st.DataObject, price: int) -> None:
        """P16: of two who accept or name a price about the same offer, one wins."""
        second = data.draw(st.sampled_from(PARTIES))
        commands = []
        for actor in (first, second):
            shown = self.show(actor)
            possible = sorted(STALE & set(shown.allowed_actions))
            if not possible:
                return
            action = data.draw(st.sampled_from(possible))
            commands.append(CLIENT[action](shown, actor, price))
        won = self.send(commands[0])
        lost = self.send(commands[1])
        assert isinstance(won, Decision)
        assert isinstance(lost, Refusal)
        assert lost.reason is Reason.STALE_OFFER
        assert lost.current == self.deal

    @rule(
        actor=st.sampled_from(ACTORS),
        role=st.sampled_from(Role),
        price=st.sampled_from(PRICES),
        progress=st.sampled_from([0, 0, 0, 1, 1, 2, 3]),
    )
    def create_another(self, actor: str, role: Role, price: int, progress: int) -> None:
        """A conversation has one open deal; the next begins when it has ended."""
        self.fire()
        command = self.begin(actor, role, price, None)
        forbidden = self.why(command)
        expected = self.model.answer(command, forbidden)
        result = self.decide(self.deal, command, forbidden)
        reason = str(result.reason) if isinstance(result, Refusal) else None
        assert reason == expected
        if isinstance(result, Decision):
            assert not self.deal.is_open
            self.take_over(command, result, progress)

    @rule(
        dispute=st.sampled_from(["d1", "d2", "d3", "a-new-dispute"]),
        opened_by=st.sampled_from(ACTORS),
    )
    def place_hold(self, dispute: str, opened_by: str) -> None:
        self.send(PlaceHold(self.deal.id, dispute, opened_by))

    @rule(
        data=st.data(),
        outcome=st.sampled_from([Outcome.RESUME, *Outcome, Outcome.SPLIT]),
        share=st.integers(0, 2),
        error=st.sampled_from([0, 0, -1, 1]),
        time=st.sampled_from([0, HOUR, 40 * DAY, -HOUR]),
        place=st.booleans(),
    )
    def resolve_hold(
        self,
        data: st.DataObject,
        outcome: Outcome,
        share: int,
        error: int,
        time: int,
        *,
        place: bool,
    ) -> None:
        """Moderation decides; P7: what time was left when the hold was placed is left again."""
        if place:
            self.place_hold(f"d{self.deal.disputes + 1}", "bob")
        if self.deal.hold:
            self.move_clock(time)
        known = [one.dispute for one in self.deal.rulings]
        standing = [self.deal.hold.dispute] * 4 if self.deal.hold else []
        dispute = data.draw(st.sampled_from([*standing, *known, "d4"]))
        split = None
        if outcome is Outcome.SPLIT:
            price = self.deal.agreed.price if self.deal.agreed else 0
            provider = price * share // 2
            split = Settlement(provider, max(0, price - provider + error))
        before = self.deal
        result = self.send(ResolveHold(self.deal.id, dispute, outcome, split))
        if isinstance(result, Decision) and result.events and outcome is Outcome.RESUME:
            assert before.hold is not None
            frozen = {one.timer: one.due_at - before.hold.since for one in before.deadlines}
            given = max(0, before.hold.since - self.now)
            left = {one.timer: one.due_at - self.now - given for one in running_timers(self.deal)}
            assert left == frozen

    @rule(
        time=st.sampled_from([0, 1, MINUTE, HOUR, 43 * HOUR, 3 * DAY, 8 * DAY, 15 * DAY, 40 * DAY]),
    )
    def wait(self, time: int) -> None:
        self.move_clock(time)

    @precondition(lambda self: bool(running_timers(self.deal)))
    @rule(data=st.data(), around=st.sampled_from([-1, 0, 1]))
    def wait_for_timer(self, data: st.DataObject, around: int) -> None:
        """The moments that matter: just before, just when, and just after something is due."""
        due = data.draw(st.sampled_from(running_timers(self.deal))).due_at
        self.move_clock(max(0, due + around - self.now))

    @rule(time=st.sampled_from([1, MINUTE, HOUR, DAY]))
    def set_clock_back(self, time: int) -> None:
        """A clock that is set back undoes nothing."""
        self.fire()
        self.move_clock(-time)

    @rule()
    def fire(self) -> None:
        """The loop comes by; whether it does is of no matter."""
        self.send(FireTimers(self.deal.id))
        due = next_due(self.deal)
        assert due is None or due > self.now
        again = self.decide(self.deal, FireTimers(self.deal.id))
        assert again == Decision(self.deal, ())

    def move_clock(self, time: int) -> None:
        self.model.elapse(time)
        end = self.now + time
        while (due := next_due(self.prompt)) is not None and due <= end:
            fired = decide(self.prompt, FireTimers(self.prompt.id), NO_FACTS, due, LIMITS)
            assert isinstance(fired, Decision)
            assert fired.events
            self.prompt = fired.deal
        self.now = end
