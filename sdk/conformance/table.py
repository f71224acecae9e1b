"""The table of docs/conformance.md: what each library survives."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from conformance.run import Result
from conformance.scenario import Scenario

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "conformance.md"
BEGIN, END = "<!-- results: generated -->", "<!-- results: end -->"
_MARKS = {"passed": "yes", "failed": "**no**", "not supported": "-"}


def make_table(scenarios: Sequence[Scenario], results: Mapping[str, Sequence[Result]]) -> str:
    """A row for each scenario, a column for each library."""
    marks = {
        adapter: {one.scenario: _MARKS[one.status] for one in each}
        for adapter, each in results.items()
    }
    lines = [
        f"| scenario | what happens | {' | '.join(results)} |",
        f"|---|---|{'---|' * len(results)}",
    ]
    for one in scenarios:
        cells = " | ".join(marks[adapter].get(one.name, "") for adapter in results)
        lines.append(f"| `{one.name}` | {one.title} | {cells} |")
    return "\n".join(lines)


def write_table(scenarios: Sequence[Scenario], results: Mapping[str, Sequence[Result]]) -> None:
    """Write the table into the document."""
    text = DOCUMENT.read_text("utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    table = make_table(scenarios, results)
    DOCUMENT.write_text(f"{before}{BEGIN}\n\n{table}\n\n{END}{after}", "utf-8")
