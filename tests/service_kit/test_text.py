"""Texts, blanks, lines and names."""

import sys
import unicodedata

import pytest
import unicodedata2
from hypothesis import given
from hypothesis import strategies as st

from service_kit.text import is_blank, is_line, is_name, is_text

# As people write: French with both of its narrow spaces, Persian with a non-joiner, Japanese with
# its wide space, emoji joined, of flags, with a tone, of several keys, and of a newer Unicode.
ORDINARY = [
    "M\u00e9nage\u00a0: 2\u202fh",
    "\u0645\u06cc\u200c\u0631\u0648\u062f",
    "\u5927\u6383\u9664\u3000\u4e8c\u6642\u9593",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\U0001f1eb\U0001f1f7 \U0001f44d\U0001f3fd 1\ufe0f\u20e3",
    "\U0001fae8",
]


@pytest.mark.parametrize("value", ORDINARY)
def test_what_people_write_is_a_line_and_a_name(value: str) -> None:
    assert is_text(value)
    assert is_line(value)
    assert is_name(value)
    assert not is_blank(value)


def test_a_line_may_have_marks_of_direction_and_a_name_not() -> None:
    """As they come with a telephone number that is pasted, or with Hebrew beside Latin."""
    for value in ("\u202a+33 6\u202c", "\u05e9\u200f!", "soft\xadhyphen", "\u2068a\u2069"):
        assert is_line(value)
        assert not is_name(value)
    assert not is_line("\u202egnp.exe")


@pytest.mark.parametrize(
    "value",
    [
        "\u200b",
        "\u3164",
        "\u2800",
        "\ufeff",
        "\u2060",
        "\u00ad",
        "\u034f",
        "\u180e",
        "\u115f",
        "\U000e0020",
        "\u200d\ufe0f",
        "\U00013441\U00016fe4\U0001d159",
        "",
        " \t\r\n\u00a0\u3000\u2028",
    ],
)
def test_where_nothing_can_be_seen_it_is_blank(value: str) -> None:
    assert is_blank(value)
    assert not is_name(value)
    assert not is_blank(f"{value}.")


def test_a_format_character_is_blank_unless_it_is_drawn() -> None:
    """Those that remain are the signs put before numbers in Arabic, Syriac and Kaithi."""
    drawn = {
        character
        for character in map(chr, range(sys.maxunicode + 1))
        if unicodedata2.category(character) in {"Cc", "Cf", "Zl", "Zp", "Zs"}
        and not is_blank(character)
    }
    assert drawn == set(
        "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
    )


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0")))
def test_every_text_without_nul_is_text(value: str) -> None:
    assert is_text(value)
    assert not is_text(f"{value}\0")
    assert not is_text(f"{value}\ud83d")
    assert is_line(value) or any(
        unicodedata.category(one) in {"Cc", "Zl", "Zp"} or one in "\u202d\u202e" for one in value
    )
