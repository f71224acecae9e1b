"""Prices as whole numbers of minor units, with the decimals of their currency and never as floats.

How many decimals a minor unit has is for ISO 4217 to say: 500 yen are 500 minor units, 500 euros
50000, and 500 dinars of Kuwait 500000. A deal that exists says it of its currency (`exponent`).
"""

import re
from dataclasses import dataclass, field
from typing import Self

from parley_protocol.payloads.fields import Money

_AMOUNT = re.compile(r"([0-9]{1,15})(?:\.([0-9]+))?")
# More than any currency has; it keeps a number from nowhere from making a text of any length.
_GREATEST_EXPONENT = 9


class PriceError(ValueError):
    """No amount of its currency; the message says why, in words that may be shown."""


@dataclass(frozen=True, slots=True)
class Price:
    """An amount of money: `Price(12050, "EUR")` is 120.50 euros.

    `exponent` is the number of decimals of the minor unit, 2 for EUR, where it is known: prices of
    deals have it. Two prices are equal if amount and currency are; the exponent only writes them.

    >>> Price(12050, "EUR", exponent=2)
    Price(amount_minor=12050, currency='EUR', exponent=2)
    >>> str(Price(12050, "EUR", exponent=2))
    '120.50 EUR'
    >>> Price(12050, "EUR") == Price.parse("120.5", "EUR", exponent=2)
    True
    """

    amount_minor: int
    currency: str
    exponent: int | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Raise PriceError for an amount that is no integer: a float is never quite the price."""
        if type(self.amount_minor) is not int:
            raise PriceError(f"a price is a whole number of minor units, not {self.amount_minor!r}")
        if self.exponent is not None and not 0 <= self.exponent <= _GREATEST_EXPONENT:
            raise PriceError(f"no currency has {self.exponent} decimals")

    @classmethod
    def parse(cls, text: str, currency: str, exponent: int) -> Self:
        """Read a typed amount: "120.5" of EUR, whose exponent is 2, are 12050 minor units.

        Raises PriceError for what has more decimals than its currency, and for a comma, which
        means a different thing to different readers.
        """
        match = _AMOUNT.fullmatch(text)
        if match is None:
            raise PriceError(f"not a price: {text}; write digits with a point, as 120 or 120.50")
        fraction = match[2] or ""
        if len(fraction) > exponent:
            raise PriceError(f"{text} has more decimals than {currency}, which has {exponent}")
        return cls(int(match[1] + fraction.ljust(exponent, "0")), currency, exponent)

    @property
    def amount(self) -> str:
        """The amount alone, with its decimals: "120.50". Raises PriceError without an exponent."""
        if self.exponent is None:
            raise PriceError(f"the decimals of {self.currency} are not known here")
        digits = f"{abs(self.amount_minor):0{self.exponent + 1}d}"
        if self.exponent:
            digits = f"{digits[: -self.exponent]}.{digits[-self.exponent :]}"
        return f"-{digits}" if self.amount_minor < 0 else digits

    @property
    def money(self) -> Money:
        """The price as packets have it."""
        return Money(self.amount_minor, self.currency)

    def __str__(self) -> str:
        if self.exponent is None:
            return f"{self.amount_minor} minor units of {self.currency}"
        return f"{self.amount} {self.currency}"
