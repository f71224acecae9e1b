"""Settings are checked at the start, and their limits counted when they are reached."""

from functools import partial
from typing import Any

import grpc
from parley.moderation.v1 import moderation_pb2 as pb

from moderation_service.__main__ import SERVICE
from moderation_service.domain.shared.limits import Limits
from moderation_service.settings import ModerationSettings
from tests.moderation_service.conftest import measure, muted
from tests.support.metrics import read_sample
from tests.support.serving import Serve
from tests.support.system import free_port
from tests.support.waiting import eventually

INVALID = grpc.StatusCode.INVALID_ARGUMENT
PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION


def test_defaults_are_those_of_the_rules(settings: ModerationSettings) -> None:
    """The rules are tested and documented with their own defaults, which nobody changes here."""
    assert settings.limits() == Limits()


SMALL = {
    "comment_limit": 20,
    "statement_limit": 20,
    "appeal_limit": 20,
    "facts_limit": 40,
    "rule_limit": 20,
    "note_limit": 20,
    "measures_limit": 1,
    "reports_limit": 2,
    "open_reports_limit": 1,
    "max_mute_days": 1,
    "dispute_statements_limit": 1,
    "dispute_offers_limit": 1,
    **{f"{name}_page": 1 for name in ("reports", "cases", "appeals", "sanctions", "disputes")},
    "audit_page": 1,
    "changes_page": 1,
    "max_batch": 1,
    "gauges_seconds": 0.05,
}


async def test_each_limit_refuses_by_name_and_is_counted(serve: Serve, refused: Any) -> None:
    """Through real gRPC, and each shows what it is set to."""
    port, long = free_port(), "x" * 41
    argument = (INVALID, "INVALID_ARGUMENT")

    metric = partial(read_sample, port)
    async with serve(metrics_port=port, **SMALL) as client:
        await refused(client.report(comment=long), *argument, "comment")
        await client.report()
        await refused(client.report(), PRECONDITION, "TOO_MANY_OPEN_REPORTS")
        await eventually(lambda: metric("moderation_open", kind="case"), lambda count: count == 1)
        (case,) = await client.cases(page_size=9)
        for field, bad in (
            ("measures[0].facts", [measure("WARNING", facts=long)]),
            ("measures[0].rule", [measure("WARNING", rule=long)]),
            ("measures[0].until_time", [muted(days=2)]),
            ("measures", [measure("WARNING"), measure("BANNED")]),
        ):
            await refused(client.decide(case.id, *bad), *argument, field)
        await refused(client.decide(case.id, note=long), *argument, "note")
        decided = await client.decide(case.id, muted(hours=1))
        decision = decided.decisions[0].id
        appeal = {"actor": "bob", "decision_id": decision}
        await refused(client.call("CreateAppeal", text=long, **appeal), *argument, "text")
        await client.report()
        (waiting,) = await client.cases()
        await client.decide(waiting.id)
        await refused(client.report(), grpc.StatusCode.RESOURCE_EXHAUSTED, "RATE_LIMITED")
        service = await client.peers.agree()
        opening = {"actor": "bob", "service_id": service.id, "reason": 1}
        await refused(
            client.call("CreateDispute", statement=long, **opening), *argument, "statement"
        )
        opened = await client.call("CreateDispute", statement="It fell apart.", **opening)
        again = {"actor": "bob", "dispute_id": opened.dispute.id}
        state = client.call("SubmitDisputeStatement", text="And more.", **again)
        await refused(state, PRECONDITION, "TOO_MANY_STATEMENTS")
        parts = pb.Settlement(provider_minor=6_000, client_minor=4_000)
        await client.call("SubmitDisputeStatement", propose=parts, **again)
        offer = client.call("SubmitDisputeStatement", propose=parts, **again)
        await refused(offer, PRECONDITION, "TOO_MANY_STATEMENTS")
        for name in ("ListSanctions", "ListAppeals", "ListDisputes", "ListAudit"):
            await client.moderate(name, page_size=9)
        await client.call("ListReports", actor="ann", page_size=9)
        position = (await client.standing("bob")).position
        start = pb.Position(epoch=position.epoch)
        await client.call("ListChanges", user="bob", after=start, until=position, page_size=9)
        many = client.call("BatchGetStandings", users=["a", "b"])
        await refused(many, INVALID, "BATCH_TOO_LARGE")
        for limit in SMALL.keys() - {"gauges_seconds"}:
            assert await metric("limit_reached_total", limit=limit), limit
            assert await metric("limit_value", limit=limit) == SMALL[limit]
        for limit in SERVICE.limits:
            assert await metric("limit_value", limit=limit) is not None, limit
