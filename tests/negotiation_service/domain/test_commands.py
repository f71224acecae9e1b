"""The fingerprints of commands are stored, and stay what they are."""

from dataclasses import replace

import pytest

from negotiation_service.domain.commands import (
    CreateService,
    EditPrice,
    EndNegotiation,
    NegotiationOutcome,
    PartyCommand,
    SubmitNote,
    TerminateService,
    TerminationOutcome,
)
from negotiation_service.domain.entities import Money, Role
from service_kit.idempotency import fingerprint

PRICE = Money(12_050, "EUR")
AGREED, WITHDRAWN = NegotiationOutcome.AGREED, NegotiationOutcome.WITHDRAWN
DELIVERED, CANCELLED = TerminationOutcome.DELIVERED, TerminationOutcome.CANCELLED

# The beginnings of digests that stand in databases.
STORED: list[tuple[PartyCommand, str]] = [
    (CreateService("ann", "talk", Role.PROVIDER, "A logo", PRICE), "b2df03e6a113823c1d8ea153"),
    (
        CreateService("bob", "talk", Role.CLIENT, "A lögo", PRICE, "In blue.", 3_600),
        "afcc601c9dbd04cab960c5f8",
    ),
    (EditPrice("ann", "service-1", PRICE, 1), "107135998cc58623a7a03311"),
    (EditPrice("ann", "service-1", PRICE, 0, "a little less"), "f74eaa4a59e79c44f80f4247"),
    (EndNegotiation("ann", "service-1", AGREED, 2, PRICE), "4d8e007ebaf077debe78f040"),
    (EndNegotiation("ann", "service-1", WITHDRAWN, 2), "e039e5aae1062af4978c6e32"),
    (TerminateService("ann", "service-1", DELIVERED), "49f5ed99c8254c229462d3c5"),
    (TerminateService("ann", "service-1", CANCELLED, "no time"), "4ae9ae3149196bdc40545896"),
    (SubmitNote("ann", "service-1", 5), "2c720f6a2365745fcf7e04eb"),
    (SubmitNote("ann", "service-1", 1, "late"), "72037748b8fc5a4b147561ab"),
]


@pytest.mark.parametrize(("command", "stored"), STORED)
def test_a_stored_key_is_recognised_after_an_upgrade(command: PartyCommand, stored: str) -> None:
    """Every kind of command has the digest that earlier versions stored, whoever sends it."""
    sent = replace(command, actor="eve", idempotency_key="k")
    assert fingerprint(command) == fingerprint(sent)
    assert fingerprint(sent).startswith(stored)
