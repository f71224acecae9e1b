"""Requests become commands whose fingerprints stay what they were when keys were first stored."""

import re
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from parley.moderation.v1 import moderation_pb2 as pb

from moderation_service.api import requests
from service_kit.authentication.claims import Principal
from service_kit.idempotency import fingerprint

MODERATOR = Principal("mia", 0.0, frozenset({"moderator"}))
MIA: dict[str, Any] = {"idempotency_key": "k"}
BOB: dict[str, Any] = {"actor": "bob", "idempotency_key": "k"}
PARTS = pb.Settlement(provider_minor=5, client_minor=7)


def violation(*measures: pb.Measure) -> pb.DecideCaseRequest:
    """A decision with measures, each for the same facts."""
    for one in measures:
        one.facts, one.rule = "f", "r"
    return pb.DecideCaseRequest(
        case_id="c1", version=3, verdict=pb.VERDICT_VIOLATION, measures=measures, **MIA
    )


# Computed before facts stood beside commands. A stored key must find the same ones.
FINGERPRINTS: list[tuple[Any, str]] = [
    (
        pb.ReportMessageRequest(
            message_id="m1", reason=pb.REPORT_REASON_SCAM, comment="pay outside", **BOB
        ),
        "fa181be518767f5a3f38030d3bc8e2c64aec298b311e2376b5ee42a756ea07c4",
    ),
    (
        pb.ReportConversationRequest(
            conversation_id="t1", reason=pb.REPORT_REASON_OTHER, comment="ä rude", **BOB
        ),
        "f519ddb6cd83f43de0f636f7f9cf273f3e528925da65b47d59e592d3fed15489",
    ),
    (
        pb.ReportDisputeStatementRequest(
            dispute_id="x1", number=2, reason=pb.REPORT_REASON_SPAM, **BOB
        ),
        "6561c7759b12fa2f84f7d2621f5ff1af8bc4bb1e3b8a2d030861ee7f8b880aec",
    ),
    (
        pb.CreateAppealRequest(decision_id="d1", text="not me", **BOB),
        "be657d8552faeb7974f29a845f68c6e144b1aef69032fa1dcab8f40821437276",
    ),
    (
        pb.CreateDisputeRequest(
            service_id="s1", reason=pb.DISPUTE_REASON_QUALITY, statement="crooked", **BOB
        ),
        "481fe6c8a56ca5e739c4c41850d8a97b2902a612e961cadb57fc5d889f5831a9",
    ),
    (
        pb.CreateDisputeRequest(
            service_id="s1",
            reason=pb.DISPUTE_REASON_PAYMENT,
            statement="crooked",
            refund=pb.Money(amount_minor=1200, currency="EUR"),
            **BOB,
        ),
        "a3c8f56b39c353f04062e7c484373061bc322cf0325fcb9a0915789017a0c320",
    ),
    (
        pb.SubmitDisputeStatementRequest(dispute_id="x1", text="so it was", **BOB),
        "7d1e35dc0d1958b33dee6fb86421f5db04f51b1eef9883c570491fb0a1a4f8e7",
    ),
    (
        pb.SubmitDisputeStatementRequest(dispute_id="x1", propose=PARTS, **BOB),
        "6444d811e5a48aa0577bad1f68008c48ecea8eea4dcf6a97cbb279cc336f6206",
    ),
    (
        pb.SubmitDisputeStatementRequest(
            dispute_id="x1",
            text="yes",
            accept=pb.SubmitDisputeStatementRequest.Acceptance(offer=2, settlement=PARTS),
            **BOB,
        ),
        "0d0e47ae8e8cf4ecf56a82bf3b6f89a0fb0f25df10cff2fff9471d930b97d20b",
    ),
    (
        pb.SubmitDisputeStatementRequest(dispute_id="x1", withdraw=True, **BOB),
        "f07bb2366f5d5116c8e477067dc608c224ee9d151c676655592847051379ec6b",
    ),
    (
        pb.ClaimCaseRequest(case_id="c1", **MIA),
        "1d849a9a34f78bd743c05e226617352c95e049e49dee6e9c22bef1248a7c9d6f",
    ),
    (
        pb.ReleaseCaseRequest(case_id="c1", **MIA),
        "51cdd50e70e8e3816db2013aa884e1bdb1442a46592761f60feff347877d7a4e",
    ),
    (
        pb.DecideCaseRequest(
            case_id="c1", version=3, verdict=pb.VERDICT_NO_VIOLATION, note="both joking", **MIA
        ),
        "4fe711bd5a2470e0de5207d825b6d1cb6a3cf2e1fdfcb2e8171bc30c9711f3ff",
    ),
    (
        violation(
            pb.Measure(
                kind=pb.SANCTION_KIND_MUTED,
                user="bob",
                ground=pb.GROUND_LAW,
                until_time=Timestamp(seconds=9, nanos=5_000_000),
            ),
            pb.Measure(kind=pb.SANCTION_KIND_CONVERSATION_LOCKED),
        ),
        "d73075d721d4c1ea54b1b62dd4ff5f3513f5ddab4ea14b697164a6e40cadf6b4",
    ),
    (
        violation(pb.Measure(kind=pb.SANCTION_KIND_MESSAGE_REMOVED, message_id="m1")),
        "35f4f2c18baa788f4403c808f527aa7af26b1f7824a8b5b8b599bb38fbed2942",
    ),
    (
        violation(
            pb.Measure(kind=pb.SANCTION_KIND_MESSAGE_REMOVED, message_id="m1", user="ignored")
        ),
        "35f4f2c18baa788f4403c808f527aa7af26b1f7824a8b5b8b599bb38fbed2942",
    ),
    (
        violation(pb.Measure(kind=pb.SANCTION_KIND_MESSAGE_REMOVED)),
        "a860099ad24365c266ded04e1fc483da240010c042b9909b69ab6e486a6b3f6b",
    ),
    (
        pb.DecideAppealRequest(
            appeal_id="a1", version=4, outcome=pb.APPEAL_STATUS_UPHELD, answer="again", **MIA
        ),
        "d2cdd6b4e5b71a6936bff3a5c12c96e0f15d62b681cc69e035f425437945a530",
    ),
    (
        pb.LiftSanctionRequest(sanction_id="n1", reason="enough", **MIA),
        "6a07079d2ac0a26101ca67eacb4c6e0a922787ac0e9e1aa4d36292d28ff420bb",
    ),
    (
        pb.DecideDisputeRequest(
            dispute_id="x1",
            version=4,
            outcome=pb.DISPUTE_OUTCOME_RESUME,
            facts="f",
            rule="r",
            **MIA,
        ),
        "6c7720ba9f3346e28bf7f262ea0f34ea7677478080b477fc0afe9bd05cf9beef",
    ),
    (
        pb.DecideDisputeRequest(
            dispute_id="x1",
            version=4,
            outcome=pb.DISPUTE_OUTCOME_SPLIT,
            facts="f",
            rule="r",
            split=PARTS,
            **MIA,
        ),
        "f44855d63519165e6f7290cd8b592e73b977918ed47985185fd1336dfbce96cb",
    ),
]


@pytest.mark.parametrize(("request_", "expected"), FINGERPRINTS)
def test_stored_fingerprints_are_recognised(request_: Any, expected: str) -> None:
    """Both kinds of report share a name; of a removed message it is not said whose it is."""
    name = type(request_).__name__.removesuffix("Request")
    translate = getattr(requests, re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower())
    if "actor" in request_.DESCRIPTOR.fields_by_name:
        command = translate(request_)
    else:
        command = translate(request_, MODERATOR)
        assert (command.actor, command.roles) == ("mia", ("moderator",))
    assert fingerprint(command) == expected


def test_every_command_with_a_key_has_a_fingerprint_here() -> None:
    """A new request with an idempotency key is added before any is stored."""
    service = pb.DESCRIPTOR.services_by_name["ModerationService"]
    keyed = {
        method.input_type.name
        for method in service.methods
        if "idempotency_key" in method.input_type.fields_by_name
    }
    assert {type(one).__name__ for one, _ in FINGERPRINTS} == keyed
