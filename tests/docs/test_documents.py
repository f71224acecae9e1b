"""What the documents name exists: files, make targets, settings and their defaults."""

import re
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from desk.settings import LIMITS as DESK_LIMITS
from desk.settings import Settings as DeskSettings
from edge.metrics import LIMITS as EDGE_LIMITS
from edge.settings import Settings as EdgeSettings
from messaging_service.__main__ import SERVICE as MESSAGING
from messaging_service.settings import MessagingSettings
from moderation_service.__main__ import SERVICE as MODERATION
from moderation_service.settings import ModerationSettings
from negotiation_service.__main__ import SERVICE as NEGOTIATION
from negotiation_service.settings import NegotiationSettings
from service_kit.process.settings import KIT_LIMITS

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *ROOT.glob("sdk/*/README.md"),
        *ROOT.glob("examples/*/README.md"),
    ]
)
SOURCES = (
    "desk",
    "edge",
    "messaging_service",
    "moderation_service",
    "negotiation_service",
    "service_kit",
    "command_line",
)
PARTS: tuple[type[BaseSettings], ...] = (
    DeskSettings,
    EdgeSettings,
    MessagingSettings,
    NegotiationSettings,
    ModerationSettings,
)


def prefix(part: type[BaseSettings]) -> str:
    return str(part.model_config["env_prefix"])


def written(value: object) -> str:
    """A default as the tables of docs/operations.md show it."""
    match value:
        case None | () | "":
            return "none"
        case bool():
            return f"`{str(value).lower()}`"
        case float() if value == int(value):
            return f"`{int(value)}`"
        case _:
            return f"`{value}`"


def settings_of(part: type[BaseSettings]) -> dict[str, str]:
    """Each setting by its variable, with its default as written."""
    return {
        f"{prefix(part)}{name.upper()}": "required"
        if field.is_required()
        else written(field.default)
        for name, field in part.model_fields.items()
    }


ALL_SETTINGS = {name for part in PARTS for name in settings_of(part)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_relative_links_resolve(document: Path) -> None:
    """Every link to a file leads to one, and every link to a heading of the same file as well."""
    text = document.read_text("utf-8")
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", title).lower().replace(" ", "-") for title in headings}
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        if path:
            assert (document.parent / path).exists(), f"{document.name} links to {path}"
        else:
            assert anchor in anchors, f"{document.name} links to #{anchor}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_make_targets_exist(document: Path) -> None:
    """Whoever types a `make` command from a document gets something made."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    text = document.read_text("utf-8")
    named = {
        target
        for code in re.findall(r"`([^`\n]+)`|^    (make .+)$|^(make .+)$", text, re.MULTILINE)
        for target in re.findall(r"^make ([a-z]+)", "".join(code))
    }
    assert named <= targets


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_named_settings_exist(document: Path) -> None:
    """A variable that a document names is one that a part reads."""
    named = set(re.findall(r"PARLEY_[A-Z]+_[A-Z0-9_]*[A-Z0-9]", document.read_text("utf-8")))
    assert named <= ALL_SETTINGS


@pytest.mark.parametrize("part", PARTS, ids=prefix)
def test_every_setting_stands_in_the_table_with_its_default(part: type[BaseSettings]) -> None:
    """docs/operations.md lists every setting of every part, none besides, and true defaults."""
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    rows = dict(re.findall(rf"^\| `({prefix(part)}\w+)` \| ([^|]+) \|", text, re.MULTILINE))
    assert rows == settings_of(part)


def test_files_named_in_the_architecture_exist() -> None:
    """The paths in ARCHITECTURE.md lead to files that are there."""
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    named = set(re.findall(r"`((?:[a-z_]+/)+[a-z_]+\.[a-z]+)`", text))
    assert named, "the document names files by their path"
    assert sorted(name for name in named if not (ROOT / name).exists()) == []


def test_named_metrics_exist() -> None:
    """Whoever sets an alarm on a metric of docs/operations.md sets it on one that is counted."""
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    sources = "".join(
        path.read_text("utf-8") for part in SOURCES for path in (ROOT / part).rglob("*.py")
    )
    prefixes = (
        "parley_edge|presence|writer|watch|bus|calls?|limit|follower|background|timers|evidence"
        "|moderation|saga"
    )
    named = re.findall(rf"`((?:{prefixes})_[a-z_]+[a-z])`", text)
    assert named
    for name in named:
        # Counters get their suffix from the client library, unless they have it already; some
        # names get their prefix where they are made.
        whole = {name, name.removesuffix("_total")}
        short = {one.removeprefix("parley_edge_") for one in whole}
        spellings = {f'"{one}"' for one in whole | short} | {f"}}{one}" for one in short}
        spellings |= {f'{{name}}_{one.partition("_")[2]}"' for one in whole}
        assert any(spelling in sources for spelling in spellings), name


def bursts(part: type[BaseSettings]) -> set[str]:
    return {one for one in part.model_fields if one.endswith("_burst")}


@pytest.mark.parametrize("part", PARTS, ids=prefix)
def test_every_limit_says_what_happens_when_it_is_reached(part: type[BaseSettings]) -> None:
    """The last column of docs/operations.md is filled for the limits that are counted, and no more.

    A burst is part of its rate, and counted with it.
    """
    limits = {
        DeskSettings: {*DESK_LIMITS, *bursts(DeskSettings)},
        EdgeSettings: {*EDGE_LIMITS, *bursts(EdgeSettings)},
        MessagingSettings: {*KIT_LIMITS, *MESSAGING.limits},
        NegotiationSettings: {*KIT_LIMITS, *NEGOTIATION.limits},
        ModerationSettings: {*KIT_LIMITS, *MODERATION.limits},
    }[part]
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    rows = re.findall(rf"^\| `{prefix(part)}(\w+)` \|.*\| ([^|]*)\|$", text, re.MULTILINE)
    assert {name for name, reached in rows if reached.strip()} == {one.upper() for one in limits}
