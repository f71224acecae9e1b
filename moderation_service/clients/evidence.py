"""Takes evidence: looks at what somebody reports or disputes, and writes down what it saw.

A report needs messaging and a dispute negotiation. What the other one would have added is left out
when that does not answer, and the evidence says so: no report fails because another part is down.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from parley.negotiation.v1 import negotiation_pb2
from uuid_utils import uuid7

from moderation_service.clients.messaging import Messaging, Words, messaging_unavailable
from moderation_service.clients.negotiation import Negotiation, negotiation_unavailable
from moderation_service.domain.case.entities import Subject, SubjectKind
from moderation_service.domain.evidence import EvidenceKind, Json, Snapshot, take, write_down
from moderation_service.domain.refusals import Reason, not_found
from service_kit.rpc.failures import Refused

Found = TypeVar("Found")

# What a snapshot says of what another part had to give.
TAKEN, NONE, UNAVAILABLE = "taken", "none", "unavailable"


class Seen(NamedTuple):
    """What is reported; the author of a conversation is empty."""

    subject: Subject
    participants: tuple[str, ...]
    author: str
    snapshots: tuple[Snapshot, ...]


class Disputed(NamedTuple):
    """The service that is disputed; without a price nothing was agreed."""

    conversation: str
    provider: str
    client: str
    currency: str
    price: int | None
    snapshots: tuple[Snapshot, ...]


@dataclass(frozen=True)
class Bounds:
    """How much is looked at: messages on each side of a reported one, the newest of a conversation,
    and bytes of a snapshot up to which anything is added to what it is about; and how many look at
    the same time, for each may hold some megabytes.
    """

    context: int
    page: int
    size: int
    takings: int


class EvidenceTaker:
    """Sees for others what they may see themselves. Every method raises `Refused`.

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
        self._turns = asyncio.Semaphore(bounds.takings)

    async def see_message(self, actor: str, message: str, seconds_left: float | None) -> Seen:
        """See a message, what it was before, what was said around it, and the deal."""
        context = self._bounds.context
        async with self._turn(seconds_left) as budget:
            words = await self._messaging.around_message(
                actor, message, context, context, budget.left()
            )
            evidence = words.page.evidence
            at = next(n for n, one in enumerate(evidence) if one.message.id == message)
            reported = evidence[at].message
            conversation = reported.conversation_id
            snapshots = await self._with_deal(words, conversation, at, budget)
        subject = Subject(SubjectKind.MESSAGE, message, conversation)
        return Seen(subject, tuple(words.page.participants), reported.sender, snapshots)

    async def see_conversation(
        self, actor: str, conversation: str, seconds_left: float | None
    ) -> Seen:
        """See the recent page of a conversation, and the deal."""
        count = self._bounds.page
        async with self._turn(seconds_left) as budget:
            words = await self._messaging.newest(actor, conversation, count, budget.left())
            snapshots = await self._with_deal(words, conversation, None, budget)
        subject = Subject(SubjectKind.CONVERSATION, conversation, conversation)
        return Seen(subject, tuple(words.page.participants), "", snapshots)

    async def see_service(self, actor: str, service: str, seconds_left: float | None) -> Disputed:
        """See a service of which the actor is a party, and what was said about it of late."""
        if self._negotiation is None:
            raise Refused(negotiation_unavailable())
        async with self._turn(seconds_left) as budget:
            shown = await self._negotiation.get_service(service, budget.left())
            if actor not in (shown.provider, shown.client):
                raise Refused(not_found(Reason.SERVICE_NOT_FOUND))
            events = await self._negotiation.list_events(service, budget.left())
            words = await self._words(shown.conversation_id, budget)
        return Disputed(
            conversation=shown.conversation_id,
            provider=shown.provider,
            client=shown.client,
            currency=shown.currency,
            price=shown.agreed.price.amount_minor if shown.HasField("agreed") else None,
            snapshots=(self._of_deal(shown, events, TAKEN if words else UNAVAILABLE), *words),
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

    async def _words(self, conversation: str, budget: "_Budget") -> tuple[Snapshot, ...]:
        """Give the snapshot of what was said of late, if it is to be had."""
        try:
            words = await self._messaging.newest("", conversation, self._bounds.page, budget.half())
        except Refused:
            # Whoever was asked has said why; the other snapshot says that it is so.
            return ()
        return (self._of_messages(words, conversation, None, TAKEN),)

    async def _with_deal(
        self,
        words: Words,
        conversation: str,
        at: int | None,
        budget: "_Budget",
    ) -> tuple[Snapshot, ...]:
        """Give the snapshots of what was said, and of the deal if there is one to be seen."""
        deal, taken = NONE, list[Snapshot]()
        if self._negotiation is not None:
            try:
                shown = await self._negotiation.find_service(conversation, budget.half())
                if shown is not None:
                    events = await self._negotiation.list_events(shown.id, budget.half())
                    taken.append(self._of_deal(shown, events, TAKEN))
                    deal = TAKEN
            except Refused:
                deal = UNAVAILABLE
        return (self._of_messages(words, conversation, at, deal), *taken)

    def _of_messages(self, words: Words, conversation: str, at: int | None, deal: str) -> Snapshot:
        """Write messages down, and above all the one at `at`, or the newest."""
        evidence = words.page.evidence
        count = len(evidence)
        middle = count - 1 if at is None else at
        nearest = sorted(range(count), key=lambda number: abs(number - middle))
        kept = self._fitting(evidence, nearest, whole=0 if at is None else 1)
        content: Json = {
            "conversation": conversation,
            "participants": list(words.page.participants),
            "reported": "" if at is None else evidence[at].message.id,
            "looked_for": {"before": words.before, "after": words.after},
            "messages": kept,
            "left_out": count - len(kept),
            "deal": deal,
        }
        return _snapshot(EvidenceKind.MESSAGES, content)

    def _of_deal(
        self,
        shown: negotiation_pb2.Service,
        events: Sequence[negotiation_pb2.ServiceEvent],
        words: str,
    ) -> Snapshot:
        """Write a service down, with the newest that happened to it."""
        kept = self._fitting(events, range(len(events) - 1, -1, -1), whole=0)
        content: Json = {
            "service": _json(shown),
            "events": kept,
            "left_out": len(events) - len(kept),
            "messages": words,
        }
        return _snapshot(EvidenceKind.DEAL, content)

    def _fitting(self, things: Sequence[Message], order: Sequence[int], whole: int) -> list[Json]:
        """Take in that order as many as may be, without a gap; the first `whole` in any case.

        What those hold is limited where it is written; it is never cut, for then whoever writes
        much could decide what is seen of it.
        """
        size = 0
        kept: dict[int, Json] = {}
        for number in order:
            thing = _json(things[number])
            size += len(write_down(thing)) + 1
            if size > self._bounds.size and len(kept) >= whole:
                self._reached("evidence_bytes")
                break
            kept[number] = thing
        return [kept[number] for number in sorted(kept)]


class _Budget:
    """What is left of the time that a caller gives."""

    def __init__(self, seconds: float | None) -> None:
        self._end = None if seconds is None else time.monotonic() + seconds

    def left(self) -> float | None:
        return None if self._end is None else max(0.0, self._end - time.monotonic())

    def half(self) -> float | None:
        """For what may be left out: something has to be left for what may not."""
        left = self.left()
        return None if left is None else left / 2


def _json(message: Message) -> Json:
    """Write a message of a contract in its own names, as Protocol Buffers say how."""
    found: dict[str, Any] = MessageToDict(message, preserving_proto_field_name=True)
    return found


def _snapshot(kind: EvidenceKind, content: Json) -> Snapshot:
    written = write_down(content)
    now = time.time_ns() // 1_000_000
    return Snapshot(take(str(uuid7()), kind, written, now), written)
