"""The one form of names."""

import unicodedata2
from hypothesis import given
from hypothesis import strategies as st

from service_kit.names import normalise
from service_kit.text import is_text


@given(st.text())
def test_what_is_normalised_stays_so(value: str) -> None:
    once = normalise(value)
    assert normalise(once) == once
    assert is_text(once) == is_text(value)


def test_one_name_has_one_form() -> None:
    """Composed and decomposed, in Latin, Korean, and a script that this Python may not know."""
    assert normalise("Zoe\u0308") == normalise("Zo\u00eb") == "Zo\u00eb"
    assert normalise("\u1112\u1161\u11ab") == "\ud55c"
    assert normalise("\U000105d2\u0307") == "\U000105c9"


def test_the_properties_are_pinned() -> None:
    """Another version changes what names are the same: it is looked at, and this line changed."""
    assert unicodedata2.unidata_version == "18.0.0"
