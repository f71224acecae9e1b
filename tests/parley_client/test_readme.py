"""The README of the library: each example runs, and each table is whole."""

import dataclasses
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import parley_client
from parley_client import Client, Options, errors
from parley_client.events import Event
from tests.parley_client.conftest import Join
from tests.parley_client.readme import README, blocks, run
from tests.support.system import System
from tests.support.waiting import PATIENCE

TEXT = README.read_text("utf-8")
BLOCKS = blocks(README)


def test_the_first_conversation_has_ten_lines_and_runs(
    client_system: System, person: Callable[[str], str], tmp_path: Path
) -> None:
    """As a program of its own, twice: the second time there are two messages."""
    lines = [line for line in BLOCKS[0].splitlines() if line.strip()]
    assert len(lines) == 10
    program = tmp_path / "first.py"
    program.write_text(
        BLOCKS[0]
        .replace("ws://127.0.0.1:8080/ws", client_system.url)
        .replace('"bob"', f'"{person("bob")}"'),
        "utf-8",
    )
    alice = person("alice")
    environment = {**os.environ, "TOKEN": client_system.token(alice)}
    for said in (1, 2):
        printed = subprocess.run(
            [sys.executable, program],
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        )
        expected = [f"{seq} {alice} Hello Bob, my roof leaks." for seq in range(1, said + 1)]
        assert printed.stdout.splitlines() == expected


@pytest.fixture
async def names(
    client_system: System,
    join: Join,
    person: Callable[[str], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> dict[str, Any]:
    """The names that the examples use: Alice's client, and her conversation with Bob."""
    monkeypatch.chdir(tmp_path)
    alice, bob = person("alice"), person("bob")
    client = await join(alice)
    conversation = client.conversation_with(bob, subject="Roof")
    await conversation.send("Hello Bob")
    token = client_system.token(alice)

    async def ask_our_own_server(reason: str) -> str:
        assert reason == "connect"
        return token

    return {
        "client": client,
        "conversation": conversation,
        "url": client_system.url,
        "token": token,
        "ask_our_own_server": ask_our_own_server,
    }


@pytest.mark.parametrize("number", range(1, len(BLOCKS)))
async def test_each_example_runs(
    number: int, names: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """Against a real edge, as it stands there; and what one can see of it is seen."""
    left = await run(BLOCKS[number], names)
    printed = capsys.readouterr().out
    if "deal = await conversation.propose" in BLOCKS[number]:
        assert printed == "offered 120.50 EUR True\n"
    elif "client.events()" in BLOCKS[number]:
        assert "live" in printed
    elif 'key="question-7"' in BLOCKS[number]:
        assert printed == "1 False\n"
    elif "def observe" in BLOCKS[number]:
        assert printed.count("<= 3 ") == 2
    elif "client.conversations()" in BLOCKS[number]:
        assert " 0 None" in printed
    elif "def accept" in BLOCKS[number]:
        await bargain_in_vain(left["accept"], names)
        assert "now it is Offer(" in capsys.readouterr().out


async def bargain_in_vain(accept: Callable[..., Any], names: dict[str, Any]) -> None:
    """Bob revises an offer between its being shown and its being accepted."""
    client, conversation = names["client"], names["conversation"]
    deal = await conversation.propose(
        role="client", title="Roof", price=parley_client.Price(100, "EUR")
    )
    await client.deal(deal.service).revise(deal.offer, parley_client.Price(200, "EUR"))
    await accept(deal.offer)


def rows(heading: str) -> list[list[str]]:
    """The rows of the table below a heading."""
    section = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    found = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in row] for row in found]


def named(cells: list[str]) -> set[str]:
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


def test_the_table_of_options_is_true() -> None:
    """Each option stands there with its default."""
    expected = []
    for one in dataclasses.fields(Options):
        default = one.default
        if isinstance(one.default_factory, type):
            default = one.default_factory()
        shown = f'"{default}"' if isinstance(default, str) else repr(default)
        expected.append([f"`{one.name}`", f"`{shown}`"])
    assert [row[:2] for row in rows("Options")] == expected


def test_the_table_of_errors_is_whole() -> None:
    """Each error stands there, and is exported."""
    classes = {
        name
        for name, one in vars(errors).items()
        if inspect.isclass(one) and issubclass(one, errors.ParleyError)
    }
    assert named([row[0] for row in rows("Errors")]) == classes - {"ParleyError"}
    assert classes <= set(parley_client.__all__)


def test_the_table_of_events_is_whole() -> None:
    """Each event stands there, and is exported."""
    classes = {
        name
        for name in parley_client.__all__
        if inspect.isclass(one := getattr(parley_client, name)) and issubclass(one, Event)
    }
    assert named([row[0] for row in rows("Events")]) == classes - {"Event"}


def test_named_methods_exist() -> None:
    """All that the README names can be called."""
    handles = (
        Client,
        parley_client.ConversationHandle,
        parley_client.DealHandle,
        parley_client.DisputeHandle,
    )
    methods = {name for one in handles for name in dir(one)}
    deals = TEXT.partition("\n## Deals\n")[2].partition("\n## ")[0]
    sentences = re.findall(
        r"(?:both have|has|of a client:|conversation:)((?:[\s,]|and|`\w+`)+)", deals
    )
    called = {name for sentence in sentences for name in re.findall(r"`(\w+)`", sentence)}
    assert len(called) > 30
    assert called <= methods
