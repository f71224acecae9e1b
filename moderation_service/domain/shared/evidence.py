"""Evidence: what was seen when somebody reported, written down in one way and hashed."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple

Json = None | bool | int | str | list["Json"] | dict[str, "Json"]


class EvidenceKind(StrEnum):
    """The kinds of snapshots."""

    MESSAGES = "messages"
    DEAL = "deal"
    DISPUTE = "dispute"


@dataclass(frozen=True, slots=True)
class Evidence:
    """A reference to a snapshot: `sha256` is that of its content, and `size` is in bytes.

    The content itself is kept beside the case, by this id, and outlives the original.
    """

    id: str
    kind: EvidenceKind
    sha256: str
    size: int
    at: int
    erased_at: int | None = None


class Snapshot(NamedTuple):
    """A snapshot that was just taken: what a case or dispute refers to, and the content itself."""

    evidence: Evidence
    content: bytes


def write_down(content: Json) -> bytes:
    """Give the one way to write a snapshot, so that the same always has the same hash."""
    words = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return words.encode()


def take(evidence: str, kind: EvidenceKind, content: bytes, at: int) -> Evidence:
    """Make the reference to a snapshot that was written down."""
    return Evidence(evidence, kind, sha256(content).hexdigest(), len(content), at)


def is_intact(evidence: Evidence, content: bytes) -> bool:
    """Tell whether this is what was seen then."""
    return sha256(content).hexdigest() == evidence.sha256


class Written(NamedTuple):
    """The author of a message; of one about a service also its event there, else empty and 0."""

    author: str
    service: str = ""
    number: int = 0


def find_written(contents: Iterable[bytes], message: str) -> Written:
    """Tell who wrote a message and what it is about, as snapshots of messages show it; empty if
    none shows it.
    """
    for content in contents:
        shown = json.loads(content)
        messages = shown.get("messages") if isinstance(shown, dict) else None
        # In the snapshot of a deal, words stand in that place.
        for one in messages if isinstance(messages, list) else ():
            written = one.get("message", {})
            if written.get("id") == message:
                event = written.get("event", {})
                # Protocol Buffers write long integers as texts.
                number = int(event.get("number", 0))
                return Written(
                    str(written.get("sender", "")), str(event.get("service_id", "")), number
                )
    return Written("")
