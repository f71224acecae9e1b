"""Documents whose tables are generated: each stands between two comments that bear its name."""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path


def fill(document: str, name: str, lines: Iterable[str]) -> str:
    """The document with what stands between the markers of `name` made anew."""
    begin, end = f"<!-- {name}: generated -->\n", f"<!-- {name}: end -->\n"
    before, found_begin, rest = document.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found_begin or not found_end:
        raise ValueError(f"the document has lost the markers of {name}")
    table = "\n".join(lines).strip()
    return f"{before}{begin}\n{table}\n\n{end}{after}"


def run(document: Path, generate: Callable[[str], str], arguments: list[str]) -> int:
    """Write the document, or compare it; returns the exit status: 1 when --check finds drift."""
    present = document.read_text("utf-8")
    fresh = generate(present)
    if fresh == present:
        return 0
    if "--check" in arguments:
        program = f"docs/generate_{document.stem}.py"
        sys.stderr.write(f"drift: docs/{document.name}; run `python {program}`\n")
        return 1
    document.write_text(fresh, "utf-8")
    return 0
