"""docs/moderation.md says what the rules do, because the rules' own tables are in it."""

import pytest

from docs import generate_moderation
from moderation_service.domain.case.transitions import CASE_TRANSITIONS
from moderation_service.domain.dispute.transitions import DISPUTE_TRANSITIONS


@pytest.fixture(scope="module")
def document() -> str:
    return generate_moderation.DOCUMENT.read_text("utf-8")


def test_generated_parts_are_what_the_rules_say(document: str) -> None:
    """A changed row, guard, measure or limit fails here until the document is generated anew."""
    assert generate_moderation.generate(document) == document


@pytest.mark.parametrize(
    ("true", "false"),
    [
        ("claimed --> open: released", "claimed --> decided: released"),
        ("in_review --> actioned: violation_found", "in_review --> received: violation_found"),
        ("under_review --> resolved_pending:", "under_review --> resolved:"),
        ("| muted | account | until a time |", "| muted | account | until lifted |"),
        ("| critical | 4 h |", "| critical | 5 h |"),
        ("| EraseUser | | | | yes |", "| EraseUser | | yes | | yes |"),
        ("| how long a claim lasts | 30 min |", "| how long a claim lasts | 1 h |"),
    ],
)
def test_drift_is_found(document: str, true: str, false: str) -> None:
    """What is documented otherwise than it is coded comes back as it is coded."""
    spoiled = document.replace(true, false)
    assert spoiled != document
    assert generate_moderation.generate(spoiled) == document


@pytest.mark.parametrize(
    ("name", "rows"), [("cases", CASE_TRANSITIONS), ("disputes", DISPUTE_TRANSITIONS)]
)
def test_every_transition_has_its_line(document: str, name: str, rows: tuple[object, ...]) -> None:
    """The tables of the document can be read against those of the code line by line."""
    _, _, rest = document.partition(f"<!-- {name}: generated -->")
    table, _, _ = rest.partition(f"<!-- {name}: end -->")
    lines = [line for line in table.splitlines() if line.startswith("| ")]
    assert len(lines) == 1 + len(rows)


def test_what_has_no_words_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal, measure or limit that nobody explained does not slip in."""
    words = dict(generate_moderation.REFUSALS)
    words.popitem()
    monkeypatch.setattr(generate_moderation, "REFUSALS", words)
    with pytest.raises(ValueError, match="without words"):
        generate_moderation.check_words()
