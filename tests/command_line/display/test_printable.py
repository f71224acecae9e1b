"""Texts of others on a line of the terminal: harmless to it, and otherwise as it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from command_line.display.printable import cut, printable, width_of

# As people write: French, Persian, Japanese, emoji joined, of flags, with a tone, and of a Unicode
# that is newer than this Python.
ORDINARY = [
    "Ménage\u00a0: 2\u202fh",
    "می\u200cرود",
    "大掃除\u3000二時間",
    "👨\u200d👩\u200d👧 🇫🇷 👍🏽 \U0001fae8",
    "שלום\u200f!",
]


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_is_shown_as_it_is(text: str) -> None:
    assert printable(text) == text


def test_what_others_write_cannot_control_the_terminal() -> None:
    """Escape sequences and other control characters lose their power; line ends stay visible."""
    assert printable("a\x1b[2Jb\x07\x9bc\r\nd\u2028e\tf\ud800") == "a�[2Jb��c ⏎ d ⏎ e f�"


def test_a_text_cannot_turn_the_rest_of_the_line() -> None:
    """An override is seen; what comes with a telephone number that is pasted does no harm."""
    assert printable("\u202egnp.exe") == "�gnp.exe"
    assert printable("\u202a+33 6\u202c \u2067a\u2069") == "+33 6 a"


@given(st.text(), st.integers(min_value=1, max_value=40))
def test_a_cut_text_is_no_wider_and_whole_where_it_fits(text: str, columns: int) -> None:
    shown = printable(text)
    kept = cut(shown, columns)
    assert 0 <= width_of(kept) <= columns
    assert (kept == shown) == (width_of(shown) <= columns)


def test_an_emoji_of_several_characters_is_never_cut_apart() -> None:
    assert cut("ab👨\u200d👩\u200d👧", 3) == "ab…"
    assert cut("👨\u200d👩\u200d👧bcd", 4) == "👨\u200d👩\u200d👧b…"
