"""The table of docs/conformance.md: what each library survives."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from conformance.run import Result
from conformance.scenario import Scenario
from docs import markers

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "conformance.md"
_MARKER = "results"
_MARKS = {"passed": "yes", "failed": "**no**", "not supported": "-"}
_ROW = re.compile(r"^\| `([\w-]+)` \|", re.MULTILINE)


def fill_table(
    document: str, scenarios: Sequence[Scenario], results: Mapping[str, Sequence[Result]]
) -> str:
    """The document with a row for each scenario, and in it a cell for each library."""
    marks = {
        library: {one.scenario: _MARKS[one.status] for one in each}
        for library, each in results.items()
    }
    rows = [
        (f"`{one.name}`", one.title, *(marks[library].get(one.name, "") for library in results))
        for one in scenarios
    ]
    heading = ("scenario", "what happens", *results)
    return markers.fill(document, _MARKER, markers.table(heading, *rows))


def write_table(scenarios: Sequence[Scenario], results: Mapping[str, Sequence[Result]]) -> None:
    """Write the table into the document."""
    text = DOCUMENT.read_text("utf-8")
    DOCUMENT.write_text(fill_table(text, scenarios, results), "utf-8")


def names_in(document: str) -> list[str]:
    """The scenarios that the table of a document names."""
    _, _, rest = document.partition(f"<!-- {_MARKER}: generated -->")
    table, _, _ = rest.partition(f"<!-- {_MARKER}: end -->")
    return _ROW.findall(table)
