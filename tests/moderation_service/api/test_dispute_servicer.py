"""Disputes over gRPC, beside real services."""

from collections.abc import Callable
from typing import Any

import grpc
from parley.moderation.v1 import moderation_pb2 as pb

from tests.moderation_service.conftest import Client

FAILED_PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION
Refused = Callable[..., Any]


async def test_create_dispute_holds_the_service_until_it_is_settled(client: Client) -> None:
    """Opened, the service is held; a settlement accepted, it is split, and nothing is held."""
    service = await client.peers.agree()
    created = await client.call(
        "CreateDispute",
        actor="bob",
        service_id=service.id,
        reason=pb.DISPUTE_REASON_QUALITY,
        statement="It fell apart.",
        refund=pb.Money(amount_minor=4_000, currency="EUR"),
    )
    assert created.dispute.state == pb.DISPUTE_STATE_OPEN
    assert (await client.peers.look(service.id)).hold.dispute == created.dispute.id
    parts = pb.Settlement(provider_minor=6_000, client_minor=4_000)
    offered = await client.call(
        "SubmitDisputeStatement", actor="ann", dispute_id=created.dispute.id, propose=parts
    )
    accept = pb.SubmitDisputeStatementRequest.Acceptance(
        offer=offered.dispute.offers[0].number, settlement=parts
    )
    settled = await client.call(
        "SubmitDisputeStatement", actor="bob", dispute_id=created.dispute.id, accept=accept
    )
    assert settled.dispute.state == pb.DISPUTE_STATE_RESOLVED
    after = await client.peers.look(service.id)
    assert not after.HasField("hold")
    assert after.settlement.client_minor == 4_000
    (own,) = (await client.call("ListOwnDisputes", actor="ann")).disputes
    assert own.id == created.dispute.id
    assert not own.evidence


async def test_get_dispute_shows_evidence_and_no_decider(
    serve: Callable[..., Any], refused: Refused
) -> None:
    """With the evidence before them; a party does not learn who decided."""
    async with serve(statements_hours=1e-7) as client:
        service = await client.peers.agree()
        created = await client.call(
            "CreateDispute",
            actor="bob",
            service_id=service.id,
            reason=pb.DISPUTE_REASON_NO_SHOW,
            statement="Nobody came.",
        )
        dispute = created.dispute.id
        whole = (await client.moderate("GetDispute", dispute_id=dispute)).dispute
        assert whole.state == pb.DISPUTE_STATE_UNDER_REVIEW
        assert all(one.intact for one in whole.evidence)
        assert {one.kind for one in whole.evidence} == {"deal", "messages"}
        given = {
            "dispute_id": dispute,
            "outcome": pb.DISPUTE_OUTCOME_CANCELLED,
            "facts": "Nobody came.",
            "rule": "Terms, 9",
        }
        await refused(
            client.moderate("DecideDispute", version=1, **given),
            FAILED_PRECONDITION,
            "STALE_DISPUTE",
        )
        decided = await client.moderate("DecideDispute", version=whole.version, **given)
        assert decided.dispute.state == pb.DISPUTE_STATE_RESOLVED
        assert decided.dispute.resolution.by == "mia"
        shown = (await client.call("GetDispute", actor="ann", dispute_id=dispute)).dispute
        assert shown.resolution.facts == "Nobody came."
        assert not shown.resolution.by
        await refused(
            client.call("GetDispute", actor="eve", dispute_id=dispute),
            grpc.StatusCode.NOT_FOUND,
            "DISPUTE_NOT_FOUND",
        )
