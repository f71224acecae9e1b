"""Takes evidence of a message, a conversation or a service that is reported or disputed.

A report needs messaging and a dispute negotiation. What the other one would have added is left out
when that does not answer, and the evidence says so: no report fails because another part is down.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from parley.messaging.v1 import messaging_pb2
from parley.moderation.v1 import moderation_pb2
from parley.negotiation.v1 import negotiation_pb2

from moderation_service.clients.messaging import Excerpt, Messaging, messaging_unavailable
from moderation_service.clients.negotiation import Negotiation, negotiation_unavailable, refusing
from moderation_service.clients.snapshots import NONE, TAKEN, UNAVAILABLE, Snapshots
from moderation_service.domain.case.commands import SeenSubject
from moderation_service.domain.dispute.commands import SeenService
from moderation_service.domain.shared.evidence import Snapshot
from moderation_service.domain.shared.refusals import Reason, not_found
from service_kit.rpc.failures import Refused


@dataclass(frozen=True)
class Bounds:
    """The limits of taking evidence: messages on each side of a reported one, the newest of a
    conversation, bytes of a snapshot up to which anything is added to what it is about; and how
    many are taken at the same time, for each may hold some megabytes.
    """

    context: int
    page: int
    size: int
    takings: int


class EvidenceTaker:
    """Takes evidence for an actor of what the actor may see. Every method raises `Refused`, and
    ends within `seconds_left`.

    Without negotiation there are no deals. `reached` is told the names of limits.
    """

    def __init__(
        self,
        messaging: Messaging,
        negotiation: Negotiation | None,
        bounds: Bounds,
        reached: Callable[[str], None] = lambda _limit: None,
    ) -> None:
        self._messaging = messaging
        self._negotiation = negotiation
        self._bounds = bounds
        self._reached = reached
        self._snapshots = Snapshots(bounds.size, reached)
        self._turns = asyncio.Semaphore(bounds.takings)

    async def take_message(
        self, actor: str, message: str, seconds_left: float | None
    ) -> SeenSubject:
        """Take a message, what it was before, what was said around it, and the deal."""
        context = self._bounds.context
        request = messaging_pb2.ListEvidenceRequest(
            actor=actor, message_id=message, before=context, after=context
        )
        async with self._turn(seconds_left) as budget:
            excerpt = await self._messaging.list_evidence(request, budget.left())
            evidence = excerpt.page.evidence
            at = next(n for n, one in enumerate(evidence) if one.message.id == message)
            reported = evidence[at].message
            conversation = reported.conversation_id
            service = reported.event.service_id
            snapshots = await self._with_deal(excerpt, conversation, at, budget, actor, service)
        participants = tuple(excerpt.page.participants)
        # What time did shows texts as well; those that are complained about are the other's.
        others = (one for one in participants if one != actor)
        author = reported.sender or next(others, "")
        return SeenSubject(conversation, participants, author, snapshots)

    async def take_conversation(
        self, actor: str, conversation: str, seconds_left: float | None
    ) -> SeenSubject:
        """Take the recent page of a conversation, and the deal."""
        async with self._turn(seconds_left) as budget:
            excerpt = await self._newest(actor, conversation, budget.left())
            snapshots = await self._with_deal(excerpt, conversation, None, budget, actor)
        return SeenSubject(conversation, tuple(excerpt.page.participants), "", snapshots)

    def take_dispute_statement(self, dispute: moderation_pb2.Dispute, number: int) -> SeenSubject:
        """Take a dispute as a party is shown it, of which one statement is reported."""
        if not 0 < number <= len(dispute.statements):
            raise Refused(not_found(Reason.DISPUTE_NOT_FOUND))
        snapshot = self._snapshots.of_dispute(dispute, number)
        parties = (dispute.provider, dispute.client)
        author = dispute.statements[number - 1].by
        return SeenSubject(dispute.conversation_id, parties, author, (snapshot,))

    async def take_service(
        self, actor: str, service: str, seconds_left: float | None
    ) -> SeenService:
        """Take a service of which the actor is a party, and what was said about it of late."""
        if self._negotiation is None:
            raise Refused(negotiation_unavailable())
        async with self._turn(seconds_left) as budget:
            with refusing():
                found = await self._negotiation.get_service(service, budget.left())
                if actor not in (found.provider, found.client):
                    raise Refused(not_found(Reason.SERVICE_NOT_FOUND))
                events = await self._negotiation.list_service_events(service, budget.left())
            messages = await self._messages(found.conversation_id, budget)
        deal = self._snapshots.of_deal(found, events, TAKEN if messages else UNAVAILABLE)
        return SeenService(
            conversation=found.conversation_id,
            provider=found.provider,
            client=found.client,
            currency=found.currency,
            price=found.agreed.price.amount_minor if found.HasField("agreed") else None,
            snapshots=(deal, *messages),
        )

    @asynccontextmanager
    async def _turn(self, seconds_left: float | None) -> AsyncIterator["_Budget"]:
        """Wait for one's turn, half of the time: the other half is for what comes then."""
        budget = _Budget(seconds_left)
        if self._turns.locked():
            self._reached("evidence_takings")
        try:
            async with asyncio.timeout(budget.half()):
                await self._turns.acquire()
        except TimeoutError as error:
            raise Refused(messaging_unavailable()) from error
        try:
            yield budget
        finally:
            self._turns.release()

    async def _newest(self, actor: str, conversation: str, seconds_left: float | None) -> Excerpt:
        request = messaging_pb2.ListEvidenceRequest(
            actor=actor, conversation_id=conversation, before=self._bounds.page
        )
        return await self._messaging.list_evidence(request, seconds_left)

    async def _messages(self, conversation: str, budget: "_Budget") -> tuple[Snapshot, ...]:
        """Give the snapshot of what was said of late, if it is to be had."""
        try:
            excerpt = await self._newest("", conversation, budget.half())
        except Refused:
            # It is logged; the other snapshot says that it is so.
            return ()
        return (self._snapshots.of_messages(excerpt, conversation, None, TAKEN),)

    async def _with_deal(
        self,
        excerpt: Excerpt,
        conversation: str,
        at: int | None,
        budget: "_Budget",
        actor: str,
        service: str = "",
    ) -> tuple[Snapshot, ...]:
        """Give the snapshots of what was said, and of the deal if there is one to be seen: of that
        `service`, or else the conversation's, with all texts that the actor is shown.
        """
        deal, taken = NONE, list[Snapshot]()
        if self._negotiation is not None:
            try:
                with refusing():
                    found = await (
                        self._negotiation.get_service(service, budget.half(), actor)
                        if service
                        else self._negotiation.batch_get_services(
                            conversation, budget.half(), actor
                        )
                    )
                    if found is not None:
                        events = await self._negotiation.list_service_events(
                            found.id, budget.half(), actor
                        )
                        taken.append(self._snapshots.of_deal(*_unsealed(found, events), TAKEN))
                        deal = TAKEN
            except Refused:
                deal = UNAVAILABLE
        return (self._snapshots.of_messages(excerpt, conversation, at, deal), *taken)


def _unsealed(
    service: negotiation_pb2.Service, events: list[negotiation_pb2.ServiceEvent]
) -> tuple[negotiation_pb2.Service, list[negotiation_pb2.ServiceEvent]]:
    """Leave out what the actor alone knows: a note that is not revealed, and what one may do."""
    if not service.notes.HasField("reveal_time"):
        service.ClearField("notes")
    service.ClearField("allowed_actions")
    return service, [one for one in events if one.cause != "note_submitted"]


class _Budget:
    """The time left of what a caller gives, in seconds; None without a limit."""

    def __init__(self, seconds: float | None) -> None:
        self._end = None if seconds is None else time.monotonic() + seconds

    def left(self) -> float | None:
        return None if self._end is None else max(0.0, self._end - time.monotonic())

    def half(self) -> float | None:
        """For what may be left out: something has to be left for what may not."""
        left = self.left()
        return None if left is None else left / 2
