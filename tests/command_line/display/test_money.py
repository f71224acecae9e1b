"""Prices: from what people type to minor units and back, for every number of decimals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from command_line.display.money import (
    decimals_of,
    parse_amount,
    written,
    written_amount,
)
from parley_client.views.price import PriceError
from parley_protocol.payloads.fields import Money


@pytest.mark.parametrize(
    ("typed", "currency", "minor"),
    [
        ("120.50", "EUR", 12050),
        ("120.5", "EUR", 12050),
        ("120", "EUR", 12000),
        ("0.05", "EUR", 5),
        ("500", "JPY", 500),
        ("500", "KWD", 500_000),
        ("1.234", "KWD", 1234),
        ("0.0001", "CLF", 1),
        # Too large to be exact as a float.
        ("90071992547409.93", "EUR", 9_007_199_254_740_993),
    ],
)
def test_decimals_are_those_of_the_currency(typed: str, currency: str, minor: int) -> None:
    """The same digits are another number of minor units in another currency."""
    price = parse_amount(typed, currency, decimals_of(currency))
    assert price == Money(minor, currency)


@pytest.mark.parametrize(
    ("typed", "currency"),
    [("500.0", "JPY"), ("120.500", "EUR"), ("1.2345", "KWD")],
)
def test_more_decimals_than_the_currency_has_are_refused(typed: str, currency: str) -> None:
    """Nobody knows whether the point was meant to part thousands, so nothing is rounded."""
    with pytest.raises(PriceError, match=f"more decimals than {currency}"):
        parse_amount(typed, currency, decimals_of(currency))


@pytest.mark.parametrize(
    "typed",
    ["", "-5", "+5", "1e3", "120,50", "1 000", ".5", "5.", "0x10", "nan", "٣", "1" * 16],
)
def test_what_is_no_price_is_refused(typed: str) -> None:
    """Digits with at most one point between them; other digits than ASCII's are none."""
    with pytest.raises(PriceError, match="not a price"):
        parse_amount(typed, "EUR", 2)


@pytest.mark.parametrize("code", ["", "EURO", "eur", "XAU", "XXX"])
def test_what_is_no_currency_is_refused(code: str) -> None:
    """Neither are gold and the code for no currency, which the standard lists without decimals."""
    with pytest.raises(PriceError, match="not a currency"):
        decimals_of(code)


@given(minor=st.integers(0, 10**15 - 1), decimals=st.integers(0, 4))
def test_what_is_written_is_read_as_the_same(minor: int, decimals: int) -> None:
    """No minor unit is lost on the way to the screen and back."""
    text = written_amount(minor, decimals)
    assert len(text.partition(".")[2]) == decimals
    assert parse_amount(text, "EUR", decimals).amount_minor == minor
    assert written({"amount_minor": minor, "currency": "EUR"}, decimals) == f"{text} EUR"
