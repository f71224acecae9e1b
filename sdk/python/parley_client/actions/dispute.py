"""The steps of a dispute."""

from msgspec import UNSET, Struct

from parley_client.actions.asking import Asking, optional, read
from parley_client.errors import ActionNotAllowedError, invalid
from parley_client.packets import Packet
from parley_client.views.disputes import Dispute, DisputeAction, SettlementOffer
from parley_client.views.moderation import Report
from parley_protocol.payloads.fields import Settlement
from parley_protocol.payloads.moderation import (
    Acceptance,
    AskDispute,
    LitigeStatement,
    ReportReason,
    ReportStatement,
)


class DisputeHandle:
    """One dispute, to look at and to act on: `client.dispute(dispute)`.

    Each step gives the dispute as it then stands, and is checked by `allowed_actions` as those of
    a deal are (DealHandle). INVALID_STATE has the dispute in `current`.
    """

    def __init__(self, client: Asking, dispute: str) -> None:
        self._client = client
        self.dispute = dispute

    @property
    def shown(self) -> Dispute | None:
        """The newest that was shown of it; None where nothing was."""
        return self._client.objects.dispute(self.dispute)

    async def load(self) -> Dispute:
        """Ask how it stands, with all that both parties said (ASK DISPUTE)."""
        return self._dispute(await self._client.ask(AskDispute(self.dispute)))

    async def state(self, text: str, *, key: str | None = None) -> Dispute:
        """State one's case (LITIGE STATEMENT)."""
        return await self._step("state", LitigeStatement(self.dispute, text), key)

    async def propose(
        self, settlement: Settlement, text: str | None = None, *, key: str | None = None
    ) -> Dispute:
        """Propose how the agreed price is divided (LITIGE STATEMENT)."""
        payload = LitigeStatement(self.dispute, optional(text), settlement)
        return await self._step("propose", payload, key)

    async def accept(
        self, offer: SettlementOffer, text: str | None = None, *, key: str | None = None
    ) -> Dispute:
        """Accept a settlement as it was shown, by its number and amounts (LITIGE STATEMENT)."""
        if offer.dispute != self.dispute:
            raise invalid("offer", "is of another dispute")
        accept = Acceptance(offer.number, offer.settlement)
        payload = LitigeStatement(self.dispute, optional(text), UNSET, accept)
        return await self._step("accept", payload, key)

    async def withdraw(self, text: str | None = None, *, key: str | None = None) -> Dispute:
        """End the dispute that one has opened (LITIGE STATEMENT)."""
        payload = LitigeStatement(self.dispute, optional(text), withdraw=True)
        return await self._step("withdraw", payload, key)

    async def report_statement(
        self,
        number: int,
        reason: ReportReason,
        comment: str | None = None,
        *,
        key: str | None = None,
    ) -> Report:
        """Report a statement of the other party, by its number (REPORT STATEMENT)."""
        payload = ReportStatement(self.dispute, number, reason, optional(comment))
        return read(Report.read, (await self._client.command(payload, key=key)).data)

    async def _step(self, action: DisputeAction, payload: Struct, key: str | None) -> Dispute:
        known = self.shown
        if known is not None and not known.can(action):
            # What is known may be old: time changes what is allowed without a word.
            fresh = await self.load()
            if not fresh.can(action):
                raise ActionNotAllowedError(action, fresh.allowed_actions)
        return self._dispute(await self._client.command(payload, key=key))

    def _dispute(self, reply: Packet) -> Dispute:
        answered = read(self._client.objects.read_dispute, reply.data.get("dispute"))
        return self._client.objects.dispute(answered.dispute) or answered
