"""Cursors survive the way to the client and back, and hostile ones are refused."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.cursors import BadCursorError, Position, decode, encode

_words = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=36)
_positions = st.dictionaries(
    _words, st.builds(Position, _words, st.integers(min_value=0, max_value=10**18 - 1)), max_size=4
)


@given(_positions)
def test_a_cursor_comes_back_as_it_was_made(positions: dict[str, Position]) -> None:
    """Every position of every service is kept."""
    assert decode(encode(positions)) == positions


@given(_positions)
def test_a_cursor_needs_no_escaping_in_a_url(positions: dict[str, Position]) -> None:
    """It goes into `?resume=` as it is."""
    cursor = encode(positions)
    assert all(character.isalnum() or character in "-_" for character in cursor)
    assert cursor.isascii()


def test_the_order_of_services_does_not_matter() -> None:
    """Two edges make the same cursor of the same positions."""
    first, second = Position("e", 1), Position("f", 2)
    assert encode({"a": first, "b": second}) == encode({"b": second, "a": first})


def test_no_positions_make_an_empty_cursor() -> None:
    """Before the first position is known there is nothing to keep."""
    assert encode({}) == ""
    assert decode("") == {}


@given(st.text(max_size=200))
def test_any_text_is_a_cursor_or_a_bad_cursor(text: str) -> None:
    """Nothing but the named error comes of hostile text."""
    try:
        decode(text)
    except BadCursorError:
        return


@given(st.binary(max_size=100))
def test_any_content_is_a_cursor_or_a_bad_cursor(content: bytes) -> None:
    """The same for what hides behind a right encoding."""
    try:
        decode(base64.urlsafe_b64encode(content).decode().rstrip("="))
    except BadCursorError:
        return


@pytest.mark.parametrize(
    "plain",
    [
        "messaging",
        "messaging:e",
        "messaging:e:",
        "messaging:e:-1",
        "messaging:e:1.5",
        "messaging:e:0x10",
        "messaging:e:1:2",
        "messaging:e: 1",
        "messaging:e:1000000000000000000",
        "messaging:e:" + "9" * 5000,
    ],
)
def test_positions_of_another_form_are_refused(plain: str) -> None:
    """A revision is a decimal number that fits 64 bits."""
    with pytest.raises(BadCursorError):
        decode(base64.urlsafe_b64encode(plain.encode()).decode().rstrip("="))


@pytest.mark.parametrize("text", ["=", "A", "A===", "AB CD", "AB+/", "\ud800", "\u00e9", "%41"])
def test_texts_of_another_encoding_are_refused(text: str) -> None:
    """Only what this server could have written is read."""
    with pytest.raises(BadCursorError):
        decode(text)
