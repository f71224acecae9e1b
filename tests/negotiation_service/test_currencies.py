"""The table of currencies comes from the library, and is the one of ISO 4217."""

import re

import pytest

from negotiation_service.currencies import load_currencies


@pytest.mark.parametrize(
    ("code", "decimals"), [("EUR", 2), ("USD", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4)]
)
def test_each_currency_has_its_decimals(code: str, decimals: int) -> None:
    """Not every minor unit is a hundredth."""
    assert load_currencies()[code] == decimals


@pytest.mark.parametrize("code", ["XAU", "XTS", "XXX", "eur", "BTC", ""])
def test_what_nobody_can_pay_with_is_no_currency(code: str) -> None:
    """Gold, the test code, no currency, and what is not written as a code."""
    assert code not in load_currencies()


def test_there_are_all_of_them() -> None:
    """Over 150 codes of three capital letters."""
    currencies = load_currencies()
    assert len(currencies) > 150
    assert all(re.fullmatch("[A-Z]{3}", code) for code in currencies)
    assert {*currencies.values()} == {0, 2, 3, 4}
