"""Documents whose tables and pictures are generated, each between two comments with its name."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any


def fill(document: str, name: str, lines: Iterable[str]) -> str:
    """The document with what stands between the markers of `name` made anew."""
    begin, end = f"<!-- {name}: generated -->\n", f"<!-- {name}: end -->\n"
    before, found_begin, rest = document.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found_begin or not found_end:
        raise ValueError(f"the document has lost the markers of {name}")
    table = "\n".join(lines).strip()
    return f"{before}{begin}\n{table}\n\n{end}{after}"


def run(
    document: Path, generate: Callable[[str], str], arguments: list[str], program: str = ""
) -> int:
    """Write the document, or compare it; returns the exit status: 1 when --check finds drift.

    `program` is named as the document is, unless it is given.
    """
    present = document.read_text("utf-8") if document.exists() else ""
    fresh = generate(present)
    if fresh == present:
        return 0
    if "--check" in arguments:
        program = program or f"generate_{document.stem}.py"
        sys.stderr.write(f"drift: docs/{document.name}; run `python docs/{program}`\n")
        return 1
    document.write_text(fresh, "utf-8")
    return 0


def table(*rows: Iterable[object]) -> Iterator[str]:
    """A table, whose first row is its heading."""
    for index, row in enumerate(rows):
        cells = [str(cell) for cell in row]
        yield "".join(f"| {cell} " if cell else "| " for cell in cells) + "|"
        if index == 0:
            yield "|" + "---|" * len(cells)


def picture(arrows: Iterable[tuple[str, str, str]], ended: Iterable[str] = ()) -> Iterator[str]:
    """A picture of states, from arrows of (from, to, cause); those between the same two are one."""
    causes: dict[tuple[str, str], dict[str, None]] = {}
    for source, target, cause in arrows:
        causes.setdefault((source, target), {})[cause] = None
    yield "```mermaid"
    yield "stateDiagram-v2"
    for (source, target), names in causes.items():
        yield f"    {source} --> {target}: {'<br/>'.join(names)}"
    for state in ended:
        yield f"    {state} --> [*]"
    yield "```"


def check_words(*pairs: tuple[Iterable[str], Iterable[str]]) -> None:
    """Raise ValueError for a thing of the rules without a sentence, or a sentence about nothing."""
    for words, things in pairs:
        if unmatched := {*words} ^ {*things}:
            raise ValueError(f"without words, or words without a thing: {unmatched}")


def refusals(meanings: Mapping[Any, str]) -> Iterator[str]:
    """The table of reasons for refusals."""
    return table(("reason", "meaning"), *((f"`{one}`", text) for one, text in meanings.items()))


def bounds(meanings: Mapping[str, str], defaults: Mapping[str, str]) -> Iterator[str]:
    """The table of limits with their defaults."""
    rows = ((meaning, defaults[name]) for name, meaning in meanings.items())
    return table(("limit", "default"), *rows)
