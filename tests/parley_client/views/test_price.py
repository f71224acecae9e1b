"""Prices: whole minor units, typed and written with the decimals of their currency."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley_client.views.price import Price, PriceError

EXPONENTS = st.integers(0, 4)
AMOUNTS = st.integers(-(2**63), 2**63 - 1)


@pytest.mark.parametrize(
    ("text", "currency", "exponent", "minor"),
    [
        ("120.50", "EUR", 2, 12050),
        ("120.5", "EUR", 2, 12050),
        ("120", "EUR", 2, 12000),
        ("0", "EUR", 2, 0),
        ("500", "JPY", 0, 500),
        ("1.005", "KWD", 3, 1005),
    ],
)
def test_an_amount_is_read_with_the_decimals_of_its_currency(
    text: str, currency: str, exponent: int, minor: int
) -> None:
    """Typed amounts become minor units, by the exponent and not by the typing."""
    assert Price.parse(text, currency, exponent) == Price(minor, currency)


@pytest.mark.parametrize(
    "text", ["", "1,50", "1.", ".5", "-1", "+1", "1e3", "1.005", "1 000", "٣", "1" * 16, "1.5 "]
)
def test_what_is_no_amount_is_refused(text: str) -> None:
    """Nothing is guessed, and nothing rounded."""
    with pytest.raises(PriceError):
        Price.parse(text, "EUR", 2)


@given(AMOUNTS.filter(lambda minor: 0 <= minor < 10**15), EXPONENTS)
def test_what_is_written_is_read_again(minor: int, exponent: int) -> None:
    """Writing and reading lose nothing."""
    price = Price(minor, "XYZ", exponent)
    assert Price.parse(price.amount, "XYZ", exponent) == price


@given(AMOUNTS, EXPONENTS)
def test_the_digits_are_those_of_the_amount(minor: int, exponent: int) -> None:
    """Also of amounts beyond what a float holds, and below zero."""
    assert int(Price(minor, "XYZ", exponent).amount.replace(".", "")) == minor


@pytest.mark.parametrize("amount", [120.5, 120.0, "120", True, None])
def test_an_amount_that_is_no_integer_is_refused(amount: Any) -> None:
    """A float is never quite the price; it is refused where the price is made."""
    with pytest.raises(PriceError):
        Price(amount, "EUR")


@pytest.mark.parametrize("exponent", [-1, 10, 10**9])
def test_an_exponent_that_no_currency_has_is_refused(exponent: int) -> None:
    """A number from nowhere does not make a text of any length."""
    with pytest.raises(PriceError):
        Price(1, "EUR", exponent)


def test_without_an_exponent_the_minor_units_are_written() -> None:
    """A price whose decimals nobody has told shows no amount that could be wrong."""
    price = Price(12050, "EUR")
    assert str(price) == "12050 minor units of EUR"
    with pytest.raises(PriceError):
        _ = price.amount
