"""Hostile values in every field of every RPC, on both databases."""

from typing import Any

import grpc
from parley.negotiation.v1 import negotiation_pb2 as pb

from tests.support import hostile

CONTRACT = pb.DESCRIPTOR.services_by_name["NegotiationService"]
DEFECTS = {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN}


async def test_no_value_of_any_field_is_a_defect(client: Any) -> None:
    """It is refused by a name or carried out."""
    made = await client.create()
    sound = {
        "actor": "ann",
        "user": "ann",
        "conversation_id": made.conversation_id,
        "conversation_ids": [made.conversation_id],
        "service_id": made.id,
        "dispute_id": "a-dispute",
        "title": "Tap",
        "currency": "EUR",
        "amount_minor": 100,
        "role": pb.ROLE_PROVIDER,
        "score": 5,
        "base_offer": 1,
        "offer": 1,
        "outcome": 1,
    }
    tried = 0
    refused: list[tuple[grpc.StatusCode, str, str]] = []
    for rpc, field, request in hostile.requests(CONTRACT, sound):
        tried += 1
        try:
            await client.call(rpc, request)
        except grpc.aio.AioRpcError as error:
            refused.append((error.code(), rpc, field))
    assert tried > 300
    assert [one for one in refused if one[0] in DEFECTS] == []
