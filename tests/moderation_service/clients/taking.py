"""Evidence takers of tests, and readers of what they take."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from moderation_service.clients.evidence import Bounds, EvidenceTaker
from moderation_service.domain.shared.evidence import EvidenceKind, Snapshot, is_intact
from service_kit.rpc.failures import Refused
from tests.support.proxy import Cut, Forward

BOUNDS = Bounds(context=20, page=100, size=256 * 1024, takings=16)
Make = Callable[..., Awaitable[EvidenceTaker]]


def read(snapshots: tuple[Snapshot, ...]) -> dict[EvidenceKind, Any]:
    """Give what was written down, after a look at its hash."""
    assert all(is_intact(one.evidence, one.content) for one in snapshots)
    assert all(one.evidence.size == len(one.content) for one in snapshots)
    assert len({one.evidence.id for one in snapshots}) == len(snapshots)
    return {one.evidence.kind: json.loads(one.content) for one in snapshots}


def texts(content: Any) -> list[str]:
    return [one["message"].get("text", "") for one in content["messages"]]


async def refusal(awaitable: Awaitable[Any]) -> str:
    with pytest.raises(Refused) as caught:
        await awaitable
    return caught.value.refusal.reason


async def hang(_forward: Forward) -> bytes:
    await asyncio.Event().wait()
    raise Cut
