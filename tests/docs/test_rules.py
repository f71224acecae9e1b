"""Documents are what the rules say: their tables are in them."""

from collections.abc import Sized
from types import ModuleType

import pytest

from docs import generate_moderation, generate_negotiation, generate_operations
from moderation_service.domain.case.transitions import CASE_TRANSITIONS
from moderation_service.domain.dispute.transitions import DISPUTE_TRANSITIONS
from negotiation_service.domain.transitions import TRANSITIONS

GENERATORS = (generate_negotiation, generate_moderation, generate_operations)
DRIFT: dict[ModuleType, dict[str, str]] = {
    generate_operations: {
        "negotiation PlaceHold | | | | yes": "negotiation PlaceHold | yes | | | yes",
        "| moderation EraseUser | | | | | yes | |": "| moderation EraseUser | | | | | | yes |",
    },
    generate_negotiation: {
        "at most 3 times": "at most 4 times",
        "offered --> agreed: agreed": "offered --> delivered: agreed",
        "free --> held: held": "free --> held: seized",
        "| completion | 7 days |": "| completion | 8 days |",
        "| `deliver` | 0xE4 delivered |": "| `deliver` | 0xE4 completed |",
    },
    generate_moderation: {
        "claimed --> open: released": "claimed --> decided: released",
        "in_review --> actioned: violation_found": "in_review --> received: violation_found",
        "under_review --> resolved_pending:": "under_review --> resolved:",
        "| muted | account | until a time |": "| muted | account | until lifted |",
        "| critical | 4 h |": "| critical | 5 h |",
        "| EraseUser | | | | yes |": "| EraseUser | | yes | | yes |",
        "| how long a claim lasts | 30 min |": "| how long a claim lasts | 1 h |",
    },
}


def document(generator: ModuleType) -> str:
    text: str = generator.DOCUMENT.read_text("utf-8")
    return text


@pytest.mark.parametrize("generator", GENERATORS)
def test_generated_parts_are_what_the_rules_say(generator: ModuleType) -> None:
    """A changed row, guard, measure or limit fails here until the document is generated anew."""
    assert generator.generate(document(generator)) == document(generator)


@pytest.mark.parametrize(
    ("generator", "true", "false"),
    [(one, true, false) for one, pairs in DRIFT.items() for true, false in pairs.items()],
)
def test_drift_is_found(generator: ModuleType, true: str, false: str) -> None:
    """What is documented otherwise than it is coded comes back as it is coded."""
    spoiled = document(generator).replace(true, false)
    assert spoiled != document(generator)
    assert generator.generate(spoiled) == document(generator)


@pytest.mark.parametrize(
    ("generator", "name", "rows"),
    [
        (generate_negotiation, "transitions", TRANSITIONS),
        (generate_moderation, "cases", CASE_TRANSITIONS),
        (generate_moderation, "disputes", DISPUTE_TRANSITIONS),
    ],
)
def test_every_transition_has_its_line(generator: ModuleType, name: str, rows: Sized) -> None:
    """The tables of the documents can be read against those of the code line by line."""
    _, _, rest = document(generator).partition(f"<!-- {name}: generated -->")
    table, _, _ = rest.partition(f"<!-- {name}: end -->")
    lines = [line for line in table.splitlines() if line.startswith("| ")]
    assert len(lines) == 1 + len(rows)


@pytest.mark.parametrize("generator", [generate_negotiation, generate_moderation])
def test_what_has_no_words_is_an_error(
    generator: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal, measure, timer, step or limit that nobody explained does not slip in."""
    words = dict(generator.REFUSALS)
    words.popitem()
    monkeypatch.setattr(generator, "REFUSALS", words)
    with pytest.raises(ValueError, match="without words"):
        generator.check_words()
