"""Payloads about services: the deals that people make in a conversation."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from parley_protocol.payloads import fields
from parley_protocol.payloads.moderation import Dispute

# From the client.


class ServiceCreated(Struct, frozen=True):
    """Proposes a service at a price; `role` is the sender's own. Answered by UPDATE CONVERSATION
    DATAS, as all packets about a service.
    """

    conversation: fields.Identifier
    role: Literal["provider", "client"]
    title: str
    price: fields.Money
    description: str | UnsetType = UNSET
    offer_ttl_s: fields.Integer | UnsetType = UNSET
    idempotency_key: fields.IdempotencyKey | UnsetType = UNSET


class PriceEdited(Struct, frozen=True):
    """Names another price: a counter-offer, a revision of one's own, or, once agreed, an amendment.
    `base_offer` is the number of the live offer, 0 where there is none after the agreement; with
    another one the packet is refused as STALE_OFFER.
    """

    service: fields.Identifier
    price: fields.Money
    base_offer: fields.Integer
    note: str | UnsetType = UNSET
    idempotency_key: fields.IdempotencyKey | UnsetType = UNSET


class NegotiationEnd(Struct, frozen=True):
    """Accepts, declines or withdraws the live offer, or a proposed amendment. To accept, name its
    number and price; if they are not the live ones it is refused as STALE_OFFER.
    """

    service: fields.Identifier
    outcome: Literal["agreed", "declined", "withdrawn"]
    offer: fields.Integer
    price: fields.Money | UnsetType = UNSET
    idempotency_key: fields.IdempotencyKey | UnsetType = UNSET

    @property
    def writes(self) -> bool:
        """Whether it promises something; to decline or withdraw promises nothing."""
        return self.outcome == "agreed"


class ServiceTerminated(Struct, frozen=True):
    """Tells how a service ends. The provider has delivered; the client takes it as completed, or
    reopens it. Either asks to cancel, and the other confirms by the same packet.
    """

    service: fields.Identifier
    outcome: Literal["delivered", "completed", "reopened", "cancelled"]
    reason: str | UnsetType = UNSET
    idempotency_key: fields.IdempotencyKey | UnsetType = UNSET

    @property
    def writes(self) -> bool:
        """Whether it says something."""
        return bool(self.reason)


class NoteSubmitted(Struct, frozen=True):
    """Rates the other party from 1 to 5, once the service has ended. Nobody else sees it until both
    notes are in or the time for them is over; until then it may be changed.
    """

    service: fields.Identifier
    score: fields.Score
    comment: str | UnsetType = UNSET
    idempotency_key: fields.IdempotencyKey | UnsetType = UNSET

    @property
    def writes(self) -> bool:
        """Whether it says something."""
        return bool(self.comment)


class AskServices(Struct, frozen=True):
    """Asks for the services of the user, past ones as well, newest first; with `conversation` those
    of one conversation, with `open_only` those that have not ended. Answered by RETURN SERVICES.
    """

    conversation: fields.Identifier | UnsetType = UNSET
    open_only: bool = False
    limit: Annotated[int, Meta(ge=1, le=50)] = 20
    page: fields.PageToken | UnsetType = UNSET


class AskService(Struct, frozen=True):
    """Asks how a service stands. Answered by UPDATE CONVERSATION DATAS with the cause "asked"."""

    service: fields.Identifier


class AskServiceEvents(Struct, frozen=True):
    """Asks for the history of a service, oldest first. Answered by RETURN SERVICE EVENTS."""

    service: fields.Identifier
    limit: Annotated[int, Meta(ge=1, le=100)] = 50
    page: fields.PageToken | UnsetType = UNSET


# To the client.


class Offer(Struct, frozen=True):
    """A price named by one party. `expires_at` is absent while a dispute holds the service."""

    number: int
    price: fields.Money
    by: str
    created_at: str
    note: str | UnsetType = UNSET
    expires_at: str | UnsetType = UNSET


class Agreed(Struct, frozen=True):
    """The agreement of the parties. `offer` is the number of the offer that was accepted; `version`
    counts the agreements.
    """

    price: fields.Money
    version: int
    offer: int
    at: str


class Cancellation(Struct, frozen=True):
    """One party asks the other to confirm that the service is cancelled."""

    by: str
    at: str
    reason: str | UnsetType = UNSET


class Hold(Struct, frozen=True):
    """A hold on a service: by which dispute, who opened that, and since when."""

    dispute: str
    opened_by: str
    since: str


class Ending(Struct, frozen=True):
    """The end of a service. Without `by` it was time, or a decision about a dispute."""

    cause: str
    at: str
    by: str | UnsetType = UNSET


class Note(Struct, frozen=True):
    """A rating of one party by the other."""

    score: int
    at: str
    comment: str | UnsetType = UNSET


class Notes(Struct, frozen=True):
    """The notes that the reader may see. `theirs` comes with `revealed_at`, when both are in or the
    time for them is over.
    """

    mine: Note | UnsetType = UNSET
    theirs: Note | UnsetType = UNSET
    revealed_at: str | UnsetType = UNSET


class Service(Struct, frozen=True):
    """A deal as its reader may see it. `exponent` is the number of decimals of the currency's minor
    unit. `deadlines` say when time acts by itself, by timer; they are absent while a dispute holds
    the service. `notes` are always there unless it is `truncated`.
    """

    service: str
    conversation: str
    provider: str
    client: str
    title: str
    state: (
        Literal["offered", "agreed", "delivered", "completed", "cancelled", "closed"]
        | fields.Unspecified
    )
    currency: str
    exponent: int
    deadlines: dict[str, str]
    allowed_actions: list[str]
    created_at: str
    version: int
    notes: Notes | UnsetType = UNSET
    description: str | UnsetType = UNSET
    offer: Offer | UnsetType = UNSET
    agreed: Agreed | UnsetType = UNSET
    amendment: Offer | UnsetType = UNSET
    reopenings: int | UnsetType = UNSET
    cancellation: Cancellation | UnsetType = UNSET
    hold: Hold | UnsetType = UNSET
    ending: Ending | UnsetType = UNSET
    settlement: fields.Settlement | UnsetType = UNSET
    truncated: bool | UnsetType = UNSET


class ServiceEvent(Struct, frozen=True):
    """Something that happened to a service. `number` is its place in the service's own history;
    `offer` and `price` are those of the offer that it is about.
    """

    service: str
    number: int
    cause: str
    state: str
    title: str
    at: str
    by: str | UnsetType = UNSET
    offer: int | UnsetType = UNSET
    price: fields.Money | UnsetType = UNSET
    reason: str | UnsetType = UNSET


class ReturnServices(Struct, frozen=True):
    """One page of the user's services; without `next` it is the last."""

    services: list[Service]
    next: str | UnsetType = UNSET


class ReturnServiceEvents(Struct, frozen=True):
    """One page of what happened to a service, as the user may see it; without `next` it is the
    last.
    """

    service: str
    events: list[ServiceEvent]
    next: str | UnsetType = UNSET


class UpdateConversationDatas(Struct, frozen=True):
    """A service or a dispute of this conversation, as it stands for this user after something
    happened to it: to both parties, on all their sockets. Also the answer to the packets about a
    service or a dispute. `cause` says what happened: "created", "countered", "agreed", ...;
    "reminder" says that time will soon act. With `dispute` it is what happened to that: "created",
    "hold_placed", "stated", "settled", ...; then `service` is absent in a push, and in an answer
    when negotiation did not answer in time.
    """

    conversation: str
    cause: str
    service: Service | UnsetType = UNSET
    dispute: Dispute | UnsetType = UNSET
