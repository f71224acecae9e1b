"""What the slash commands send: from what is shown and what was typed to the payloads of packets.

`shown` is a service as it was last shown, or for a new one the `conversation` alone. What lies on
the table is named as it was shown: whoever accepts an offer that has changed meanwhile is refused,
and never agrees to what was not on the screen.
"""

import re
from collections.abc import Mapping
from typing import Any

from command_line.display.money import MoneyError, decimals_of, parse_amount

Payload = dict[str, Any]

REPORT_REASONS = (
    *("spam", "scam", "harassment", "hate", "sexual", "violence", "self_harm", "illegal_goods"),
    *("off_platform_payment", "impersonation", "privacy", "other"),
)
DISPUTE_REASONS = ("not_delivered", "not_as_agreed", "quality", "payment", "no_show", "other")


class UsageError(Exception):
    """What was typed cannot be sent; the message says what could."""


class WrongArgumentsError(Exception):
    """There are too few or too many of them, or one is not what it should be."""


def propose(shown: Mapping[str, Any], arguments: str, *, role: str) -> Payload:
    """A new service in the conversation that is shown; `role` is one's own in it."""
    words = arguments.split(maxsplit=2)
    if len(words) < 3:
        raise WrongArgumentsError
    amount, currency, text = words[0], words[1].upper(), words[2]
    title, _, description = text.partition(" -- ")
    return {
        "conversation": shown["conversation"],
        "role": role,
        "title": title.strip(),
        "price": parse_amount(amount, currency, decimals_of(currency)),
        **_optional("description", description),
    }


def edit_price(shown: Mapping[str, Any], arguments: str, *, amend: bool) -> Payload:
    """Another price than the live one: a counter-offer or, once agreed, an amendment."""
    live = shown.get("offer") or shown.get("amendment")
    if amend and shown["state"] == "offered":
        raise UsageError("nothing is agreed yet; /counter PRICE names another price")
    if not amend and live is None:
        raise UsageError("there is no offer to counter; once agreed, /amend PRICE proposes one")
    amount, _, note = arguments.partition(" ")
    if not amount:
        raise WrongArgumentsError
    currency = shown["currency"]
    return {
        "service": shown["service"],
        "price": parse_amount(amount, currency, shown["exponent"]),
        "base_offer": live["number"] if live else 0,
        **_optional("note", _without_currency(note, currency)),
    }


def _without_currency(note: str, currency: str) -> str:
    """The note without the deal's currency before it; another one there is a misunderstanding."""
    word, _, rest = note.strip().partition(" ")
    if word.upper() == currency:
        return rest
    if re.fullmatch(r"[A-Z]{3}", word):
        try:
            decimals_of(word)
        except MoneyError:
            return note
        raise UsageError(f"this deal is in {currency}, not in {word}")
    return note


def end(shown: Mapping[str, Any], arguments: str, *, outcome: str) -> Payload:
    """About the live offer by its number; to agree also by its price."""
    live = shown.get("offer") or shown.get("amendment")
    if arguments:
        raise WrongArgumentsError
    if live is None:
        raise UsageError("there is no offer on the table")
    price = {"price": live["price"]} if outcome == "agreed" else {}
    return {"service": shown["service"], "outcome": outcome, "offer": live["number"], **price}


def terminate(shown: Mapping[str, Any], arguments: str, *, outcome: str) -> Payload:
    """About the work; only what the other is asked for or told off with has a reason."""
    if arguments and outcome in {"delivered", "completed"}:
        raise WrongArgumentsError
    return {"service": shown["service"], "outcome": outcome, **_optional("reason", arguments)}


def rate(shown: Mapping[str, Any], arguments: str) -> Payload:
    """A note about the other."""
    score, _, comment = arguments.partition(" ")
    if not re.fullmatch(r"[1-5]", score):
        raise WrongArgumentsError
    return {"service": shown["service"], "score": int(score), **_optional("comment", comment)}


def report(shown: Mapping[str, Any], arguments: str) -> Payload:
    """A report of a message, or of the conversation."""
    reason, _, comment = arguments.partition(" ")
    _check_reason(reason, REPORT_REASONS)
    if reason == "other" and not comment.strip():
        raise UsageError("the reason other needs a comment")
    return {**shown, "reason": reason, **_optional("comment", comment)}


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
    return {"dispute": shown["dispute"], "settlement": settlement, **_optional("text", text)}


def accept_settlement(shown: Mapping[str, Any], arguments: str) -> Payload:
    """The newest settlement as it was shown."""
    if not shown["offers"]:
        raise UsageError("no settlement is offered; /settle AMOUNT offers one")
    newest = shown["offers"][-1]
    accept = {"offer": newest["number"], "settlement": newest["settlement"]}
    return {"dispute": shown["dispute"], "accept": accept, **_optional("text", arguments)}


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


def _optional(field: str, text: str) -> Payload:
    """A field with this text, if there is any."""
    text = text.strip()
    return {field: text} if text else {}
