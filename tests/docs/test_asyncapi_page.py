"""docs/asyncapi.html tells all of docs/asyncapi.json to whoever reads, with eyes or without."""

import html
import json
import re
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest

from docs import generate_asyncapi
from docs.asyncapi_page import Page
from parley_protocol.packets import Op


def section(page: str, place: str) -> str:
    """The text below the heading of a place, up to the next heading; without marks."""
    (found,) = re.findall(rf'<h[23] id="{place}">(.*?)<h[23] ', page, re.DOTALL)
    return html.unescape(re.sub("<[^>]*>", "", found))


@pytest.fixture(scope="module")
def page() -> str:
    return generate_asyncapi.generate_page()


class Outline(HTMLParser):
    """The marks that a reader without eyes goes by: headings, places, links, tables."""

    def __init__(self) -> None:
        super().__init__()
        self.levels: list[int] = []
        self.places: list[str] = []
        self.links: list[str] = []
        self.cells: list[tuple[str, str | None]] = []
        self.tables = self.captions = 0
        self.language: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if re.fullmatch("h[1-6]", tag):
            self.levels.append(int(tag[1]))
        if "id" in found:
            self.places.append(found["id"] or "")
        if tag == "html":
            self.language = found.get("lang")
        self.links += [found["href"] or ""] if tag == "a" else []
        self.cells += [(tag, found.get("scope"))] if tag == "th" else []
        self.tables += tag == "table"
        self.captions += tag == "caption"


def test_the_page_can_be_found_through() -> None:
    """Each packet has a heading and a place of its name; each link leads somewhere; headings leave
    no level out; tables have captions and headings of rows and columns.
    """
    page = Outline()
    page.feed(generate_asyncapi.generate_page())
    assert page.language == "en"
    assert len(set(page.places)) == len(page.places)
    assert {op.name.lower().replace("_", "-") for op in Op} <= set(page.places)
    inside = [link[1:] for link in page.links if link.startswith("#")]
    assert set(inside) <= set(page.places)
    assert [link for link in page.links if not link.startswith("#")] == ["asyncapi.json"]
    assert page.levels[0] == 1
    assert page.levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(page.levels))
    assert page.tables == page.captions > len(Op)
    assert {scope for _, scope in page.cells} == {"col", "row"}


@pytest.mark.parametrize("op", list(Op), ids=lambda op: op.title)
def test_a_packet_is_shown_with_all_that_is_known_of_it(page: str, op: Op) -> None:
    """Its number, its fields in each direction, and what it is answered by."""
    text = section(page, op.name.lower().replace("_", "-"))
    assert text.startswith(f"{op.title} 0x{op.value:02X}, {op.value}")
    for payload in (op.from_client, op.to_client):
        if payload is not None:
            rows = [line.strip() for line in text.splitlines()]
            assert all(
                any(row.startswith(one) for row in rows) for one in payload.__struct_fields__
            )
    replies = [one.title for one in (op.answer, Op.ERROR) if one is not None]
    assert (f"Reply: {' or '.join(replies)}." in text) is (op.from_client is not None)


def test_types_and_defaults_are_told_in_words(page: str) -> None:
    asked = section(page, "ask-messages")
    assert "limitinteger, 1 to 200no, 50" in asked
    assert "conversationstring, 1 to 128 charactersyes" in asked
    assert "messageslist of Messageyes" in section(page, "return-messages")
    assert "deadlinesobject of stringyes" in section(page, "structure-service")
    assert 'status"delivered" or "stored"yes' in section(page, "status-msg")
    assert "seen_atstring or nullyes" in section(page, "msg-seen")


def test_codes_are_told(page: str) -> None:
    assert "RATE_LIMITEDyesToo often" in section(page, "error-codes")
    assert "4300TOKEN_EXPIRED" in re.sub("<[^>]*>", "", page.partition('id="close-codes"')[2])


def test_no_text_becomes_markup() -> None:
    """Whatever a docstring holds."""
    described: Any = json.loads(generate_asyncapi.generate())
    described["channels"]["ws"]["messages"]["PongPacket"]["summary"] = "<script>`<b>`&amp;"
    shown = Page(described).render()
    assert "&lt;script&gt;<code>&lt;b&gt;</code>&amp;amp;" in shown
    assert "<script" not in shown
