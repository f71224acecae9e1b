"""Packets as lines."""

import pytest

from command_line.demo.transcript import line, packet_name
from parley_client.packets import Packet
from parley_protocol.packets import Op
from tests.command_line.deals import LATER
from tests.command_line.rulings import dispute, sanction, settlement_of_bob


def test_a_packet_is_one_aligned_line() -> None:
    """User, direction, number, name, the id that replies repeat, payload."""
    sent = line("alice", "=>", Packet(Op.PONG, {"cur": "abc"}, id=7))
    received = line("bob", "<=", Packet(Op.HELLO, {"user": "bob"}, re=7, cursor="c" * 60))
    assert sent.startswith("alice => 0x02 PONG ")
    assert received.startswith("bob   <= 0x03 HELLO ")
    assert sent.index("{") == received.index("{")
    assert "#7" in sent
    assert "#7" in received
    assert received.endswith("cur cccccccc…cccccccc")


def test_long_values_are_shortened_and_tokens_left_out() -> None:
    """Ids keep their distinct end; a token never reaches the screen."""
    secret = "eyJhbGciOiJIUzI1NiJ9.payload.signature"
    shown = line("alice", "=>", Packet(Op.RENEW_TOKEN, {"token": secret}))
    assert "eyJ" not in shown
    assert "[redacted]" in shown
    message = {
        "message": "019ab3c2-0000-7000-8000-0000deadbeef",
        "created_at": "2026-11-23T11:31:38.004Z",
        "nested": [{"text": "x" * 500}, {}, {}],
    }
    shown = line("alice", "<=", Packet(Op.ALERT_NEW_MSG, message))
    assert "…deadbeef" in shown
    assert "…11:31:38.004Z" in shown
    assert "… 2 more" in shown
    assert "x" * 30 in shown
    assert len(shown) < 200


def test_a_packet_newer_than_the_table_is_shown_by_number() -> None:
    """A later server does not break an older client."""
    assert packet_name(0x7F) == "(unknown)"
    assert "0x7F" in line("alice", "<=", Packet(0x7F, {}))


def test_a_service_is_shown_by_what_matters() -> None:
    """Prices with their decimals and the actions in words; neither times nor what is empty."""
    service = {
        "service": "019ab3c2-0000-7000-8000-0000deadbeef",
        "title": "Repair the kitchen tap",
        "state": "completed",
        "currency": "EUR",
        "exponent": 2,
        "agreed": {
            "price": {"amount_minor": 11000, "currency": "EUR"},
            "version": 1,
            "at": "2026-11-23T11:31:38.004Z",
        },
        "settlement": {"provider_minor": 11000, "client_minor": 0},
        "notes": {},
        "deadlines": {"dispute": "2026-12-07T11:31:38.004Z"},
        "allowed_actions": ["submit_note"],
    }
    changed = {"service": service, "cause": "completed"}
    shown = line("alice", "<=", Packet(Op.UPDATE_CONVERSATION_DATAS, changed))
    assert shown.endswith(
        '{"cause": "completed", "service": {"service": "…deadbeef", '
        '"title": "Repair the kitchen tap", "state": "completed", '
        '"agreed": {"price": "110.00 EUR", "version": 1}, '
        '"settlement": {"provider": "110.00 EUR", "client": "0.00 EUR"}, '
        '"allowed_actions": ["submit_note"]}}'
    )


@pytest.mark.parametrize(
    ("currency", "shown"),
    [("JPY", '"11000 JPY"'), ("KWD", '"11.000 KWD"'), ("??", '"11000 minor units of ??"')],
)
def test_a_price_has_the_decimals_of_its_currency(currency: str, shown: str) -> None:
    """Also where the packet does not say how many; an unknown currency is shown as it came."""
    price = {"amount_minor": 11000, "currency": currency}
    assert shown in line("alice", "=>", Packet(Op.PRICE_EDITED, {"price": price}))


def test_an_error_is_shown_whole_with_how_the_service_stands() -> None:
    """Its message is not shortened, for an id in it is to be found in the log."""
    error = {
        "code": "STALE_OFFER",
        "message": "m" * 100,
        "current": {"state": "offered", "created_at": "now", "allowed_actions": ["accept"]},
    }
    shown = line("alice", "<=", Packet(Op.ERROR, error))
    assert "m" * 100 in shown
    assert '"current": {"state": "offered", "allowed_actions": ["accept"]}' in shown


def test_of_a_dispute_what_matters_is_shown() -> None:
    """The cause first, then the state and the statements; not its times and parties."""
    packet = Packet(
        Op.UPDATE_CONVERSATION_DATAS,
        {
            "conversation": "k",
            "cause": "stated",
            "dispute": dispute(offers=[settlement_of_bob()], due_at=LATER, refusal=""),
        },
    )
    shown = line("alice", "<=", packet)
    assert '{"cause": "stated"' in shown
    assert '"state": "open", "reason": "not_delivered", "statements": [{"by": "alice"' in shown
    for absent in ("provider", "due_at", "refusal"):
        assert f'"{absent}"' not in shown


def test_of_a_restriction_the_reasons_are_shown() -> None:
    """The rest of the statement is in the packet all the same."""
    shown = line("bob", "<=", Packet(Op.SANCTION, sanction()))
    reasons = (
        '"statement": {"facts": "Insulted the other.", "rule": "Terms 4.2", "ground": "terms"}'
    )
    assert reasons in shown
