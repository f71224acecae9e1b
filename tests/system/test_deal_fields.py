"""Bad fields of the packets about deals, and packets about deals of others."""

from typing import Any

import pytest

from parley_protocol.packets import Op
from tests.support.system import System
from tests.system.conftest import Connect
from tests.system.deals import Deal, Party, euros

NAMES = {"service": "x", "conversation": "x"}
GOOD: dict[int, dict[str, Any]] = {
    Op.SERVICE_CREATED: {
        "conversation": "c",
        "role": "client",
        "title": "Tap",
        "price": euros(100),
    },
    Op.PRICE_EDITED: {"service": "s", "price": euros(100), "base_offer": 1},
    Op.NEGOTIATION_END: {"service": "s", "outcome": "agreed", "offer": 1, "price": euros(100)},
    Op.SERVICE_TERMINATED: {"service": "s", "outcome": "delivered"},
    Op.NOTE_SUBMITTED: {"service": "s", "score": 5},
}
BAD: list[tuple[int, str, Any]] = [
    (Op.SERVICE_CREATED, "price.amount_minor", 0),
    (Op.SERVICE_CREATED, "price.amount_minor", -1),
    (Op.SERVICE_CREATED, "price.amount_minor", 2**62),
    (Op.SERVICE_CREATED, "price.amount_minor", 2**64),
    (Op.SERVICE_CREATED, "price.amount_minor", 120.5),
    (Op.SERVICE_CREATED, "price.amount_minor", "100"),
    (Op.SERVICE_CREATED, "price.currency", "EURO"),
    (Op.SERVICE_CREATED, "price.currency", "eur"),
    (Op.SERVICE_CREATED, "price.currency", "XTS"),
    (Op.SERVICE_CREATED, "role", "moderator"),
    (Op.SERVICE_CREATED, "title", ""),
    (Op.SERVICE_CREATED, "title", "x" * 121),
    (Op.SERVICE_CREATED, "title", "a\u0000b"),
    (Op.SERVICE_CREATED, "description", "x" * 4_001),
    (Op.SERVICE_CREATED, "offer_ttl_s", 0),
    (Op.SERVICE_CREATED, "offer_ttl_s", 10**12),
    (Op.SERVICE_CREATED, "idempotency_key", "k" * 65),
    (Op.PRICE_EDITED, "price.amount_minor", 0),
    (Op.PRICE_EDITED, "base_offer", -1),
    (Op.PRICE_EDITED, "base_offer", 2**63),
    (Op.PRICE_EDITED, "note", "x" * 501),
    (Op.NEGOTIATION_END, "outcome", "accepted"),
    (Op.NEGOTIATION_END, "offer", 0),
    (Op.NEGOTIATION_END, "price", None),
    (Op.SERVICE_TERMINATED, "outcome", "done"),
    (Op.SERVICE_TERMINATED, "reason", "x" * 501),
    (Op.NOTE_SUBMITTED, "score", 0),
    (Op.NOTE_SUBMITTED, "score", 6),
    (Op.NOTE_SUBMITTED, "score", 2**31),
    (Op.NOTE_SUBMITTED, "comment", "x" * 2_001),
]


@pytest.mark.parametrize(("op", "field", "value"), BAD)
async def test_a_bad_field_is_named(deal: Deal, op: int, field: str, value: Any) -> None:
    """INVALID_ARGUMENT with the path of the field; nothing happens, and the socket lives."""
    d: dict[str, Any] = {
        **GOOD[op],
        **{name: deal.conversation for name in NAMES if name in GOOD[op]},
    }
    outer, _, inner = field.partition(".")
    d[outer] = {**d[outer], inner: value} if inner else value
    error = await deal.alice.refused(op, **d)
    assert (error["code"], error["retryable"]) == ("INVALID_ARGUMENT", False)
    assert [one["field"] for one in error["fields"]] == [field]
    await deal.alice.client.settle()


@pytest.mark.parametrize("op", GOOD)
async def test_what_one_may_not_see_is_not_found(
    shared_deals: System, deal: Deal, connect: Connect, person: Any, op: int
) -> None:
    """An outsider is told of someone else's service as of one that does not exist."""
    await deal.offer()
    carol = Party(await connect(shared_deals, person("carol")))
    answers = []
    for conversation, service in ((deal.conversation, deal.service), ("none", "none")):
        d = {**GOOD[op]}
        d |= {"conversation": conversation} if "conversation" in d else {"service": service}
        answers.append(await carol.refused(op, **d))
    assert answers[0] == answers[1]
    assert answers[0]["code"] == "NOT_FOUND"
