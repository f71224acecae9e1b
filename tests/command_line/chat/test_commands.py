"""The slash commands: what each sends about what is shown, and what is refused before."""

from typing import Any

import pytest

from command_line.chat.commands import BY_NAME, COMMANDS, HELP, choices, dispute_choices
from command_line.chat.payloads import UsageError
from command_line.client.packets import Opcode
from tests.command_line.deals import CONVERSATION, SERVICE, euros, offer, service

OFFERED = service(offer=offer(2, 12050, "bob"))
AGREED = service("agreed")
AMENDED = service("agreed", amendment=offer(3, 13000, "bob"))
PLACE = {"conversation": CONVERSATION}
ABOUT = {"service": SERVICE}


@pytest.mark.parametrize(
    ("typed", "shown", "opcode", "payload"),
    [
        (
            "/offer 120.50 EUR Repair the tap",
            PLACE,
            Opcode.SERVICE_CREATED,
            {**PLACE, "role": "provider", "title": "Repair the tap", "price": euros(12050)},
        ),
        (
            "/request 100 eur Repair the tap -- It drips.",
            PLACE,
            Opcode.SERVICE_CREATED,
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
            Opcode.NEGOTIATION_END,
            {**ABOUT, "outcome": "agreed", "offer": 2, "price": euros(12050)},
        ),
        ("/accept", AMENDED, Opcode.NEGOTIATION_END, {"offer": 3, "price": euros(13000)}),
        ("/decline", OFFERED, Opcode.NEGOTIATION_END, {"outcome": "declined", "offer": 2}),
        ("/withdraw", OFFERED, Opcode.NEGOTIATION_END, {"outcome": "withdrawn", "offer": 2}),
        (
            "/counter 95.5 Without the valve",
            OFFERED,
            Opcode.PRICE_EDITED,
            {**ABOUT, "price": euros(9550), "base_offer": 2, "note": "Without the valve"},
        ),
        ("/counter 95 EUR", OFFERED, Opcode.PRICE_EDITED, {"price": euros(9500)}),
        ("/counter 95 eur in all", OFFERED, Opcode.PRICE_EDITED, {"note": "in all"}),
        ("/counter 95 NEW valve", OFFERED, Opcode.PRICE_EDITED, {"note": "NEW valve"}),
        ("/counter 99", AMENDED, Opcode.PRICE_EDITED, {"base_offer": 3}),
        ("/amend 130", AGREED, Opcode.PRICE_EDITED, {"price": euros(13000), "base_offer": 0}),
        ("/amend 130", AMENDED, Opcode.PRICE_EDITED, {"base_offer": 3}),
        ("/deliver", AGREED, Opcode.SERVICE_TERMINATED, {**ABOUT, "outcome": "delivered"}),
        ("/complete", AGREED, Opcode.SERVICE_TERMINATED, {"outcome": "completed"}),
        (
            "/reopen It still drips",
            AGREED,
            Opcode.SERVICE_TERMINATED,
            {"outcome": "reopened", "reason": "It still drips"},
        ),
        ("/cancel", AGREED, Opcode.SERVICE_TERMINATED, {**ABOUT, "outcome": "cancelled"}),
        ("/cancel Ill", AGREED, Opcode.SERVICE_TERMINATED, {"reason": "Ill"}),
        ("/rate 5", AGREED, Opcode.NOTE_SUBMITTED, {**ABOUT, "score": 5}),
        ("/rate 1 Too late", AGREED, Opcode.NOTE_SUBMITTED, {"score": 1, "comment": "Too late"}),
    ],
)
def test_a_command_is_one_packet(
    typed: str, shown: dict[str, Any], opcode: Opcode, payload: dict[str, Any]
) -> None:
    """What lies on the table is named as it is shown; nothing that was not typed is sent."""
    name, _, arguments = typed.partition(" ")
    assert BY_NAME[name].opcode == opcode
    sent = BY_NAME[name].payload(shown, arguments)
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
    """What `allowed_actions` of a service may name is offered as a command."""
    table = pytest.importorskip("negotiation_service.domain.transitions")
    actions = {row.action for row in table.TRANSITIONS if row.action}
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
