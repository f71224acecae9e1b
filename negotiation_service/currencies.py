"""The currencies of ISO 4217, from the library that keeps its table."""

from iso4217 import Currency


def load_currencies() -> dict[str, int]:
    """Give each code with its number of decimals; not gold, test codes and the like."""
    return {
        currency.code: exponent
        for currency in Currency
        if (exponent := currency.exponent) is not None
    }
