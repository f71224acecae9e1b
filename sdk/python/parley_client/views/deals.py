"""Deals, which packets call services, as they were shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from parley_client.views.price import Price
from parley_client.views.view import Data, View, mapping
from parley_client.views.words import DealState
from parley_protocol.payloads.fields import Settlement

Role = Literal["provider", "client"]
DealAction = Literal[
    "counter",
    "revise",
    "accept",
    "decline",
    "withdraw",
    "propose_amendment",
    "deliver",
    "complete",
    "reopen",
    "request_cancellation",
    "confirm_cancellation",
    "open_dispute",
    "submit_note",
]
"""The words that `allowed_actions` of a deal may hold (docs/negotiation.md, "Allowed actions")."""

_ENDED = frozenset({DealState.COMPLETED, DealState.CANCELLED, DealState.CLOSED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer(View):
    """A price named by one party, as it was shown: to accept it is to accept this and no other.

    It knows its deal by `service`. `expires_at` is None while a dispute holds the deal.
    """

    service: str
    number: int
    price: Price
    by: str
    created_at: datetime
    note: str | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed(View):
    """The agreement: the accepted offer's number and price. `version` counts the agreements."""

    price: Price
    version: int
    offer: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancellation(View):
    """A request of one party that the other confirm that the deal is cancelled."""

    by: str
    at: datetime
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold(View):
    """A hold on a deal: by which dispute, who opened that, and since when."""

    dispute: str
    opened_by: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending(View):
    """The end of a deal. Without `by` it was time, or a decision about a dispute."""

    cause: str
    at: datetime
    by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Note(View):
    """A rating of one party by the other, from 1 to 5."""

    score: int
    at: datetime
    comment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notes(View):
    """The notes that this user may see: `theirs` only once both are in, or the time is over."""

    mine: Note | None = None
    theirs: Note | None = None
    revealed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deal(View):
    """A deal as this user saw it at one moment (0xE0, structure Service of docs/protocol.md).

    `service` is its id, `allowed_actions` what this user could do with it then, `deadlines` when
    time acts by itself. Of two with the same id the one with the greater `version` is the newer.
    All its prices have the `exponent` of its currency.
    """

    service: str
    conversation: str
    provider: str
    client: str
    title: str
    state: DealState
    currency: str
    exponent: int
    allowed_actions: tuple[str, ...]
    created_at: datetime
    version: int
    deadlines: Mapping[str, datetime] = field(default_factory=dict)
    notes: Notes | None = None
    description: str | None = None
    offer: Offer | None = None
    agreed: Agreed | None = None
    amendment: Offer | None = None
    reopenings: int = 0
    cancellation: Cancellation | None = None
    hold: Hold | None = None
    ending: Ending | None = None
    settlement: Settlement | None = None
    truncated: bool = False

    @classmethod
    def _prepared(cls, data: Data) -> Data:
        """Give each price the exponent, which stands once for all, and each offer its deal."""
        told = {name: value for name, value in data.items() if value is not None}
        exponent, service = told.get("exponent"), told.get("service")
        for name in ("offer", "amendment"):
            if name in told:
                told[name] = {**mapping(told[name]), "service": service}
        return {name: with_exponent(value, exponent) for name, value in told.items()}

    def can(self, action: DealAction) -> bool:
        """Tell whether this user could take a step when this was shown."""
        return action in self.allowed_actions

    @property
    def is_open(self) -> bool:
        """Whether it has not ended; a conversation has at most one open deal."""
        return self.state not in _ENDED

    @property
    def live_offer(self) -> Offer | None:
        """The offer on the table, before the agreement or, as an amendment, after it."""
        return self.offer or self.amendment

    def role_of(self, user: str) -> Role | None:
        """Give the part that a user has in it; None for somebody else."""
        return "provider" if user == self.provider else "client" if user == self.client else None


def with_exponent(value: Any, exponent: object) -> Any:
    """Copy a plain value, in which each amount of money gets the exponent of its currency."""
    if not isinstance(value, Mapping):
        return value
    copied = {name: with_exponent(inner, exponent) for name, inner in value.items()}
    if "amount_minor" in copied:
        copied["exponent"] = exponent
    return copied


@dataclass(frozen=True, slots=True, kw_only=True)
class DealEvent(View):
    """Something that happened to a deal; `number` is its place in the deal's own history.

    `offer` and `price` are those of the offer that it is about. Its price has no exponent.
    """

    service: str
    number: int
    cause: str
    state: str
    title: str
    at: datetime
    by: str | None = None
    offer: int | None = None
    price: Price | None = None
    reason: str | None = None
