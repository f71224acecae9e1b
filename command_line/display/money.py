"""Prices as people type and read them, with the decimals of the currency and never as floats.

A service that exists says the decimals of its currency (`exponent`). For a first price there is
only the table of ISO 4217, here from the same package as at the service, so that both have the same
one.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from parley_client.views.price import Price, PriceError
from parley_protocol.payloads.fields import Money


@cache
def decimals_of(currency: str) -> int:
    """The decimals of a currency by its code (EUR: 2); PriceError when there is no such one."""
    # Not above: reading the table takes longer than most commands of the program.
    from iso4217 import Currency  # noqa: PLC0415

    try:
        decimals: int | None = Currency(currency).exponent
    except ValueError:
        decimals = None
    if decimals is None:
        # Gold, test codes and the like are in the table as well, without decimals.
        raise PriceError(f"not a currency of ISO 4217: {currency}; write a code such as EUR")
    return decimals


def parse_amount(text: str, currency: str, decimals: int) -> Money:
    """The price of a typed amount: 120.5 of EUR are 12050 minor units; or PriceError."""
    return Price.parse(text, currency, decimals).money


def written_amount(minor: int, decimals: int) -> str:
    """Minor units with their decimals: 12050 with 2 is 120.50."""
    return Price(minor, "", decimals).amount


def written(money: Mapping[str, Any], decimals: int) -> str:
    """A price of a packet as text: 120.50 EUR."""
    return str(Price(money["amount_minor"], money["currency"], decimals))


def written_alone(money: Mapping[str, Any]) -> str:
    """A price of a packet that does not say the decimals; they are those of ISO 4217."""
    try:
        return written(money, decimals_of(money["currency"]))
    except PriceError:
        return str(Price(money["amount_minor"], money["currency"]))
