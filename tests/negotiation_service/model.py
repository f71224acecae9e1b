"""The design of a deal told a second time, to hold the rules against.

It has no table, no events and no dates. What is going on are plain fields, and what time will do
are countdowns that run or stand still. It answers each command with the reason of its refusal, or
with None, and then does it.
"""

from dataclasses import dataclass, field

from negotiation_service.domain import commands
from negotiation_service.domain.limits import Limits

Answer = str | None


def parts(command: commands.ResolveHold) -> tuple[int, int] | None:
    """The shares that a ruling names, if any."""
    split = command.split
    return None if split is None else (split.provider_minor, split.client_minor)


@dataclass
class Model:
    """One deal of a conversation, which any number of others came before."""

    limits: Limits
    provider: str
    client: str
    prices: list[int]
    authors: list[str]
    ttl: int
    state: str = "offered"
    # The index of the live offer, and that of the one agreed last.
    live: int | None = 0
    agreed: int | None = None
    agreements: int = 0
    edits: dict[str, int] = field(default_factory=lambda: {"offered": 0, "agreed": 0})
    reopened: int = 0
    asked_by: str = ""
    dispute: str = ""
    decided: dict[str, tuple[str, tuple[int, int] | None]] = field(default_factory=dict)
    money: tuple[int, int] | None = None
    notes: dict[str, tuple[int, str]] = field(default_factory=dict)
    revealed: bool = False
    countdowns: dict[str, int] = field(default_factory=dict)
    stood_still: int = 0

    def __post_init__(self) -> None:
        self.countdowns["offer"] = self.ttl

    # --- Time -------------------------------------------------------------------------------

    def elapse(self, time: int) -> None:
        """Let time pass, or, with a clock that is set back, give some of it back."""
        if self.dispute:
            self.stood_still += time
            return
        while due := [(left, name) for name, left in self.countdowns.items() if left <= time]:
            left, name = min(due)
            self._run_down(left)
            time -= left
            del self.countdowns[name]
            self._time_is_up(name)
        self._run_down(time)

    def _run_down(self, time: int) -> None:
        for name in self.countdowns:
            self.countdowns[name] -= time

    def _time_is_up(self, name: str) -> None:
        if name == "offer":
            self.live = None
            if self.state == "offered":
                self._end("closed", None)
        elif name == "delivery":
            self._end("cancelled", (0, self.price))
        elif name == "completion":
            self._end("completed", (self.price, 0))
        elif name == "cancellation":
            self.asked_by = ""
        elif name == "notes":
            self.revealed = True

    @property
    def price(self) -> int:
        assert self.agreed is not None
        return self.prices[self.agreed]

    def _end(self, state: str, money: tuple[int, int] | None) -> None:
        self.state, self.money = state, money
        self.live, self.asked_by = None, ""
        self.countdowns.clear()
        if state != "closed":
            self.countdowns["notes"] = self.limits.notes
        if state == "completed":
            self.countdowns["dispute"] = self.limits.dispute

    def _agree(self) -> None:
        self.state, self.agreed, self.live = "agreed", self.live, None
        self.agreements += 1
        self.countdowns.pop("offer")
        self.countdowns["delivery"] = self.limits.delivery

    # --- Commands ---------------------------------------------------------------------------

    def answer(self, command: commands.Command, forbidden: str = "") -> Answer:
        """The reason why this is refused, None if it is not; "" if it was done before."""
        if isinstance(command, commands.FireTimers):
            return None
        if isinstance(command, commands.ResolveHold):
            return self._answer_ruling(command)
        if isinstance(command, commands.PlaceHold):
            return self._answer_hold(command)
        if isinstance(command, commands.CreateService):
            if command.actor not in (self.provider, self.client):
                return "CONVERSATION_NOT_FOUND"
            if forbidden:
                return "SANCTIONED"
            going_on = self.state in ("offered", "agreed", "delivered")
            return "OPEN_SERVICE_EXISTS" if going_on else None
        if command.actor not in (self.provider, self.client):
            return "SERVICE_NOT_FOUND"
        match command:
            case commands.EditPrice():
                return self._answer_edit(command, forbidden)
            case commands.EndNegotiation():
                return self._answer_end(command, forbidden)
            case commands.TerminateService():
                return self._answer_termination(command, forbidden)
            case commands.SubmitNote():
                if self.state not in ("completed", "cancelled"):
                    return "INVALID_STATE"
                said = command.comment
                return self._stopped(forbidden and said) or (
                    "INVALID_STATE" if self.revealed else None
                )

    def _stopped(self, forbidden: str = "") -> Answer:
        if forbidden:
            return "SANCTIONED"
        return "ON_HOLD" if self.dispute else None

    def _answer_edit(self, command: commands.EditPrice, forbidden: str) -> Answer:
        if self.state not in ("offered", "agreed"):
            return "INVALID_STATE"
        if stopped := self._stopped(forbidden):
            return stopped
        if command.base_offer != (0 if self.live is None else self.live + 1):
            return "STALE_OFFER"
        most = self.limits.rounds if self.state == "offered" else self.limits.amendments
        return None if self.edits[self.state] < most else "TOO_MANY_ROUNDS"

    def _answer_end(self, command: commands.EndNegotiation, forbidden: str) -> Answer:
        if self.state not in ("offered", "agreed"):
            return "INVALID_STATE"
        # To end an offer binds nobody.
        if stopped := self._stopped(forbidden if command.outcome == "agreed" else ""):
            return stopped
        if self.live is None or command.offer != self.live + 1:
            return "STALE_OFFER"
        if command.price is not None and command.price.amount_minor != self.prices[self.live]:
            return "STALE_OFFER"
        own = self.authors[self.live] == command.actor
        if command.outcome == "withdrawn":
            return None if own else "OFFER_OF_THE_OTHER"
        return "OWN_OFFER" if own else None

    def _answer_termination(self, command: commands.TerminateService, forbidden: str) -> Answer:
        needed = {
            "delivered": ("agreed",),
            "completed": ("delivered",),
            "reopened": ("delivered",),
            "cancelled": ("agreed", "delivered"),
        }
        if self.state not in needed[command.outcome]:
            return "INVALID_STATE"
        if stopped := self._stopped(forbidden and command.reason):
            return stopped
        match command.outcome:
            case "delivered":
                return None if command.actor == self.provider else "PROVIDER_ONLY"
            case "reopened" if self.reopened >= self.limits.reopenings:
                return "TOO_MANY_REOPENINGS"
            case "completed" | "reopened":
                return None if command.actor == self.client else "CLIENT_ONLY"
        return "CANCELLATION_REQUESTED" if self.asked_by == command.actor else None

    def _answer_hold(self, command: commands.PlaceHold) -> Answer:
        if command.opened_by not in (self.provider, self.client):
            return "SERVICE_NOT_FOUND"
        if command.dispute == self.dispute or command.dispute in self.decided:
            return ""
        if self.state not in ("agreed", "delivered", "completed"):
            return "INVALID_STATE"
        if self.dispute:
            return "ON_HOLD"
        if self.state == "completed" and "dispute" not in self.countdowns:
            return "INVALID_STATE"
        return None if len(self.decided) < self.limits.disputes else "TOO_MANY_DISPUTES"

    def _answer_ruling(self, command: commands.ResolveHold) -> Answer:
        split = parts(command)
        if command.dispute in self.decided:
            same = self.decided[command.dispute] == (command.outcome, split)
            return "" if same else "DECIDED_OTHERWISE"
        if self.state not in ("agreed", "delivered", "completed"):
            return "INVALID_STATE"
        if command.dispute != self.dispute:
            return "HOLD_NOT_FOUND"
        if split and sum(split) != self.price:
            return "INVALID_ARGUMENT"
        return None

    def apply(self, command: commands.Command) -> None:
        match command:
            case commands.EditPrice():
                self.edits[self.state] += 1
                self.live = len(self.prices)
                self.prices.append(command.price.amount_minor)
                self.authors.append(command.actor)
                self.countdowns["offer"] = self.ttl
            case commands.EndNegotiation(outcome="agreed"):
                self._agree()
            case commands.EndNegotiation() if self.state == "agreed":
                self.live = None
                self.countdowns.pop("offer")
            case commands.EndNegotiation():
                self._end("closed", None)
            case commands.TerminateService():
                self._terminate(command)
            case commands.SubmitNote():
                self.notes[command.actor] = (command.score, command.comment)
                if len(self.notes) == 2:
                    self.revealed = True
                    self.countdowns.pop("notes")
            case commands.PlaceHold():
                self.dispute, self.stood_still = command.dispute, 0
            case commands.ResolveHold():
                self._rule(command)

    def _terminate(self, command: commands.TerminateService) -> None:
        match command.outcome:
            case "delivered":
                self.state, self.live = "delivered", None
                self.countdowns.pop("offer", None)
                self.countdowns.pop("delivery")
                self.countdowns["completion"] = self.limits.completion
            case "completed":
                self._end("completed", (self.price, 0))
            case "reopened":
                self.state = "agreed"
                self.reopened += 1
                self.countdowns.pop("completion")
                self.countdowns["delivery"] = self.limits.delivery
            case "cancelled" if self.asked_by:
                self._end("cancelled", (0, self.price))
            case "cancelled":
                self.asked_by = command.actor
                self.countdowns["cancellation"] = self.limits.cancellation

    def _rule(self, command: commands.ResolveHold) -> None:
        split = parts(command)
        self.decided[command.dispute] = (command.outcome, split)
        self.dispute = ""
        # The countdowns stood still. Only a clock that was set back adds to what is left.
        self._run_down(min(0, self.stood_still))
        if command.outcome == "resume":
            return
        money = split or ((self.price, 0) if command.outcome == "completed" else (0, self.price))
        after = "cancelled" if command.outcome == "cancelled" else "completed"
        if self.state != "completed":
            self._end(after, money)
        self.state, self.money = after, money
        self.countdowns.pop("dispute", None)
