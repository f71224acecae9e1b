"""Definitions of text, of a blank, a line and a name, the same for every part.

It follows Unicode 18.0, whose properties stand here: the tables of the interpreter change from one
Python to the next.
"""

import re

_NOT_STORED = re.compile("[\0\ud800-\udfff]")

# Control characters (general category Cc), the separators of lines and paragraphs (Zl, Zp), and the
# overrides of direction (UAX #9, 2.2), which make a line look like another one.
_NOT_IN_A_LINE = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\u202d\u202e]")

# What a name must not have, for two that look the same would differ by it, or it would turn the
# direction of what stands beside it (UAX #9, 2): Default_Ignorable_Code_Point but for the joiners
# and variation selectors, with which Persian names, emoji and ideographs are written.
_HIDDEN = re.compile(
    "[\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e00ff\U000e01f0-\U000e0fff]"
)

# Nothing of which can be seen.
_BLANK = re.compile(
    "["
    # Control characters.
    "\0-\x1f\x7f-\x9f"
    # White_Space (PropList.txt), where it is no control character.
    "\x20\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
    # Default_Ignorable_Code_Point (DerivedCoreProperties.txt), also where nothing is assigned yet.
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff"
    # Without a property that says so: the controls of interlinear annotations and of hieroglyphs,
    # and glyphs that are empty by design (Braille pattern blank, Egyptian full and half blank,
    # Khitan filler, null notehead).
    "\ufff9-\ufffb\U00013430-\U0001343f\u2800\U00013441\U00013442\U00016fe4\U0001d159"
    "]*"
)


def is_text(value: str) -> bool:
    """Tell whether a database and a contract can carry it: no NUL, no half of a surrogate pair."""
    return _NOT_STORED.search(value) is None


def is_blank(value: str) -> bool:
    """Tell whether there is nothing to be seen in it."""
    return _BLANK.fullmatch(value) is not None


def is_line(value: str) -> bool:
    """Tell whether it is text on one line: without control characters, line breaks and overrides
    of direction.
    """
    return is_text(value) and _NOT_IN_A_LINE.search(value) is None


def is_name(value: str) -> bool:
    """Tell whether something can be called by it: a line, not blank, with nothing hidden in it."""
    return is_line(value) and not is_blank(value) and _HIDDEN.search(value) is None
