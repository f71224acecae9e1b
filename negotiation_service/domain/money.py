"""Money: an integer of minor units with an ISO 4217 code."""

from typing import NamedTuple

from negotiation_service.domain.limits import Limits
from service_kit.rules import Refusal, invalid


class Money(NamedTuple):
    """12050 of EUR is 120.50 euros: how many decimals a minor unit is depends on the currency."""

    amount_minor: int
    currency: str


def check_amount(field: str, money: Money, limits: Limits) -> Refusal | None:
    """A price is positive and not absurd."""
    if money.amount_minor <= 0:
        return invalid(f"{field}.amount_minor", "is not positive")
    if money.amount_minor > limits.max_price:
        return invalid(
            f"{field}.amount_minor", f"is more than {limits.max_price}", "max_price_minor"
        )
    return None


def check_money(field: str, money: Money, limits: Limits) -> Refusal | None:
    """The first price of a deal is also in a currency that there is."""
    if money.currency not in limits.currencies:
        return invalid(f"{field}.currency", "is no currency of ISO 4217")
    return check_amount(field, money, limits)
