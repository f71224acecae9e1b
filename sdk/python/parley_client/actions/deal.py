"""The steps of a deal."""

from collections.abc import Awaitable, Callable
from typing import Literal

from msgspec import UNSET, Struct

from parley_client.actions.asking import Asking, optional, read, read_all
from parley_client.actions.pages import Page, Pages
from parley_client.errors import ActionNotAllowedError, invalid
from parley_client.packets import Packet
from parley_client.views.deals import Deal, DealAction, DealEvent, Offer
from parley_client.views.disputes import Dispute
from parley_client.views.price import Price
from parley_protocol.payloads import negotiation
from parley_protocol.payloads.moderation import Claim, DisputeReason, LitigeCreated


class DealHandle:
    """One deal, to look at and to act on: `client.deal(service)` or `conversation.deal`.

    Each step sends what the person was shown, and gives the deal as it then stands. A step raises
    ActionNotAllowedError before anything is sent where `allowed_actions` lack it, StaleOfferError
    with the current deal where the offer has changed, and other RejectedErrors. What the library
    knows may be old, as time and sanctions change what is allowed without a word: so where it says
    no, the server is asked how the deal stands, and only its word counts. Where it says yes, or
    nothing is known, the step is sent, and the server decides.

    `key` is the idempotency key of a step, if the application keeps its own.
    """

    def __init__(
        self,
        client: Asking,
        find: Callable[[], Awaitable[str]],
        known: Callable[[], Deal | None],
        service: str | None = None,
    ) -> None:
        # None for that of a conversation, which is another one when that has ended.
        self._service = service
        self._client = client
        self._find = find
        self._known = known

    @property
    def shown(self) -> Deal | None:
        """The newest that was shown of it; None where nothing was."""
        return self._known()

    async def load(self) -> Deal:
        """Ask how it stands (ASK SERVICE)."""
        return await self._load(await self._find())

    async def _load(self, service: str) -> Deal:
        return self._deal(await self._client.ask(negotiation.AskService(service)))

    def history(self, *, limit: int = 50) -> Pages[DealEvent]:
        """The events of it, oldest first (ASK SERVICE EVENTS); `limit` is for each page."""

        async def page(name: str | None) -> Page[DealEvent]:
            question = negotiation.AskServiceEvents(await self._find(), limit, optional(name))
            data = (await self._client.ask(question)).data
            return Page(read_all(DealEvent.read, data, "events"), data.get("next"))

        return Pages(page)

    # About a price.

    async def counter(
        self, offer: Offer, price: Price, note: str | None = None, *, key: str | None = None
    ) -> Deal:
        """Answer the other's offer by another price (PRICE EDITED)."""
        return await self._name_price("counter", offer.service, offer, price, note, key)

    async def revise(
        self, offer: Offer, price: Price, note: str | None = None, *, key: str | None = None
    ) -> Deal:
        """Put another price in the place of one's own offer (PRICE EDITED)."""
        return await self._name_price("revise", offer.service, offer, price, note, key)

    async def propose_amendment(
        self, price: Price, note: str | None = None, *, key: str | None = None
    ) -> Deal:
        """Propose another price after the agreement (PRICE EDITED). One that is on the table is
        answered by `counter` and `revise`, as any offer is.
        """
        return await self._name_price(
            "propose_amendment", await self._find(), None, price, note, key
        )

    async def _name_price(
        self,
        action: DealAction,
        service: str,
        offer: Offer | None,
        price: Price,
        note: str | None,
        key: str | None,
    ) -> Deal:
        base = 0 if offer is None else offer.number
        payload = negotiation.PriceEdited(service, price.money, base, optional(note))
        return await self._step(action, service, payload, key, offer)

    async def accept(self, offer: Offer, *, key: str | None = None) -> Deal:
        """Accept an offer as it was shown, by its number and price (NEGOTIATION END)."""
        return await self._end("accept", "agreed", offer, key)

    async def decline(self, offer: Offer, *, key: str | None = None) -> Deal:
        """Decline the other's offer (NEGOTIATION END)."""
        return await self._end("decline", "declined", offer, key)

    async def withdraw(self, offer: Offer, *, key: str | None = None) -> Deal:
        """Take one's own offer back (NEGOTIATION END)."""
        return await self._end("withdraw", "withdrawn", offer, key)

    async def _end(
        self,
        action: DealAction,
        outcome: Literal["agreed", "declined", "withdrawn"],
        offer: Offer,
        key: str | None,
    ) -> Deal:
        payload = negotiation.NegotiationEnd(
            offer.service, outcome, offer.number, offer.price.money
        )
        return await self._step(action, offer.service, payload, key, offer)

    # About the work.

    async def deliver(self, *, key: str | None = None) -> Deal:
        """Say that the work is done (SERVICE TERMINATED)."""
        return await self._terminate("deliver", "delivered", None, key)

    async def complete(self, *, key: str | None = None) -> Deal:
        """Take the work as done (SERVICE TERMINATED)."""
        return await self._terminate("complete", "completed", None, key)

    async def reopen(self, reason: str | None = None, *, key: str | None = None) -> Deal:
        """Say that what was delivered is not done yet (SERVICE TERMINATED)."""
        return await self._terminate("reopen", "reopened", reason, key)

    async def request_cancellation(
        self, reason: str | None = None, *, key: str | None = None
    ) -> Deal:
        """Ask the other to confirm that it is cancelled (SERVICE TERMINATED)."""
        return await self._terminate("request_cancellation", "cancelled", reason, key)

    async def confirm_cancellation(
        self, reason: str | None = None, *, key: str | None = None
    ) -> Deal:
        """Confirm that it is cancelled, as the other has asked (SERVICE TERMINATED)."""
        return await self._terminate("confirm_cancellation", "cancelled", reason, key)

    async def _terminate(
        self,
        action: DealAction,
        outcome: Literal["delivered", "completed", "reopened", "cancelled"],
        reason: str | None,
        key: str | None,
    ) -> Deal:
        service = await self._find()
        payload = negotiation.ServiceTerminated(service, outcome, optional(reason))
        return await self._step(action, service, payload, key)

    async def submit_note(
        self, score: int, comment: str | None = None, *, key: str | None = None
    ) -> Deal:
        """Rate the other party from 1 to 5 (NOTE SUBMITTED)."""
        service = await self._find()
        payload = negotiation.NoteSubmitted(service, score, optional(comment))
        return await self._step("submit_note", service, payload, key)

    async def open_dispute(
        self,
        reason: DisputeReason,
        statement: str,
        *,
        refund: Price | None = None,
        key: str | None = None,
    ) -> Dispute:
        """Dispute the deal, which is held from then on; `refund` is what the client of the deal
        wants back (LITIGE CREATED).
        """
        service = await self._find()
        await self._check("open_dispute", service, None)
        claim = UNSET if refund is None else Claim(refund.money)
        reply = await self._client.command(
            LitigeCreated(service, reason, statement, claim), key=key
        )
        return read(self._client.objects.read_dispute, reply.data.get("dispute"))

    # How a step is taken.

    async def _step(
        self,
        action: DealAction,
        service: str,
        payload: Struct,
        key: str | None,
        offer: Offer | None = None,
    ) -> Deal:
        if self._service is not None and service != self._service:
            raise invalid("offer", "is of another deal")
        await self._check(action, service, offer)
        return self._deal(await self._client.command(payload, key=key))

    async def _check(self, action: DealAction, service: str, offer: Offer | None) -> None:
        """Raise ActionNotAllowedError for a step that the server would refuse."""
        known = self._client.objects.deal(service)
        if known is None or known.can(action):
            return
        fresh = await self._load(service)
        # Of an offer that is not on the table any more the server says so, with the deal.
        if not fresh.can(action) and (offer is None or offer == fresh.live_offer):
            raise ActionNotAllowedError(action, fresh.allowed_actions)

    def _deal(self, reply: Packet) -> Deal:
        """Give the deal that a reply shows, or what was shown since."""
        answered = read(Deal.read, reply.data.get("service"))
        return self._client.objects.deal(answered.service) or answered
