"""Snapshots of messages and of deals: evidence as it is written down and hashed."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from parley.moderation.v1 import moderation_pb2
from parley.negotiation.v1 import negotiation_pb2
from uuid_utils import uuid7

from moderation_service.clients.messaging import Excerpt
from moderation_service.domain.shared.evidence import EvidenceKind, Json, Snapshot, take, write_down

# What a snapshot says of the other part: what messaging and negotiation each had to give.
TAKEN, NONE, UNAVAILABLE = "taken", "none", "unavailable"


@dataclass(frozen=True)
class Snapshots:
    """Makes snapshots: what each is about in any case, and more up to `size` bytes.

    The name of the limit is told to `reached`.
    """

    size: int
    reached: Callable[[str], None]

    def of_messages(
        self, excerpt: Excerpt, conversation: str, reported: int | None, deal: str
    ) -> Snapshot:
        """Write messages down, nearest first to the one at index `reported`, or to the newest."""
        evidence = excerpt.page.evidence
        count = len(evidence)
        middle = count - 1 if reported is None else reported
        nearest = sorted(range(count), key=lambda number: abs(number - middle))
        kept = self._fitting(evidence, nearest, whole=0 if reported is None else 1)
        content: Json = {
            "conversation": conversation,
            "participants": list(excerpt.page.participants),
            "subject": excerpt.page.subject,
            "reported": "" if reported is None else evidence[reported].message.id,
            "looked_for": {"before": excerpt.before, "after": excerpt.after},
            "messages": kept,
            "left_out": count - len(kept),
            "deal": deal,
        }
        return _snapshot(EvidenceKind.MESSAGES, content)

    def of_deal(
        self,
        service: negotiation_pb2.Service,
        events: Sequence[negotiation_pb2.ServiceEvent],
        messages: str,
    ) -> Snapshot:
        """Write a service down, and its events, newest first."""
        kept = self._fitting(events, range(len(events) - 1, -1, -1), whole=0)
        content: Json = {
            "service": _json(service),
            "events": kept,
            "left_out": len(events) - len(kept),
            "messages": messages,
        }
        return _snapshot(EvidenceKind.DEAL, content)

    def of_dispute(self, dispute: moderation_pb2.Dispute, reported: int) -> Snapshot:
        """Write a dispute down, whose statements are limited in number and length."""
        content: Json = {"dispute": _json(dispute), "reported": reported}
        return _snapshot(EvidenceKind.DISPUTE, content)

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
            if size > self.size and len(kept) >= whole:
                self.reached("evidence_bytes")
                break
            kept[number] = thing
        return [kept[number] for number in sorted(kept)]


def _json(message: Message) -> Json:
    """Write a message of a contract in its own names, as Protocol Buffers say how."""
    found: dict[str, Any] = MessageToDict(message, preserving_proto_field_name=True)
    return found


def _snapshot(kind: EvidenceKind, content: Json) -> Snapshot:
    written = write_down(content)
    now = time.time_ns() // 1_000_000
    return Snapshot(take(str(uuid7()), kind, written, now), written)
