"""Disputes about deals, as they were shown."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from parley_client.views.deals import with_exponent
from parley_client.views.price import Price
from parley_client.views.view import Data, View, mapping
from parley_client.views.words import DisputeReason, DisputeState, Outcome
from parley_protocol.payloads.fields import Settlement

DisputeAction = Literal["state", "propose", "accept", "withdraw"]
"""The words that `allowed_actions` of a dispute may hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeStatement(View):
    """A statement of one party; `number` names it within the dispute. Its text is empty while
    moderators have `removed` it.
    """

    by: str
    text: str
    at: datetime
    number: int
    removed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementOffer(View):
    """A settlement that one party has proposed, as it was shown. It knows its `dispute`."""

    dispute: str
    number: int
    by: str
    settlement: Settlement
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim(View):
    """The amount that the client of the deal is to have back."""

    refund: Price


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution(View):
    """The end of a dispute; `facts` and `rule` are what moderators say, where they decided."""

    outcome: Outcome
    cause: str
    at: datetime
    split: Settlement | None = None
    facts: str | None = None
    rule: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute(View):
    """A dispute as this user saw it at one moment. `dispute` is its id, `due_at` when the present
    state ends by itself, `refusal` why the deal was not held.
    """

    dispute: str
    service: str
    conversation: str
    provider: str
    client: str
    opened_by: str
    reason: DisputeReason
    state: DisputeState
    allowed_actions: tuple[str, ...]
    created_at: datetime
    version: int
    statements: tuple[DisputeStatement, ...] = ()
    offers: tuple[SettlementOffer, ...] = ()
    price: Price | None = None
    claim: Claim | None = None
    due_at: datetime | None = None
    resolution: Resolution | None = None
    refusal: str | None = None
    truncated: bool = False

    @classmethod
    def _prepared(cls, data: Data) -> Data:
        """Give each price the `exponent` of the deal, which whoever reads this has put beside what
        the server tells, and each offer its dispute.
        """
        told = {name: value for name, value in data.items() if value is not None}
        exponent = told.pop("exponent", None)
        if isinstance(offers := told.get("offers"), list):
            named = {"dispute": told.get("dispute")}
            told["offers"] = [{**mapping(offer), **named} for offer in offers]
        return {name: with_exponent(value, exponent) for name, value in told.items()}

    def can(self, action: DisputeAction) -> bool:
        """Tell whether this user could take a step when this was shown."""
        return action in self.allowed_actions

    @property
    def newest_offer(self) -> SettlementOffer | None:
        """The one settlement that can be accepted, if any was proposed."""
        return self.offers[-1] if self.offers else None
