"""People: what is found of somebody, their erasure, and the end of their sessions."""

import asyncio
from http import HTTPStatus
from typing import Annotated, Any

from msgspec import Meta, convert

from desk.problems import RefusedError
from desk.resources.cases import said
from desk.resources.operation import Call
from desk.structures.cases import Case, Sanction
from desk.structures.disputes import Dispute
from desk.structures.words import Moment, Name, Said, Time, Told

# Of each list: who wants more asks for that list by itself.
_MOST_FOUND = 20


class Search(Said, frozen=True):
    """The words of a search: the id of a case or dispute, or a user."""

    q: Annotated[str, Meta(min_length=1, max_length=128)]


class Found(Told, frozen=True):
    """The case or dispute with that id, the newest cases against that user and the sanctions of
    that user, of each list the first 20. Without the content of evidence.
    """

    cases: list[Case]
    sanctions: list[Sanction]
    case: Case | None = None
    dispute: Dispute | None = None


class Kept(Told, frozen=True):
    """A case or dispute in which somebody is kept, why, and until when if that is known."""

    target_kind: str
    target_id: str
    reason: str
    until_time: Time | None = None


class Erasure(Told, frozen=True):
    """In how many cases and disputes somebody was erased, and what was kept."""

    erased: int
    kept: list[Kept]


class SessionEnd(Said, frozen=True):
    """The time before which tokens were issued that are refused; absent: now."""

    before_time: Moment | None = None


class EndedSessions(Told, frozen=True):
    """The time before which a user's tokens are refused, and whether that was so before."""

    before_time: Time
    duplicate: bool


async def search(call: Call, query: Search) -> Found:
    """Finds a case or dispute by its id, and what is known of a user."""
    case, dispute, undecided, decided, sanctions = await asyncio.gather(
        _one(call, "GetCase", "case", case_id=query.q),
        _one(call, "GetDispute", "dispute", dispute_id=query.q),
        call.ask("ListCases", accused=query.q, page_size=_MOST_FOUND),
        call.ask("ListCases", accused=query.q, state="decided", page_size=_MOST_FOUND),
        call.ask("ListSanctions", user=query.q, page_size=_MOST_FOUND),
    )
    cases = [*undecided["cases"], *decided["cases"]]
    found = {"cases": cases[:_MOST_FOUND], "sanctions": sanctions["sanctions"]}
    return convert({**found, **case, **dispute}, Found)


async def _one(call: Call, rpc: str, name: str, **named: str) -> dict[str, Any]:
    """The case or dispute of this id under its name, without contents of evidence; or nothing."""
    try:
        found = (await call.ask(rpc, **named))[name]
    except RefusedError as refused:
        if refused.status is HTTPStatus.NOT_FOUND:
            return {}
        raise
    return {name: {**found, "evidence": [{**one, "content": ""} for one in found["evidence"]]}}


async def erase_user(call: Call, user: Name) -> Erasure:
    """Erases what is kept of a user in cases and disputes, where nothing requires that it is kept.
    It cannot be undone.
    """
    return convert(await call.ask("EraseUser", user=user), Erasure)


async def end_sessions(call: Call, user: Name, body: SessionEnd) -> EndedSessions:
    """Refuses the tokens that a user has: at once on all edges, and for good."""
    return convert(await call.ask("EndSessions", user=user, **said(body)), EndedSessions)
