"""Disputes and their decision."""

from typing import Literal

from msgspec import convert

from desk.resources.cases import said
from desk.resources.operation import Call
from desk.structures.disputes import Dispute
from desk.structures.words import (
    DisputeState,
    Minor,
    Name,
    PageSize,
    Said,
    Text,
    Told,
    Version,
)


class DisputeFilter(Said, frozen=True):
    """The disputes to list. Without a state those that moderators can decide."""

    state: DisputeState = ""
    page_size: PageSize = 50
    page_token: str = ""


class DisputePage(Told, frozen=True):
    """A page of disputes, those that are due first; no token on the last one."""

    disputes: list[Dispute]
    next_page_token: str


class Split(Said, frozen=True):
    """The parts of the agreed price, in minor units of its currency, which they add up to."""

    provider_minor: Minor
    client_minor: Minor


class DisputeDecision(Said, frozen=True):
    """The end of a dispute as it was seen at `version`. Both parties are told `facts`
    and `rule`. A split names both parts, and nothing else does.
    """

    version: Version
    outcome: Literal["resume", "completed", "cancelled", "split"]
    facts: Text
    rule: Text
    split: Split | None = None


class DisputeAnswer(Told, frozen=True):
    """A dispute, and whether the same request had decided it before."""

    dispute: Dispute
    duplicate: bool = False


async def list_disputes(call: Call, query: DisputeFilter) -> DisputePage:
    """Lists disputes, those that are due first."""
    return convert(await call.ask("ListDisputes", **said(query)), DisputePage)


async def get_dispute(call: Call, dispute_id: Name) -> DisputeAnswer:
    """A dispute with the statements and offers of both, all evidence included."""
    return convert(await call.ask("GetDispute", dispute_id=dispute_id), DisputeAnswer)


async def decide_dispute(call: Call, dispute_id: Name, body: DisputeDecision) -> DisputeAnswer:
    """Decides a dispute under review. If anything has happened since `version`, nothing is decided,
    and `current` and `since` of the problem say what.
    """
    answer = await call.ask("DecideDispute", dispute_id=dispute_id, **said(body))
    return convert(answer, DisputeAnswer)
