"""The payloads of slash commands, built from what is shown on the screen and what was typed.

`shown` is what the command is about as it was last shown: a service, a dispute, a decision, a
message, or for a new service the conversation. Offers and settlements are named as they were
shown: whoever accepts one that has changed meanwhile is refused, and agrees to nothing unseen.
"""

import re
from collections.abc import Mapping
from typing import Any, Literal, get_args

from msgspec import UNSET, Struct, UnsetType, convert

from command_line.display.money import decimals_of, parse_amount
from parley_client.views.price import PriceError
from parley_protocol.payloads import moderation, negotiation
from parley_protocol.payloads.fields import Money, Settlement
from service_kit.text import is_blank

Shown = Mapping[str, Any]


class UsageError(Exception):
    """Typed text that cannot be sent; the message says what could."""


class WrongArgumentsError(Exception):
    """Too few or too many arguments, or a malformed one."""


def propose(shown: Shown, arguments: str, *, role: Literal["provider", "client"]) -> Struct:
    """A new service in the conversation that is shown; `role` is the user's own in it."""
    words = arguments.split(maxsplit=2)
    if len(words) < 3:
        raise WrongArgumentsError
    amount, currency, text = words[0], words[1].upper(), words[2]
    title, _, description = text.partition(" -- ")
    price = parse_amount(amount, currency, decimals_of(currency))
    return negotiation.ServiceCreated(
        shown["conversation"], role, title.strip(), price, description=_optional(description)
    )


def edit_price(shown: Shown, arguments: str, *, amend: bool) -> Struct:
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
    return negotiation.PriceEdited(
        shown["service"],
        parse_amount(amount, currency, shown["exponent"]),
        live["number"] if live else 0,
        note=_optional(_without_currency(note, currency)),
    )


def _without_currency(note: str, currency: str) -> str:
    """The note without the deal's currency before it; another currency there is a mistake."""
    word, _, rest = note.strip().partition(" ")
    if word.upper() == currency:
        return rest
    if re.fullmatch(r"[A-Z]{3}", word):
        try:
            decimals_of(word)
        except PriceError:
            return note
        raise UsageError(f"this deal is in {currency}, not in {word}")
    return note


def end(
    shown: Shown, arguments: str, *, outcome: Literal["agreed", "declined", "withdrawn"]
) -> Struct:
    """The end of a negotiation by the number of the live offer; to agree also by its price."""
    live = shown.get("offer") or shown.get("amendment")
    if arguments:
        raise WrongArgumentsError
    if live is None:
        raise UsageError("there is no offer on the table")
    price = convert(live["price"], Money) if outcome == "agreed" else UNSET
    return negotiation.NegotiationEnd(shown["service"], outcome, live["number"], price)


def terminate(
    shown: Shown,
    arguments: str,
    *,
    outcome: Literal["delivered", "completed", "reopened", "cancelled"],
) -> Struct:
    """A step of the work; only reopening and cancelling have a reason."""
    if arguments and outcome in {"delivered", "completed"}:
        raise WrongArgumentsError
    return negotiation.ServiceTerminated(shown["service"], outcome, _optional(arguments))


def rate(shown: Shown, arguments: str) -> Struct:
    """A note about the other party."""
    score, _, comment = arguments.partition(" ")
    if not re.fullmatch(r"[1-5]", score):
        raise WrongArgumentsError
    return negotiation.NoteSubmitted(shown["service"], int(score), _optional(comment))


def report(shown: Shown, arguments: str) -> Struct:
    """A report of a message, of a statement in a dispute, or of the conversation."""
    typed, _, comment = arguments.partition(" ")
    reason: moderation.ReportReason = _reason(typed, moderation.ReportReason)
    if reason == "other" and is_blank(comment):
        raise UsageError("the reason other needs a comment")
    if "message" in shown:
        return moderation.ReportMsg(shown["message"], reason, _optional(comment))
    if "number" in shown:
        return moderation.ReportStatement(
            shown["dispute"], shown["number"], reason, _optional(comment)
        )
    return moderation.ReportConversations(shown["conversation"], reason, _optional(comment))


def appeal(shown: Shown, arguments: str) -> Struct:
    """An appeal against a decision."""
    if not arguments:
        raise WrongArgumentsError
    return moderation.SendAppeal(shown["decision"], arguments)


def dispute(shown: Shown, arguments: str) -> Struct:
    """A dispute about a service; the refund that the client claims stands after `--`."""
    typed, _, text = arguments.partition(" ")
    reason: moderation.DisputeReason = _reason(typed, moderation.DisputeReason)
    statement, _, refund = text.partition(" -- ")
    if is_blank(statement):
        raise WrongArgumentsError
    claim: moderation.Claim | UnsetType = UNSET
    if refund.strip():
        claim = moderation.Claim(parse_amount(refund.strip(), shown["currency"], shown["exponent"]))
    return moderation.LitigeCreated(shown["service"], reason, statement.strip(), claim)


def state(shown: Shown, arguments: str) -> Struct:
    """A statement in a dispute."""
    if not arguments:
        raise WrongArgumentsError
    return moderation.LitigeStatement(shown["dispute"], arguments)


def settle(shown: Shown, arguments: str) -> Struct:
    """A settlement: the amount for the provider, and the rest of the price for the client."""
    amount, _, text = arguments.partition(" ")
    if not amount:
        raise WrongArgumentsError
    currency = shown["price"]["currency"]
    provider = parse_amount(amount, currency, decimals_of(currency)).amount_minor
    client = shown["price"]["amount_minor"] - provider
    if client < 0:
        raise UsageError("that is more than the agreed price")
    return moderation.LitigeStatement(
        shown["dispute"], _optional(text), Settlement(provider, client)
    )


def accept_settlement(shown: Shown, arguments: str) -> Struct:
    """The acceptance of the newest settlement as it was shown."""
    if not shown.get("offers"):
        raise UsageError("no settlement is offered; /settle AMOUNT offers one")
    newest = shown["offers"][-1]
    accept = moderation.Acceptance(newest["number"], convert(newest["settlement"], Settlement))
    return moderation.LitigeStatement(shown["dispute"], _optional(arguments), accept=accept)


def withdraw(shown: Shown, arguments: str) -> Struct:
    """The withdrawal of a dispute."""
    if arguments:
        raise WrongArgumentsError
    return moderation.LitigeStatement(shown["dispute"], withdraw=True)


def _reason(typed: str, reasons: Any) -> Any:
    """The typed reason, if it is one of these words."""
    if not typed:
        raise WrongArgumentsError
    if typed not in get_args(reasons):
        raise UsageError(f"not a reason: {typed}; write one of {', '.join(get_args(reasons))}")
    return typed


def _optional(text: str) -> str | UnsetType:
    return text.strip() or UNSET
