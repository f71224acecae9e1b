"""Evidence, the audit log and positions into messages of the contract."""

from collections.abc import Mapping

from parley.moderation.v1 import moderation_pb2 as pb

from moderation_service.domain.shared.erasure import Kept, KeptBecause
from moderation_service.domain.shared.evidence import Evidence, is_intact
from service_kit.audit import AuditEntry
from service_kit.rpc.servicer import optional_timestamp, timestamp
from service_kit.rules import Position

_OF_DISPUTES = frozenset({KeptBecause.DISPUTE_OPEN, KeptBecause.DISPUTE_RECENT})


def position(given: Position) -> pb.Position:
    """Translate a position."""
    return pb.Position(epoch=given.epoch, revision=given.revision)


def evidence(given: Evidence, contents: Mapping[str, bytes] | None) -> pb.Evidence:
    """Translate evidence, with its content if there are contents."""
    content = (contents or {}).get(given.id)
    return pb.Evidence(
        id=given.id,
        kind=given.kind,
        sha256=given.sha256,
        size=given.size,
        take_time=timestamp(given.at),
        content=content.decode() if content is not None else "",
        intact=content is not None and is_intact(given, content),
        erase_time=optional_timestamp(given.erased_at),
    )


def audit_entry(given: AuditEntry) -> pb.AuditEntry:
    """Translate an entry of the audit log."""
    return pb.AuditEntry(
        number=given.number,
        create_time=timestamp(given.at),
        actor=given.actor,
        capacity=given.capacity,
        action=given.action,
        target_kind=given.target_kind,
        target_id=given.target,
        version=given.version,
        digest=given.digest,
        previous_hash=given.previous,
        hash=given.hash,
    )


def kept(target: str, given: Kept) -> pb.EraseUserResponse.Kept:
    """Translate the reason for which a case or dispute is kept, and until when."""
    return pb.EraseUserResponse.Kept(
        target_kind="dispute" if given.because in _OF_DISPUTES else "case",
        target_id=target,
        reason=given.because,
        until_time=optional_timestamp(given.until),
    )
