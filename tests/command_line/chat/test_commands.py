"""The slash commands: what each sends about what is shown, and what is refused."""

from typing import Any, get_args

import pytest
from msgspec import Struct, to_builtins

from command_line.chat.commands import BY_NAME, COMMANDS, HELP, WITHDRAW, choices, dispute_choices
from command_line.chat.payloads import UsageError
from moderation_service.domain.shared import reasons
from negotiation_service.domain.transitions import TRANSITIONS
from parley_protocol.packets import OP_OF, Op
from parley_protocol.payloads import moderation
from parley_protocol.payloads.fields import Money, Settlement
from tests.command_line.deals import CONVERSATION, SERVICE, euros, offer, service
from tests.command_line.rulings import DISPUTE, dispute, settlement_of_bob

OFFERED = service(offer=offer(2, 12050, "bob"))
AGREED = service("agreed")
AMENDED = service("agreed", amendment=offer(3, 13000, "bob"))
PLACE = {"conversation": CONVERSATION}
ABOUT = {"service": SERVICE}
MESSAGE = {"message": "m1"}
DISPUTED = dispute(offers=[settlement_of_bob(1), settlement_of_bob(2, 8000)])


@pytest.mark.parametrize(
    ("typed", "shown", "opcode", "payload"),
    [
        (
            "/offer 120.50 EUR Repair the tap",
            PLACE,
            Op.SERVICE_CREATED,
            {**PLACE, "role": "provider", "title": "Repair the tap", "price": euros(12050)},
        ),
        (
            "/request 100 eur Repair the tap -- It drips.",
            PLACE,
            Op.SERVICE_CREATED,
            {
                **PLACE,
                "role": "client",
                "title": "Repair the tap",
                "description": "It drips.",
                "price": euros(10000),
            },
        ),
        (
            "/accept",
            OFFERED,
            Op.NEGOTIATION_END,
            {**ABOUT, "outcome": "agreed", "offer": 2, "price": euros(12050)},
        ),
        ("/accept", AMENDED, Op.NEGOTIATION_END, {"offer": 3, "price": euros(13000)}),
        ("/decline", OFFERED, Op.NEGOTIATION_END, {"outcome": "declined", "offer": 2}),
        ("/withdraw", OFFERED, Op.NEGOTIATION_END, {"outcome": "withdrawn", "offer": 2}),
        (
            "/counter 95.5 Without the valve",
            OFFERED,
            Op.PRICE_EDITED,
            {**ABOUT, "price": euros(9550), "base_offer": 2, "note": "Without the valve"},
        ),
        ("/counter 95 EUR", OFFERED, Op.PRICE_EDITED, {"price": euros(9500)}),
        ("/counter 95 eur in all", OFFERED, Op.PRICE_EDITED, {"note": "in all"}),
        ("/counter 95 NEW valve", OFFERED, Op.PRICE_EDITED, {"note": "NEW valve"}),
        ("/counter 99", AMENDED, Op.PRICE_EDITED, {"base_offer": 3}),
        ("/amend 130", AGREED, Op.PRICE_EDITED, {"price": euros(13000), "base_offer": 0}),
        ("/amend 130", AMENDED, Op.PRICE_EDITED, {"base_offer": 3}),
        ("/deliver", AGREED, Op.SERVICE_TERMINATED, {**ABOUT, "outcome": "delivered"}),
        ("/complete", AGREED, Op.SERVICE_TERMINATED, {"outcome": "completed"}),
        (
            "/reopen It still drips",
            AGREED,
            Op.SERVICE_TERMINATED,
            {"outcome": "reopened", "reason": "It still drips"},
        ),
        ("/cancel", AGREED, Op.SERVICE_TERMINATED, {**ABOUT, "outcome": "cancelled"}),
        ("/cancel Ill", AGREED, Op.SERVICE_TERMINATED, {"reason": "Ill"}),
        ("/rate 5", AGREED, Op.NOTE_SUBMITTED, {**ABOUT, "score": 5}),
        ("/rate 1 Too late", AGREED, Op.NOTE_SUBMITTED, {"score": 1, "comment": "Too late"}),
    ],
)
def test_a_command_is_one_packet(
    typed: str, shown: dict[str, Any], opcode: Op, payload: dict[str, Any]
) -> None:
    """The live offer is named as it is shown; nothing that was not typed is sent."""
    name, _, arguments = typed.partition(" ")
    sent = BY_NAME[name].payload(shown, arguments)
    assert OP_OF[type(sent)] == BY_NAME[name].opcode == opcode
    sent = to_builtins(sent)
    assert payload.items() <= sent.items()
    assert "" not in sent.values()


@pytest.mark.parametrize(
    ("typed", "shown", "why"),
    [
        ("/offer", PLACE, "write: /offer PRICE CURRENCY TITLE"),
        ("/offer 120.50 EUR", PLACE, "write: /offer"),
        ("/offer 120.50 euros Repair", PLACE, "not a currency"),
        ("/offer 500.50 JPY Repair", PLACE, "more decimals than JPY"),
        ("/offer 120,50 EUR Repair", PLACE, "not a price"),
        ("/accept 95", OFFERED, "write: /accept"),
        ("/accept", AGREED, "no offer"),
        ("/decline", AGREED, "no offer"),
        ("/counter", OFFERED, "write: /counter PRICE"),
        ("/counter ten", OFFERED, "not a price"),
        ("/counter 95 USD", OFFERED, "in EUR, not in USD"),
        ("/counter 95", AGREED, "no offer to counter"),
        ("/amend 95", OFFERED, "nothing is agreed yet"),
        ("/deliver now", AGREED, "write: /deliver"),
        ("/rate", AGREED, "write: /rate"),
        ("/rate 6", AGREED, "write: /rate"),
        ("/rate five", AGREED, "write: /rate"),
    ],
)
def test_what_is_typed_wrongly_is_not_sent(typed: str, shown: dict[str, Any], why: str) -> None:
    """The message says what to write instead, or why there is nothing to send."""
    name, _, arguments = typed.partition(" ")
    with pytest.raises(UsageError, match=why):
        BY_NAME[name].payload(shown, arguments)


def test_every_action_has_its_command() -> None:
    """Each word that `allowed_actions` of a service may have is offered as a command."""
    actions = {row.action for row in TRANSITIONS if row.action}
    assert actions <= {action for one in COMMANDS for action in one.actions}


def test_choices_are_the_commands_that_are_allowed_now() -> None:
    """With their arguments; what the chat has no command for is left out."""
    seen = service(allowed_actions=["counter", "decline", "accept", "settle_it"])
    assert choices(seen) == "/accept, /counter PRICE [NOTE], /decline"
    disputable = service(allowed_actions=["open_dispute"])
    assert choices(disputable) == "/dispute REASON STATEMENT [-- REFUND]"
    dispute = {"allowed_actions": ["state", "propose", "accept", "withdraw", "decide"]}
    assert dispute_choices(dispute) == (
        "/state TEXT, /settle AMOUNT [TEXT], /accept-settlement [TEXT], /withdraw"
    )
    assert choices(service(allowed_actions=["confirm_cancellation"])) == "/cancel [REASON]"
    assert choices(service()) == ""


def test_help_lists_every_command() -> None:
    """One line each, as wide as a terminal."""
    lines = HELP.splitlines()
    for command in COMMANDS:
        (line,) = [line for line in lines if line.startswith(f"  {command.usage} ")]
        assert command.does in line
    assert max(map(len, lines)) <= 100


@pytest.mark.parametrize(
    ("typed", "shown", "payload"),
    [
        ("/report spam", MESSAGE, moderation.ReportMsg("m1", "spam")),
        (
            "/report other It is odd",
            {"conversation": "k1"},
            moderation.ReportConversations("k1", "other", "It is odd"),
        ),
        (
            "/report-statement harassment",
            {"dispute": DISPUTE, "number": 2},
            moderation.ReportStatement(DISPUTE, 2, "harassment"),
        ),
        (
            "/appeal I was quoting.",
            {"decision": "d1"},
            moderation.SendAppeal("d1", "I was quoting."),
        ),
        (
            "/dispute not_delivered Nobody came.",
            service("agreed"),
            moderation.LitigeCreated(SERVICE, "not_delivered", "Nobody came."),
        ),
        (
            "/dispute quality It drips. -- 60.5",
            service("agreed"),
            moderation.LitigeCreated(
                SERVICE, "quality", "It drips.", moderation.Claim(Money(6050, "EUR"))
            ),
        ),
        ("/state I waited.", DISPUTED, moderation.LitigeStatement(DISPUTE, "I waited.")),
        (
            "/settle 60 Let us share.",
            DISPUTED,
            moderation.LitigeStatement(DISPUTE, "Let us share.", Settlement(6000, 6050)),
        ),
        (
            "/accept-settlement",
            DISPUTED,
            moderation.LitigeStatement(
                DISPUTE, accept=moderation.Acceptance(2, Settlement(8000, 4050))
            ),
        ),
    ],
)
def test_a_command_about_rules_is_one_packet(
    typed: str, shown: dict[str, Any], payload: Struct
) -> None:
    """A settlement is named as it was shown; nothing that was not typed is sent."""
    name, _, arguments = typed.partition(" ")
    assert BY_NAME[name].payload(shown, arguments) == payload


def test_a_dispute_is_withdrawn_without_words() -> None:
    """By the name that withdraws an offer."""
    assert WITHDRAW.payload(DISPUTED, "") == moderation.LitigeStatement(DISPUTE, withdraw=True)
    assert WITHDRAW.name in BY_NAME
    assert WITHDRAW.opcode == Op.LITIGE_STATEMENT


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
        ("/state", DISPUTED, "write: /state TEXT"),
        ("/settle", DISPUTED, "write: /settle AMOUNT"),
        ("/settle 120.51", DISPUTED, "more than the agreed price"),
        ("/settle half", DISPUTED, "not a price"),
        ("/accept-settlement", dispute(), "no settlement is offered"),
    ],
)
def test_what_is_typed_wrongly_about_rules_is_not_sent(
    typed: str, shown: dict[str, Any], why: str
) -> None:
    """The message says what to write instead."""
    name, _, arguments = typed.partition(" ")
    with pytest.raises(UsageError, match=why):
        BY_NAME[name].payload(shown, arguments)


def test_reasons_are_those_of_the_rules() -> None:
    """A reason that the service would not know is refused before it is sent, and no other."""
    assert list(get_args(moderation.ReportReason)) == [str(one) for one in reasons.ReportReason]
    assert list(get_args(moderation.DisputeReason)) == [str(one) for one in reasons.DisputeReason]
