"""A deal and its parts. It has three regions: the deal itself, the hold on it, and the notes.

Prices are integers of minor units of the deal's one currency; times are milliseconds UTC.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Money(NamedTuple):
    """An amount in minor units of a currency of ISO 4217: 12050 of EUR is 120.50 euros."""

    amount_minor: int
    currency: str


class Role(StrEnum):
    """The role of a party in a deal."""

    PROVIDER = "provider"
    CLIENT = "client"


class State(StrEnum):
    """The state of a deal; the hold and the notes have regions of their own."""

    OFFERED = "offered"
    AGREED = "agreed"
    DELIVERED = "delivered"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    CLOSED = "closed"


FINAL = frozenset({State.COMPLETED, State.CANCELLED, State.CLOSED})


class Timer(StrEnum):
    """A timer of a deal, or the reminder of one; each runs at most once at a time."""

    OFFER = "offer"
    DELIVERY = "delivery"
    COMPLETION = "completion"
    CANCELLATION = "cancellation"
    DISPUTE = "dispute"
    NOTES = "notes"
    OFFER_REMINDER = "offer_reminder"
    DELIVERY_REMINDER = "delivery_reminder"
    COMPLETION_REMINDER = "completion_reminder"
    CANCELLATION_REMINDER = "cancellation_reminder"

    @property
    def reminds_of(self) -> "Timer | None":
        """The timer of which this one reminds; None if it is no reminder."""
        return _REMINDS_OF.get(self)


_REMINDS_OF = {
    Timer.OFFER_REMINDER: Timer.OFFER,
    Timer.DELIVERY_REMINDER: Timer.DELIVERY,
    Timer.COMPLETION_REMINDER: Timer.COMPLETION,
    Timer.CANCELLATION_REMINDER: Timer.CANCELLATION,
}
REMINDER_OF = {timer: reminder for reminder, timer in _REMINDS_OF.items()}


@dataclass(frozen=True, slots=True)
class Deadline:
    """A timer and its time, which people were promised: settings do not change it."""

    timer: Timer
    due_at: int


@dataclass(frozen=True, slots=True)
class Offer:
    """A price named by a party; immutable, and numbered 1, 2, 3 ... within the deal."""

    number: int
    price: int
    by: str
    note: str
    at: int


@dataclass(frozen=True, slots=True)
class Agreement:
    """The agreed price: `version` counts the agreements, `offer` is the one that was accepted."""

    price: int
    version: int
    offer: int
    at: int


@dataclass(frozen=True, slots=True)
class CancellationRequest:
    """A party's request that the other confirm the cancellation of the deal."""

    by: str
    reason: str
    at: int


@dataclass(frozen=True, slots=True)
class Hold:
    """The freeze of a deal for a dispute: since `since` all its timers stand still."""

    dispute: str
    opened_by: str
    since: int


@dataclass(frozen=True, slots=True)
class Settlement:
    """The shares of the agreed price; together they are all of it."""

    provider_minor: int
    client_minor: int


class Outcome(StrEnum):
    """The outcome of a dispute."""

    RESUME = "resume"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    SPLIT = "split"


@dataclass(frozen=True, slots=True)
class Ruling:
    """The end of a dispute. With RESUME nothing is settled: the deal goes on."""

    dispute: str
    outcome: Outcome
    settlement: Settlement | None
    at: int


@dataclass(frozen=True, slots=True)
class Note:
    """A party's rating of the other, 1 to 5. `submissions` counts this one and its edits."""

    score: int
    comment: str
    at: int
    submissions: int


@dataclass(frozen=True, slots=True)
class Ending:
    """The cause of the deal's final state; `by` is empty for time and moderation."""

    cause: str
    by: str
    at: int


@dataclass(frozen=True, slots=True)
class Deal:
    """A deal as it stands after its events; `seq` counts them.

    `offer` is the live one: of the bargaining in OFFERED, an amendment in AGREED. `rounds` counts
    the price edits of the bargaining, `amendments` those after it. While a hold stands, the
    `deadlines` are those that ran when it was placed. `withheld` and `removed` name texts that are
    hidden (`texts`).
    """

    id: str
    conversation: str
    provider: str
    client: str
    title: str
    description: str
    currency: str
    exponent: int
    offer_ttl: int
    created_at: int
    seq: int
    state: State
    rounds: int = 0
    amendments: int = 0
    offer: Offer | None = None
    agreed: Agreement | None = None
    reopenings: int = 0
    cancellation: CancellationRequest | None = None
    hold: Hold | None = None
    rulings: tuple[Ruling, ...] = ()
    ending: Ending | None = None
    settlement: Settlement | None = None
    provider_note: Note | None = None
    client_note: Note | None = None
    revealed_at: int | None = None
    deadlines: tuple[Deadline, ...] = ()
    withheld: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        """True until it ends; a conversation has at most one open deal."""
        return self.state not in FINAL

    @property
    def offers(self) -> int:
        """The number of offers made, which is that of the newest."""
        return 1 + self.rounds + self.amendments

    @property
    def parties(self) -> tuple[str, str]:
        """The provider and the client."""
        return (self.provider, self.client)

    @property
    def notes(self) -> tuple[Note | None, Note | None]:
        """The notes of the provider and the client, sealed or not."""
        return (self.provider_note, self.client_note)

    @property
    def disputes(self) -> int:
        """The number of disputes so far, with the present one."""
        return len(self.rulings) + (self.hold is not None)

    def role(self, party: str) -> Role:
        """Give the role of a party."""
        return Role.PROVIDER if party == self.provider else Role.CLIENT

    def peer(self, party: str) -> str:
        """Give the other party."""
        return self.client if party == self.provider else self.provider

    def note_of(self, party: str) -> Note | None:
        """Give the note that a party wrote, sealed or not."""
        return self.provider_note if party == self.provider else self.client_note

    def due_at(self, timer: Timer) -> int | None:
        """Tell when a timer is due, or would be but for the hold; None when it does not run."""
        for deadline in self.deadlines:
            if deadline.timer is timer:
                return deadline.due_at
        return None

    def ruling(self, dispute: str) -> Ruling | None:
        """Give the end of a dispute; None for one that has not ended."""
        for ruling in self.rulings:
            if ruling.dispute == dispute:
                return ruling
        return None
