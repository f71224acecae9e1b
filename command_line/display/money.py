"""Prices as people type and read them, with the decimals of the currency and never as floats.

How many decimals a minor unit has is for ISO 4217 to say and not for the typing: 500 yen are 500
minor units, 500 euros 50000, and 500 dinars of Kuwait 500000. A service that exists says it of its
currency (`exponent`). For a first price there is only the standard's table, here from the same
package as at the service, so that both have the same one. What has more decimals than its currency
is refused, as is a comma, which means a different thing to different readers.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from parley_protocol.payloads.fields import Money

AMOUNT = re.compile(r"([0-9]{1,15})(?:\.([0-9]+))?")


class MoneyError(ValueError):
    """The text is no amount of this currency; the message says why."""


@cache
def decimals_of(currency: str) -> int:
    """The decimals of a currency by its code (EUR: 2); MoneyError when there is no such one."""
    # Not above: reading the table takes longer than most commands of the program.
    from iso4217 import Currency  # noqa: PLC0415

    try:
        decimals: int | None = Currency(currency).exponent
    except ValueError:
        decimals = None
    if decimals is None:
        # Gold, test codes and the like are in the table as well, without decimals.
        raise MoneyError(f"not a currency of ISO 4217: {currency}; write a code such as EUR")
    return decimals


def parse_amount(text: str, currency: str, decimals: int) -> Money:
    """The price of a typed amount: 120.5 of EUR are 12050 minor units."""
    match = AMOUNT.fullmatch(text)
    if match is None:
        raise MoneyError(f"not a price: {text}; write digits with a point, as 120 or 120.50")
    fraction = match[2] or ""
    if len(fraction) > decimals:
        raise MoneyError(f"{text} has more decimals than {currency}, which has {decimals}")
    minor = int(match[1] + fraction.ljust(decimals, "0"))
    return Money(minor, currency)


def written_amount(minor: int, decimals: int) -> str:
    """Minor units with their decimals: 12050 with 2 is 120.50."""
    digits = f"{minor:0{decimals + 1}d}"
    return f"{digits[:-decimals]}.{digits[-decimals:]}" if decimals else digits


def written(money: Mapping[str, Any], decimals: int) -> str:
    """A price of a packet as text: 120.50 EUR."""
    return f"{written_amount(money['amount_minor'], decimals)} {money['currency']}"


def written_alone(money: Mapping[str, Any]) -> str:
    """A price of a packet that does not say the decimals; they are those of ISO 4217."""
    try:
        return written(money, decimals_of(money["currency"]))
    except MoneyError:
        return f"{money['amount_minor']} minor units of {money['currency']}"
