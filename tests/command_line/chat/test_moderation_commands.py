"""The slash commands about reports, appeals and disputes: what each sends, what is refused."""

from typing import Any

import pytest

from command_line.chat.commands import BY_NAME, WITHDRAW
from command_line.chat.payloads import DISPUTE_REASONS, REPORT_REASONS, UsageError
from command_line.client.packets import Opcode
from tests.command_line.deals import SERVICE, euros, service
from tests.command_line.rulings import DISPUTE, dispute, settlement_of_bob

MESSAGE = {"message": "m1"}
OFFERED = dispute(offers=[settlement_of_bob(1), settlement_of_bob(2, 8000)])


@pytest.mark.parametrize(
    ("typed", "shown", "payload"),
    [
        ("/report spam", MESSAGE, {"message": "m1", "reason": "spam"}),
        (
            "/report other It is odd",
            {"conversation": "k1"},
            {"conversation": "k1", "reason": "other", "comment": "It is odd"},
        ),
        (
            "/appeal I was quoting.",
            {"decision": "d1"},
            {"decision": "d1", "text": "I was quoting."},
        ),
        (
            "/dispute not_delivered Nobody came.",
            service("agreed"),
            {"service": SERVICE, "reason": "not_delivered", "statement": "Nobody came."},
        ),
        (
            "/dispute quality It drips. -- 60.5",
            service("agreed"),
            {
                "service": SERVICE,
                "reason": "quality",
                "statement": "It drips.",
                "claim": {"refund": euros(6050)},
            },
        ),
        ("/state I waited.", OFFERED, {"dispute": DISPUTE, "text": "I waited."}),
        (
            "/settle 60 Let us share.",
            OFFERED,
            {
                "dispute": DISPUTE,
                "settlement": {"provider_minor": 6000, "client_minor": 6050},
                "text": "Let us share.",
            },
        ),
        (
            "/accept-settlement",
            OFFERED,
            {
                "dispute": DISPUTE,
                "accept": {
                    "offer": 2,
                    "settlement": {"provider_minor": 8000, "client_minor": 4050},
                },
            },
        ),
    ],
)
def test_a_command_is_one_packet(
    typed: str, shown: dict[str, Any], payload: dict[str, Any]
) -> None:
    """What is accepted is named as it was shown; nothing that was not typed is sent."""
    name, _, arguments = typed.partition(" ")
    assert BY_NAME[name].payload(shown, arguments) == payload


def test_a_dispute_is_withdrawn_without_words() -> None:
    """By the name that withdraws an offer."""
    assert WITHDRAW.payload(OFFERED, "") == {"dispute": DISPUTE, "withdraw": True}
    assert WITHDRAW.name in BY_NAME
    assert WITHDRAW.opcode == Opcode.LITIGE_STATEMENT


@pytest.mark.parametrize(
    ("typed", "shown", "why"),
    [
        ("/report", MESSAGE, r"write: /report \[#N"),
        ("/report rude", MESSAGE, "not a reason: rude; write one of spam, scam"),
        ("/report other", MESSAGE, "needs a comment"),
        ("/appeal", {"decision": "d1"}, "write: /appeal TEXT"),
        ("/dispute quality", service("agreed"), "write: /dispute"),
        ("/dispute late Where is he?", service("agreed"), "not a reason: late"),
        ("/dispute quality It drips. -- much", service("agreed"), "not a price"),
        ("/state", OFFERED, "write: /state TEXT"),
        ("/settle", OFFERED, "write: /settle AMOUNT"),
        ("/settle 120.51", OFFERED, "more than the agreed price"),
        ("/settle half", OFFERED, "not a price"),
        ("/accept-settlement", dispute(), "no settlement is offered"),
    ],
)
def test_what_is_typed_wrongly_is_not_sent(typed: str, shown: dict[str, Any], why: str) -> None:
    """The message says what to write instead."""
    name, _, arguments = typed.partition(" ")
    with pytest.raises(UsageError, match=why):
        BY_NAME[name].payload(shown, arguments)


def test_reasons_are_those_of_the_rules() -> None:
    """A reason that the service would not know is refused before it is sent, and no other."""
    reasons = pytest.importorskip("moderation_service.domain.shared.reasons")
    assert list(REPORT_REASONS) == [str(one) for one in reasons.ReportReason]
    assert list(DISPUTE_REASONS) == [str(one) for one in reasons.DisputeReason]
