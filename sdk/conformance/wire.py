"""The record of a line: every packet that passed, and what became of its connections."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from conformance.faults import CLIENT
from conformance.frames import name_of

_LONGEST_SHOWN = 2_000
_SHOWN_OF_CURSOR = 24

Kind = Literal["=>", "<=", "opened", "answered", "ended", "fault", "started", "killed", "told"]


class Passed(NamedTuple):
    """A packet that passed, or what a connection met with.

    `at` is in seconds of `time.time`; `connection` counts from 1. `opened` bears the path asked
    for and, once it was answered, the status; `ended` how it ended and a close code if there was
    one; `fault` what the proxy did; `started`, `killed` and `told` are of the adapter's process.
    """

    at: float
    connection: int
    kind: Kind
    packet: Mapping[str, Any] = MappingProxyType({})
    detail: str = ""
    status: int = 0


class Wire:
    """The record of one device's lines, of all its connections and processes."""

    def __init__(self) -> None:
        self.passed: list[Passed] = []

    def note(
        self,
        kind: Kind,
        connection: int = 0,
        *,
        packet: dict[str, Any] | None = None,
        detail: str = "",
        status: int = 0,
    ) -> None:
        """Record what happened now."""
        self.passed.append(Passed(time.time(), connection, kind, packet or {}, detail, status))


def write_wire(path: Path, passed: Sequence[Passed]) -> None:
    """Write a record for people: a line for each packet, the newest last."""
    began = passed[0].at if passed else 0.0
    path.write_text("".join(f"{_line(one, began)}\n" for one in passed), "utf-8")


def _line(one: Passed, began: float) -> str:
    start = f"{one.at - began:9.3f}  #{one.connection}  {one.kind:8}"
    if not one.packet:
        return f"{start} {one.status or ''} {one.detail}".rstrip()
    # A fault may bear what is no packet.
    rest = {name: value for name, value in one.packet.items() if name != "op"}
    if isinstance(rest.get("cur"), str):
        rest["cur"] = f"{rest['cur'][:_SHOWN_OF_CURSOR]}..."
    if one.kind == CLIENT and isinstance(rest.get("d"), dict) and "token" in rest["d"]:
        rest["d"] = {**rest["d"], "token": "..."}
    text = json.dumps(rest, ensure_ascii=False)
    return f"{start} {name_of(one.packet['op']):<26} {text[:_LONGEST_SHOWN]}"
