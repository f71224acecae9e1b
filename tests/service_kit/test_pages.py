"""Sizes of pages, and their tokens."""

from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service_kit.pages import NEWEST, bounded_size, decode_token, encode_token
from service_kit.rules import Refusal


def test_a_size_is_bounded() -> None:
    """0 is what the service likes, too much is less, and a negative one is a mistake."""
    assert (bounded_size(0, 200), bounded_size(7, 200), bounded_size(201, 200)) == (50, 7, 200)
    assert bounded_size(0, 20) == 20
    assert isinstance(bounded_size(-1, 200), Refusal)


@given(st.integers(0, NEWEST), st.lists(st.text("abc-", max_size=5), max_size=2))
def test_a_token_comes_back_as_it_was(number: int, rest: list[str]) -> None:
    """A place is a number and what else tells it from others."""
    assert decode_token(encode_token(number, *rest), 1 + len(rest)) == (number, rest)


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "\N{CAT FACE}",
        "====",
        encode_token(1, "x"),
        encode_token(NEWEST + 1),
        encode_token(-1),
        # More digits than Python reads at all.
        urlsafe_b64encode(b"9" * 5_000).decode(),
    ],
)
def test_a_token_that_nobody_gave_out_is_refused(token: str) -> None:
    """Other bytes, other parts, and numbers that no database holds."""
    refusal = decode_token(token, 1)
    assert isinstance(refusal, Refusal)
    assert refusal.field == "page_token"


def test_a_token_with_what_no_database_holds_is_refused() -> None:
    """PostgreSQL knows no NUL in a text."""
    assert isinstance(decode_token(encode_token(1, "a\0b"), 2), Refusal)
