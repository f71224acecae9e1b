"""The fingerprints of commands are stored, and stay what they are."""

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

STORED: list[tuple[PartyCommand, str]] = [
    (
        CreateService("ann", "talk", Role.PROVIDER, "A logo", PRICE),
        "b2df03e6a113823c1d8ea153ad0d9d9ad0fa275168a25556c59aab65d0a9df99",
    ),
    (
        CreateService("bob", "talk", Role.CLIENT, "A lögo", PRICE, "In blue.", 3_600),
        "afcc601c9dbd04cab960c5f8cceb096bdd0a99d34155e47d82e6c1e6a539d9fe",
    ),
    (
        EditPrice("ann", "service-1", PRICE, 1),
        "107135998cc58623a7a033111ba64a40f0e7246b7c39a29f8631cd89cd9009a2",
    ),
    (
        EditPrice("ann", "service-1", PRICE, 0, "a little less", idempotency_key="k"),
        "f74eaa4a59e79c44f80f4247245d3039f658453c5d890ebdfb8e61767144bf79",
    ),
    (
        EndNegotiation("ann", "service-1", AGREED, 2, PRICE),
        "4d8e007ebaf077debe78f040ba43a5f187c6b39afcdbdc6ecf5bded6ac820485",
    ),
    (
        EndNegotiation("ann", "service-1", WITHDRAWN, 2, idempotency_key="k"),
        "e039e5aae1062af4978c6e323106ed4f6e76857c33dca2bf3200d860e1c8030a",
    ),
    (
        TerminateService("ann", "service-1", DELIVERED),
        "49f5ed99c8254c229462d3c5df77c7fe0c19c52e1e3e1522cd97db62c89506ff",
    ),
    (
        TerminateService("ann", "service-1", CANCELLED, "no time", idempotency_key="k"),
        "4ae9ae3149196bdc40545896e604570d32f69aac4d64d1751a118427bc9d4e4e",
    ),
    (
        SubmitNote("ann", "service-1", 5),
        "2c720f6a2365745fcf7e04ebcbccac0353d7679a2e81fd3f1bdd74d9f0a00c57",
    ),
    (
        SubmitNote("ann", "service-1", 1, "late", idempotency_key="k"),
        "72037748b8fc5a4b147561ab05929cdf1c1783dced526308c17f98ba693653d1",
    ),
]


@pytest.mark.parametrize(("command", "stored"), STORED)
def test_a_stored_key_is_recognised_after_an_upgrade(command: PartyCommand, stored: str) -> None:
    """These digests stand in databases, from before the fingerprint was derived from the fields."""
    assert fingerprint(command) == stored
