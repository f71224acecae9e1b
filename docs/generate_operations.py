"""Writes the tables in docs/operations.md: who may call which method, and what the doctor finds;
or checks them.

python docs/generate_operations.py           writes it
python docs/generate_operations.py --check   fails when it is not what the code says
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from command_line.doctor.kinds import Kind
from docs import markers
from service_kit.authentication.callers import MESSAGING, MODERATION, NEGOTIATION, Caller

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "operations.md"
CONTRACTS = {"messaging": MESSAGING, "negotiation": NEGOTIATION, "moderation": MODERATION}


def rows() -> Iterator[tuple[str, ...]]:
    """Each method against each caller."""
    for name, methods in CONTRACTS.items():
        for method, callers in methods.items():
            yield f"{name} {method}", *("yes" if one in callers else "" for one in Caller)


def generate(document: str) -> str:
    """The document with the tables between their markers made anew."""
    called = markers.fill(document, "callers", markers.table(("method", *Caller), *rows()))
    kinds = ((f"`{kind}`", kind.severity, kind.meaning) for kind in Kind)
    heading = ("finding", "severity", "what it means")
    return markers.fill(called, "findings", markers.table(heading, *kinds))


if __name__ == "__main__":
    sys.exit(markers.run(DOCUMENT, generate, sys.argv[1:]))
