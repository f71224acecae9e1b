"""The one form in which users, roles, subjects and titles are compared and stored."""

from unicodedata2 import normalize

from service_kit.text import is_text

CANARY_FROM, CANARY_TO = "parley-canary-from", "parley-canary-to"
"""The two between whom edges write to find out whether messages come; no token is of them."""


def normalise(name: str) -> str:
    """Give the Normalization Form C (UAX #15), by the tables of the pinned unicodedata2.

    What is no text is left to be refused.
    """
    return name if name.isascii() or not is_text(name) else normalize("NFC", name)
