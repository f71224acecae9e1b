"""Texts that others wrote, made safe for one line of a terminal and otherwise shown as it is."""

import re

from wcwidth import iter_graphemes, wcswidth

# CR LF is one end of a line; the others are those of UAX #14 (BK, CR, LF, NL).
_LINE_ENDS = re.compile("\r\n|[\n\v\f\r\x85\u2028\u2029]")
# They would move the cursor or rename the window; half of a surrogate pair can not be written.
_CONTROLS = re.compile("[\0-\x1f\x7f-\x9f\ud800-\udfff]")

# What turns the direction of text (UAX #9, 2) would turn the rest of the line as well. An override
# is shown, for it makes a text look like another one; embeddings and isolates are left out.
_OVERRIDES = re.compile("[\u202d\u202e]")
_DIRECTIONS = re.compile("[\u202a-\u202c\u2066-\u2069]")


def printable(text: str) -> str:
    """Show a text on one line as it was written: line ends as marks, tabs as spaces, and what would
    control the terminal or the rest of the line replaced.
    """
    line = _LINE_ENDS.sub(" ⏎ ", text).replace("\t", " ")
    return _DIRECTIONS.sub("", _OVERRIDES.sub("�", _CONTROLS.sub("�", line)))


def width_of(text: str) -> int:
    """Give the width of a printable text in columns of a terminal."""
    return wcswidth(text)


def cut(text: str, columns: int) -> str:
    """Cut a printable text with … where it is wider than this many columns."""
    if width_of(text) <= columns:
        return text
    kept, left = "", columns - 1
    # Never within what is seen as one character, such as an emoji of several.
    for one in iter_graphemes(text):
        left -= width_of(one)
        if left < 0:
            break
        kept += one
    return f"{kept}…"
