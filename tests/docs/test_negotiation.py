"""docs/negotiation.md says what the rules do, because the rules' own table is in it."""

import pytest

from docs import generate_negotiation
from negotiation_service.domain.transitions import TRANSITIONS


@pytest.fixture(scope="module")
def document() -> str:
    return generate_negotiation.DOCUMENT.read_text("utf-8")


def test_generated_parts_are_what_the_rules_say(document: str) -> None:
    """A changed row, guard or limit fails here until the document is generated anew."""
    assert generate_negotiation.generate(document) == document


@pytest.mark.parametrize(
    ("true", "false"),
    [
        ("at most 3 times", "at most 4 times"),
        ("offered --> agreed: agreed", "offered --> delivered: agreed"),
        ("free --> held: held", "free --> held: seized"),
        ("| completion | 7 days |", "| completion | 8 days |"),
        ("| `deliver` | 0xE4 delivered |", "| `deliver` | 0xE4 completed |"),
    ],
)
def test_drift_is_found(document: str, true: str, false: str) -> None:
    """What is documented otherwise than it is coded comes back as it is coded."""
    spoiled = document.replace(true, false)
    assert spoiled != document
    assert generate_negotiation.generate(spoiled) == document


def test_every_transition_has_its_line(document: str) -> None:
    """The table of the document can be read against that of the code line by line."""
    _, _, rest = document.partition("<!-- transitions: generated -->")
    table, _, _ = rest.partition("<!-- transitions: end -->")
    lines = [line for line in table.splitlines() if line.startswith("| ")]
    assert len(lines) == 1 + len(TRANSITIONS)


def test_what_has_no_words_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal, timer, step or limit that nobody explained does not slip in."""
    words = dict(generate_negotiation.REFUSALS)
    words.popitem()
    monkeypatch.setattr(generate_negotiation, "REFUSALS", words)
    with pytest.raises(ValueError, match="without words"):
        generate_negotiation.check_words()
