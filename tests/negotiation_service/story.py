"""One deal, told step by step: ann provides, bob is the client, ann has made the first offer."""

from collections.abc import Callable

from negotiation_service.domain import commands
from negotiation_service.domain.decide import decide
from negotiation_service.domain.decision import Decision
from negotiation_service.domain.entities import Deal, Money, Outcome, Role, Settlement, Timer
from negotiation_service.domain.events import Event
from negotiation_service.domain.facts import Facts
from negotiation_service.domain.limits import DAY, Limits
from negotiation_service.domain.views import Snapshot, snapshot
from service_kit.rules import Refusal

LIMITS = Limits({"EUR": 2, "USD": 2, "JPY": 0})
START = 1_000 * DAY
PRICE = 10_000


def creation(**changes: object) -> commands.CreateService:
    """The proposal with which every story begins."""
    proposal: dict[str, object] = {
        "actor": "ann",
        "conversation": "talk-1",
        "role": Role.PROVIDER,
        "title": "A logo",
        "description": "In blue.",
        "price": Money(PRICE, "EUR"),
    }
    return commands.CreateService(**(proposal | changes))  # type: ignore[arg-type]  # any of its fields


def propose(
    deal: Deal | None = None,
    now: int = START,
    limits: Limits = LIMITS,
    *,
    service: str = "service-1",
    participants: tuple[str, ...] = ("ann", "bob"),
    forbidden: str = "",
    **changes: object,
) -> Decision | Refusal:
    """Have the proposal decided; `deal` is the open one of its conversation."""
    facts = Facts(forbidden, service, participants)
    return decide(deal, creation(**changes), facts, now, limits)


class Story:
    """A deal, its events and the time."""

    def __init__(self, *steps: str, limits: Limits = LIMITS, **proposal: object) -> None:
        self.limits = limits
        self.now = START
        self.events: list[Event] = []
        decision = propose(None, self.now, limits, **proposal)  # type: ignore[arg-type]
        assert isinstance(decision, Decision)
        self.deal: Deal = decision.deal
        self.events += decision.events
        for step in steps:
            self.take(step)

    def send(self, command: commands.Command, forbidden: str = "") -> Decision | Refusal:
        """Have a command decided, and go on from there."""
        result = decide(self.deal, command, Facts(forbidden), self.now, self.limits)
        if isinstance(result, Decision):
            self.deal = result.deal
            self.events += result.events
        return result

    def done(self, command: commands.Command) -> Decision:
        result = self.send(command)
        assert isinstance(result, Decision), result
        return result

    def refused(self, command: commands.Command, forbidden: str = "") -> Refusal:
        result = self.send(command, forbidden)
        assert isinstance(result, Refusal), result
        return result

    def take(self, step: str) -> Decision:
        """Take a step of STEPS, which is not refused."""
        return self.done(STEPS[step](self))

    def show(self, reader: str) -> Snapshot:
        shown = snapshot(self.deal, reader, self.now, self.limits)
        assert isinstance(shown, Snapshot)
        return shown

    # --- Commands, as far as possible with what is right at the moment -------------------------

    def edit(self, actor: str, price: int = 9_000, base: int | None = None) -> commands.EditPrice:
        live = self.deal.offer.number if self.deal.offer else 0
        money = Money(price, self.deal.currency)
        return commands.EditPrice(actor, self.deal.id, money, live if base is None else base)

    def end(
        self,
        actor: str,
        outcome: commands.NegotiationOutcome,
        offer: int | None = None,
        price: Money | None = None,
    ) -> commands.EndNegotiation:
        live = self.deal.offer
        offer = offer or (live.number if live else 1)
        price = price or Money(live.price if live else PRICE, self.deal.currency)
        return commands.EndNegotiation(actor, self.deal.id, outcome, offer, price)

    def terminate(
        self, actor: str, outcome: commands.TerminationOutcome
    ) -> commands.TerminateService:
        return commands.TerminateService(actor, self.deal.id, outcome, "because")

    def note(self, actor: str, score: int = 5) -> commands.SubmitNote:
        return commands.SubmitNote(actor, self.deal.id, score, f"{score} from {actor}")

    def hold(self, dispute: str = "dispute-1", opened_by: str = "bob") -> commands.PlaceHold:
        return commands.PlaceHold(self.deal.id, dispute, opened_by)

    def rule(
        self, outcome: Outcome, split: Settlement | None = None, dispute: str = "dispute-1"
    ) -> commands.ResolveHold:
        return commands.ResolveHold(self.deal.id, dispute, outcome, split)

    def when_due(self, timer: Timer) -> commands.FireTimers:
        """Time goes on until this timer is due, and the loop comes by."""
        due = self.deal.due_at(timer)
        assert due is not None, f"{timer} does not run"
        self.now = due
        return commands.FireTimers(self.deal.id)


_AGREED, _DECLINED, _WITHDRAWN = commands.NegotiationOutcome
_DELIVERED, _COMPLETED, _REOPENED, _CANCELLED = commands.TerminationOutcome
SPLIT = Settlement(PRICE // 4, PRICE - PRICE // 4)


def _lapse(timer: Timer) -> Callable[[Story], commands.Command]:
    return lambda story: story.when_due(timer)


# Each step by the one whose step it is; "own" and "other" are about ann's offer.
STEPS: dict[str, Callable[[Story], commands.Command]] = {
    "counter": lambda story: story.edit("bob"),
    "revise": lambda story: story.edit("ann"),
    "accept": lambda story: story.end("bob", _AGREED),
    "accept own": lambda story: story.end("ann", _AGREED),
    "decline": lambda story: story.end("bob", _DECLINED),
    "decline own": lambda story: story.end("ann", _DECLINED),
    "withdraw": lambda story: story.end("ann", _WITHDRAWN),
    "withdraw other": lambda story: story.end("bob", _WITHDRAWN),
    "deliver": lambda story: story.terminate("ann", _DELIVERED),
    "client delivers": lambda story: story.terminate("bob", _DELIVERED),
    "complete": lambda story: story.terminate("bob", _COMPLETED),
    "provider completes": lambda story: story.terminate("ann", _COMPLETED),
    "reopen": lambda story: story.terminate("bob", _REOPENED),
    "provider reopens": lambda story: story.terminate("ann", _REOPENED),
    "request": lambda story: story.terminate("ann", _CANCELLED),
    "confirm": lambda story: story.terminate("bob", _CANCELLED),
    "note": lambda story: story.note("ann"),
    "note back": lambda story: story.note("bob", 1),
    "hold": lambda story: story.hold(),
    "hold again": lambda story: story.hold("dispute-2"),
    "resume": lambda story: story.rule(Outcome.RESUME),
    "rule completed": lambda story: story.rule(Outcome.COMPLETED),
    "rule cancelled": lambda story: story.rule(Outcome.CANCELLED),
    "rule split": lambda story: story.rule(Outcome.SPLIT, SPLIT),
    "rule otherwise": lambda story: story.rule(Outcome.CANCELLED, dispute="dispute-9"),
    "offer lapses": _lapse(Timer.OFFER),
    "delivery lapses": _lapse(Timer.DELIVERY),
    "completion lapses": _lapse(Timer.COMPLETION),
    "cancellation lapses": _lapse(Timer.CANCELLATION),
    "dispute lapses": _lapse(Timer.DISPUTE),
    "notes lapse": _lapse(Timer.NOTES),
    "offer reminder": _lapse(Timer.OFFER_REMINDER),
    "delivery reminder": _lapse(Timer.DELIVERY_REMINDER),
    "completion reminder": _lapse(Timer.COMPLETION_REMINDER),
    "cancellation reminder": _lapse(Timer.CANCELLATION_REMINDER),
}
