"""Negotiation's side of a dispute, told in few words: what a hold is, and how it answers calls."""

from dataclasses import dataclass, field

from moderation_service.domain.dispute.entities import Outcome, Settlement
from moderation_service.domain.dispute.saga import PlaceHold, ResolveHold


@dataclass
class Service:
    """A service as it can be disputed: its price, the hold on it, and what was decided.

    `news` are the disputes whose holds were placed, as a follower of its Watch learns of them.
    """

    price: int
    disputable: bool = True
    hold: str = ""
    decided: dict[str, tuple[Outcome, Settlement | None]] = field(default_factory=dict)
    applied: list[str] = field(default_factory=list)
    news: list[str] = field(default_factory=list)

    def answer(self, call: PlaceHold | ResolveHold) -> str:
        """Do what is called for; gives the reason of the refusal, empty for none."""
        if isinstance(call, PlaceHold):
            return self._place(call)
        return self._resolve(call)

    def _place(self, call: PlaceHold) -> str:
        if self.hold == call.dispute or call.dispute in self.decided:
            return ""
        if not self.disputable:
            return "INVALID_STATE"
        if self.hold:
            return "ON_HOLD"
        self.hold = call.dispute
        self.news.append(call.dispute)
        return ""

    def _resolve(self, call: ResolveHold) -> str:
        ruling = (call.outcome, call.split)
        if call.dispute in self.decided:
            return "" if self.decided[call.dispute] == ruling else "DECIDED_OTHERWISE"
        if self.hold != call.dispute:
            return "HOLD_NOT_FOUND"
        if call.split and call.split.provider_minor + call.split.client_minor != self.price:
            return "INVALID_ARGUMENT"
        self.hold = ""
        self.decided[call.dispute] = ruling
        self.applied.append(call.dispute)
        if call.outcome is not Outcome.RESUME:
            self.disputable = False
        return ""
