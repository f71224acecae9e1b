"""What the slash commands about reports, appeals and disputes send.

`shown` is what each is about as it was last shown: a message by its id, a decision, a service, a
dispute. A settlement is accepted by its number and what it says, as it was on the screen.
"""

from collections.abc import Mapping
from typing import Any

from command_line.client.payloads import Payload, UsageError, WrongArgumentsError, optional
from command_line.display.money import decimals_of, parse_amount

REPORT_REASONS = (
    *("spam", "scam", "harassment", "hate", "sexual", "violence", "self_harm", "illegal_goods"),
    *("off_platform_payment", "impersonation", "privacy", "other"),
)
DISPUTE_REASONS = ("not_delivered", "not_as_agreed", "quality", "payment", "no_show", "other")


def report(shown: Mapping[str, Any], arguments: str) -> Payload:
    """A report of a message, or of the conversation."""
    reason, _, comment = arguments.partition(" ")
    _check_reason(reason, REPORT_REASONS)
    if reason == "other" and not comment.strip():
        raise UsageError("the reason other needs a comment")
    return {**shown, "reason": reason, **optional("comment", comment)}


def appeal(shown: Mapping[str, Any], arguments: str) -> Payload:
    """An appeal against a decision."""
    if not arguments:
        raise WrongArgumentsError
    return {"decision": shown["decision"], "text": arguments}


def dispute(shown: Mapping[str, Any], arguments: str) -> Payload:
    """A dispute about a service, behind -- with what the client is to have back."""
    reason, _, text = arguments.partition(" ")
    _check_reason(reason, DISPUTE_REASONS)
    statement, _, refund = text.partition(" -- ")
    if not statement.strip():
        raise WrongArgumentsError
    claim = {}
    if refund.strip():
        amount = parse_amount(refund.strip(), shown["currency"], shown["exponent"])
        claim = {"claim": {"refund": amount}}
    return {"service": shown["service"], "reason": reason, "statement": statement.strip(), **claim}


def state(shown: Mapping[str, Any], arguments: str) -> Payload:
    """One's case in a dispute."""
    if not arguments:
        raise WrongArgumentsError
    return {"dispute": shown["dispute"], "text": arguments}


def settle(shown: Mapping[str, Any], arguments: str) -> Payload:
    """A settlement: so much for the provider, and the rest of the price back to the client."""
    amount, _, text = arguments.partition(" ")
    if not amount:
        raise WrongArgumentsError
    price = shown["price"]
    currency = price["currency"]
    provider = parse_amount(amount, currency, decimals_of(currency))["amount_minor"]
    client = price["amount_minor"] - provider
    if client < 0:
        raise UsageError("that is more than the agreed price")
    settlement = {"provider_minor": provider, "client_minor": client}
    return {"dispute": shown["dispute"], "settlement": settlement, **optional("text", text)}


def accept_settlement(shown: Mapping[str, Any], arguments: str) -> Payload:
    """The newest settlement as it was shown."""
    if not shown["offers"]:
        raise UsageError("no settlement is offered; /settle AMOUNT offers one")
    newest = shown["offers"][-1]
    accept = {"offer": newest["number"], "settlement": newest["settlement"]}
    return {"dispute": shown["dispute"], "accept": accept, **optional("text", arguments)}


def withdraw(shown: Mapping[str, Any], arguments: str) -> Payload:
    """The end of a dispute that one has opened."""
    if arguments:
        raise WrongArgumentsError
    return {"dispute": shown["dispute"], "withdraw": True}


def _check_reason(reason: str, reasons: tuple[str, ...]) -> None:
    if not reason:
        raise WrongArgumentsError
    if reason not in reasons:
        raise UsageError(f"not a reason: {reason}; write one of {', '.join(reasons)}")
