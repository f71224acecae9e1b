"""Commands that race one another over real gRPC: one wins, the others are told what is true.

Clients of their own reach two replicas on one database, and afterwards the books agree.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from functools import partial
from random import Random
from typing import Any

import pytest
from parley.moderation.v1 import moderation_pb2 as pb
from parley.negotiation.v1 import negotiation_pb2 as deals
from sqlalchemy import Engine

from moderation_service.api import case_translation
from moderation_service.domain.case.entities import Case, CaseState
from moderation_service.domain.case.events import evolve
from moderation_service.domain.case.show import show_case
from moderation_service.domain.case.views import CaseView
from moderation_service.domain.shared.limits import Limits
from moderation_service.operations.notifications import Past
from moderation_service.storage.targets import find_histories
from tests.moderation_service.books import Books, check_books
from tests.moderation_service.conftest import Client, later, measure, muted
from tests.support.racing import race, reasons, several_clients
from tests.support.serving import Serve
from tests.support.waiting import eventually

CLIENTS = 6


@pytest.fixture
async def clients(serve: Serve) -> AsyncIterator[list[Client]]:
    async with several_clients(serve, CLIENTS) as made:
        yield made


async def test_claim_case_by_one_of_many(clients: list[Client], engine: Engine) -> None:
    """Each of the others is told who has it."""
    await clients[0].report()
    (case,) = await clients[0].cases()
    won, lost = await race(
        [one.moderate("ClaimCase", f"m{n}", case_id=case.id) for n, one in enumerate(clients)]
    )
    assert (len(won), reasons(lost)) == (1, {"CLAIMED_BY_OTHER"})
    assert {one["Case"].claimed_by for one in lost} == {won[0].case.claimed_by}
    check_books(engine)


async def test_decide_case_once(clients: list[Client], engine: Engine) -> None:
    """The second has another version before them, or none that could be decided (M5)."""
    await clients[0].report()
    (case,) = await clients[0].cases()
    claimed = (await clients[0].moderate("ClaimCase", case_id=case.id)).case
    verdicts = [[muted()], [measure("BANNED")], []] * 2
    won, lost = await race(
        [
            one.moderate(
                "DecideCase",
                case_id=case.id,
                version=claimed.version,
                verdict=pb.VERDICT_VIOLATION if measures else pb.VERDICT_NO_VIOLATION,
                measures=measures,
            )
            for one, measures in zip(clients, verdicts, strict=True)
        ]
    )
    assert (len(won), reasons(lost)) == (1, {"INVALID_STATE"})
    found = check_books(engine).cases[case.id]
    assert len(found.decisions) == 1
    shown = {one["Case"].decisions[0].id for one in lost}
    assert shown == {found.decisions[0].id}


async def test_report_message_once(clients: list[Client], engine: Engine) -> None:
    """With one key all are answered alike; without, one is filed and the others are refused."""
    said = await clients[0].peers.say("bob", "ann", "pay outside")
    given = {"actor": "ann", "message_id": said.id, "reason": pb.REPORT_REASON_SCAM}
    won, lost = await race(
        [one.call("ReportMessage", idempotency_key="k", **given) for one in clients]
    )
    assert not lost
    assert len({one.report.id for one in won}) == 1
    assert sorted(one.duplicate for one in won) == [False] + [True] * (CLIENTS - 1)
    other = {**given, "reason": pb.REPORT_REASON_SPAM}
    won, lost = await race([one.call("ReportMessage", **other) for one in clients])
    assert (len(won), reasons(lost)) == (1, {"ALREADY_REPORTED"})
    (case,) = check_books(engine).cases.values()
    assert len(case.reports) == 2


async def test_decide_appeal_once(clients: list[Client], engine: Engine) -> None:
    """Upheld or overturned, and what is undone is undone once."""
    await clients[0].report()
    (case,) = await clients[0].cases()
    decided = await clients[0].decide(case.id, measure("BANNED"))
    decision = decided.decisions[0].id
    won, lost = await race(
        [
            one.call("CreateAppeal", actor="bob", decision_id=decision, text="Not me.")
            for one in clients
        ]
    )
    assert (len(won), reasons(lost)) == (1, {"ALREADY_APPEALED"})
    (appeal,) = (await clients[0].moderate("ListAppeals", "max")).appeals
    outcomes = [pb.APPEAL_STATUS_UPHELD, pb.APPEAL_STATUS_OVERTURNED] * 3
    won, lost = await race(
        [
            one.moderate(
                "DecideAppeal",
                f"m{number}",
                appeal_id=appeal.id,
                version=appeal.version,
                outcome=outcome,
                answer="We looked again.",
            )
            for number, (one, outcome) in enumerate(zip(clients, outcomes, strict=True))
        ]
    )
    assert (len(won), reasons(lost)) == (1, {"INVALID_STATE"})
    overturned = won[0].appeal.status == pb.APPEAL_STATUS_OVERTURNED
    assert (await clients[1].standing("bob")).banned is not overturned
    check_books(engine)


async def test_create_dispute_once(clients: list[Client], engine: Engine) -> None:
    """One dispute goes on, and the service is held for it."""
    service = await clients[0].peers.agree()
    won, lost = await race(
        [
            one.call(
                "CreateDispute",
                actor=("ann", "bob")[number % 2],
                service_id=service.id,
                reason=pb.DISPUTE_REASON_QUALITY,
                statement="It fell apart.",
            )
            for number, one in enumerate(clients)
        ]
    )
    assert (len(won), reasons(lost)) == (1, {"OPEN_DISPUTE_EXISTS"})
    held = await clients[0].peers.look(service.id)
    assert held.hold.dispute == won[0].dispute.id
    check_books(engine)


async def submit(client: Client, actor: str, dispute: str, **action: Any) -> Any:
    return await client.call("SubmitDisputeStatement", actor=actor, dispute_id=dispute, **action)


# What a dispute and its service say of the same end: how, the state, and what the client is to have
# back of the price, which is 10,000.
ENDS = (
    ("settled", deals.STATE_COMPLETED, 6_000),
    ("withdrawn", deals.STATE_AGREED, 0),
    ("decided", deals.STATE_CANCELLED, 10_000),
    ("moderators_silent", deals.STATE_AGREED, 0),
)


@pytest.mark.parametrize("reviewed", [False, True])
async def test_decide_dispute_once(serve: Serve, engine: Engine, *, reviewed: bool) -> None:
    """Accepted, withdrawn, decided, and its time over, all at the same moment: one of them is how
    it ended, at both services, and the others are told that it is over (M7).
    """
    short = {"statements_hours": 0.2 / 3600, "review_days": 2 / 86_400} if reviewed else {}
    parts = pb.Settlement(provider_minor=4_000, client_minor=6_000)
    acceptance = pb.SubmitDisputeStatementRequest.Acceptance(offer=1, settlement=parts)
    async with several_clients(serve, CLIENTS, **short) as clients:
        first, peers = clients[0], clients[0].peers
        service = await peers.agree()
        opened = await first.call(
            "CreateDispute",
            actor="bob",
            service_id=service.id,
            reason=pb.DISPUTE_REASON_QUALITY,
            statement="It fell apart.",
        )
        name = opened.dispute.id
        await submit(first, "bob", name, propose=parts)
        look = partial(first.moderate, "GetDispute", dispute_id=name)
        seen = await look()
        if reviewed:
            seen = await eventually(look, lambda seen: seen.dispute.state != pb.DISPUTE_STATE_OPEN)
            # Just before the moderators' time is over, or just after.
            left = seen.dispute.due_time.ToMilliseconds() / 1000 - time.time()
            await asyncio.sleep(max(0.0, left - 0.01))
        ruling = {
            "dispute_id": name,
            "version": seen.dispute.version,
            "outcome": pb.DISPUTE_OUTCOME_CANCELLED,
            "facts": "We looked.",
            "rule": "Terms, 7",
        }
        won, lost = await race(
            [
                submit(clients[0], "ann", name, accept=acceptance),
                submit(clients[1], "bob", name, withdraw=True),
                submit(clients[2], "bob", name, withdraw=True),
                submit(clients[3], "ann", name, accept=acceptance),
                *(one.moderate("DecideDispute", **ruling) for one in clients[4:] if reviewed),
            ]
        )
        assert len(won) <= 1
        assert reasons(lost) <= {"INVALID_STATE", "STALE_DISPUTE"}
        seen = await eventually(look, lambda seen: seen.dispute.state == pb.DISPUTE_STATE_RESOLVED)
        ended = seen.dispute
        # Time is the only one that nobody is answered for.
        assert bool(won) is (ended.resolution.cause != "moderators_silent")
        held = await peers.look(service.id)
        assert not held.HasField("hold")
        how = (ended.resolution.cause, held.state, held.settlement.client_minor)
        assert how in ENDS
        assert len(await peers.causes(service.id)) == 4
    assert check_books(engine).disputes[name].seq == ended.version


# --- A storm ------------------------------------------------------------------------------------


class Storm:
    """People and moderators who do at once whatever comes to mind."""

    def __init__(self, clients: list[Client], random: Random) -> None:
        self.clients = clients
        self.random = random
        self.keys = 0
        # The cases that refusals bore.
        self.shown: list[pb.Case] = []

    async def rage(self, rounds: int, at_once: int) -> None:
        """Round after round; each call is about what was seen before the round."""
        for _ in range(rounds):
            cases = await self.clients[0].cases() + await self.clients[0].cases(
                state=pb.CASE_STATE_DECIDED
            )
            appeals = (await self.clients[0].moderate("ListAppeals")).appeals
            calls = [self.act(cases, list(appeals)) for _ in range(at_once)]
            _, lost = await race(calls)
            self.shown += [one["Case"] for one in lost if "Case" in one]

    async def act(self, cases: list[pb.Case], appeals: list[pb.Appeal]) -> Any:
        client, random = self.random.choice(self.clients), self.random
        who = random.choice(("mia", "max"))
        self.keys += 1
        key = {"idempotency_key": f"k{self.keys // 2}"}
        kind = random.choice(("report", "claim", "decide", "decide", "appeal", "review", "lift"))
        if kind == "report" or not cases:
            actor, author = random.choice((("ann", "bob"), ("bob", "ann"), ("cid", "ann")))
            return await client.report(actor, author)
        case = random.choice(cases)
        decisions, sanctions = case.decisions, [s for d in case.decisions for s in d.sanctions]
        if kind == "appeal" and decisions:
            decision = random.choice(decisions).id
            actor = random.choice(("ann", "bob", "cid"))
            fields = {"actor": actor, "decision_id": decision, "text": "Not me."}
            return await client.call("CreateAppeal", **fields, **key)
        if kind == "review" and appeals:
            appeal = random.choice(appeals)
            outcome = random.choice((pb.APPEAL_STATUS_UPHELD, pb.APPEAL_STATUS_OVERTURNED))
            return await client.moderate(
                "DecideAppeal",
                who,
                appeal_id=appeal.id,
                version=appeal.version,
                outcome=outcome,
                answer="Looked at.",
            )
        if kind == "lift" and sanctions:
            sanction = random.choice(sanctions).id
            fields = {"sanction_id": sanction, "reason": "Enough."}
            return await client.moderate("LiftSanction", who, **fields, **key)
        if kind == "decide":
            measures = random.choice(([], [muted(case.accused[0])], [measure("WARNING", "ann")]))
            return await client.moderate(
                "DecideCase",
                who,
                case_id=case.id,
                version=case.version,
                verdict=pb.VERDICT_VIOLATION if measures else pb.VERDICT_NO_VIOLATION,
                measures=measures,
            )
        return await client.moderate("ClaimCase", who, case_id=case.id, **key)


@pytest.mark.parametrize("seed", range(2))
async def test_a_storm_leaves_books_that_agree(
    clients: list[Client], engine: Engine, seed: int
) -> None:
    """All commands at once: each document is what its events make, one after the other, every
    event is in the audit log, and what restricts is what all sanctions say.
    """
    storm = Storm(clients, Random(seed))
    await storm.rage(rounds=8, at_once=8)
    books = check_books(engine)
    assert books.head.number > 20, "hardly anything was accepted"
    await check_standings(clients[0], books)
    check_versions(books)
    check_shown(engine, storm.shown)


async def check_standings(client: Client, books: Books) -> None:
    """Each is restricted by what stands against them, whichever case it comes from."""
    now = later().ToMilliseconds()
    for user in ("ann", "bob", "cid"):
        expected = {
            one.id
            for case in books.cases.values()
            for one in case.sanctions
            if user in one.users and one.is_in_force(now)
        }
        assert {one.id for one in (await client.standing(user)).sanctions} == expected


def check_versions(books: Books) -> None:
    """No case has two decisions of one version, and a decided one has one at least (M5)."""
    for case in books.cases.values():
        assert [one.number for one in case.decisions] == list(range(1, len(case.decisions) + 1))
        assert len(case.decisions) <= case.reopenings + 1
        if case.state is CaseState.DECIDED:
            assert len(case.decisions) == case.reopenings + 1


def check_shown(engine: Engine, shown: list[pb.Case]) -> None:
    """The case of a refusal is the one after one of its events."""
    assert shown, "nobody was refused"
    with engine.connect() as connection, connection.begin():
        histories = find_histories(connection, {one.id for one in shown})
    for one in shown:
        events = [(stored.event.seq, stored.event) for stored in histories[one.id]]
        case, at = Past(evolve, events).at(one.version)
        expected = case_translation.case(show_to_moderators(case, at))
        expected.ClearField("allowed_actions")
        one.ClearField("allowed_actions")
        assert one == expected


def show_to_moderators(case: Case, at: int) -> CaseView:
    """A case as all moderators see it alike."""
    view = show_case(case, "mia", at, Limits())
    assert isinstance(view, CaseView)
    return view
