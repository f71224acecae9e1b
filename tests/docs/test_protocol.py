"""docs/protocol.md says what the edge does, because the edge's own tables are in it."""

import re

import pytest

from docs import generate_protocol
from docs.generate_protocol import ROOT
from edge.settings import Settings
from messaging_service.settings import MessagingSettings
from parley_protocol.errors import CloseCode, ErrorCode
from parley_protocol.packets import FORMATS, MAXIMUM_ID_LENGTH, Op
from service_kit.authentication.errors import MAXIMUM_TOKEN_LENGTH


@pytest.fixture(scope="module")
def document() -> str:
    return generate_protocol.DOCUMENT.read_text("utf-8")


def default(name: str) -> object:
    return Settings.model_fields[name].default


def test_generated_tables_are_what_the_code_says(document: str) -> None:
    """A changed payload, code or opcode fails here until the document is generated anew."""
    assert generate_protocol.generate(document) == document


def test_drift_is_found(document: str) -> None:
    """A field that is documented otherwise than it is coded comes back as it is coded."""
    spoiled = document.replace("| `seq` | integer, 1 to 2^63-1 | no |", "| `seq` | string | no |")
    assert spoiled != document
    assert generate_protocol.generate(spoiled) == document


def test_what_is_pushed_can_be_read(document: str) -> None:
    """A packet that shows something is in the table, with one that a client asks by; or it is an
    answer, or the document says that it shows nothing that lasts.
    """
    section = document.partition("### What is pushed, and how it is read")[2].partition("\n## ")[0]
    rows = [row.split("|")[1:4] for row in section.splitlines() if row.startswith("| ")][1:]
    titles = {op.title: op for op in Op}

    def packets(cell: str) -> set[Op]:
        return {op for title, op in titles.items() if re.search(rf"\b{title}\b", cell)}

    for _, pushed, read in rows:
        assert packets(pushed)
        assert all(op.from_client is not None for op in packets(read))
        assert packets(read)
    (nothing,) = re.findall(r"\n([A-Z, ]+) and (TYPING) show nothing that lasts", section)
    said = set().union(*(packets(pushed) for _, pushed, _ in rows), packets(" ".join(nothing)))
    answers = {op for op in Op if op.name.startswith("RETURN_")} | {Op.ERROR}
    assert said | answers == {op for op in Op if op.to_client is not None}


def test_lost_markers_are_an_error(document: str) -> None:
    """A table whose place was removed is not silently left out."""
    with pytest.raises(ValueError, match="markers of packets"):
        generate_protocol.generate(document.replace("<!-- packets: end -->", ""))


@pytest.mark.parametrize("op", list(Op), ids=lambda op: op.title)
def test_every_opcode_has_its_section(document: str, op: Op) -> None:
    """Number, name and direction of each packet stand in the document, once."""
    heading = f"\n### 0x{op.value:02X} {op.title}\n\n`{op.direction}` "
    assert document.count(heading) == 1


def test_every_close_code_is_documented(document: str) -> None:
    """Each close code of the edge has its row."""
    rows = {int(number) for number in re.findall(r"^\| (4\d{3}) \|", document, re.MULTILINE)}
    assert rows == {code.value for code in CloseCode}


@pytest.mark.parametrize("code", [*ErrorCode, *CloseCode], ids=lambda code: code.name)
def test_each_code_is_used_or_said_to_be_reserved(code: ErrorCode | CloseCode) -> None:
    """Nobody handles a code that is never sent, unless the document says so."""
    name = f"{type(code).__name__}.{code.name}"
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "edge").rglob("*.py"))
    assert (name in sources) is not ("Reserved" in code.meaning)


def test_subprotocols_are_documented(document: str) -> None:
    """Both encodings are named, and no other."""
    assert set(re.findall(r"`(parley\.v1\.[a-z]+)`", document)) == set(FORMATS)


def test_heartbeat_times_are_the_defaults(document: str) -> None:
    """PING every 5 s and 30 s of silence are promises; the defaults of the settings keep them."""
    assert default("ping_interval_seconds") == 5
    assert default("pong_timeout_seconds") == 30
    assert "PING comes every 5 s." in document
    assert "After 30 s without any packet the socket is closed with 4102." in document


def test_stated_limits_are_the_defaults(document: str) -> None:
    """Numbers in the text are those of the settings."""
    assert default("max_packet_bytes") == 64 * 1024
    assert "at most 64 KiB" in document
    assert default("fragments_per_packet") == 128
    assert "at most 128 fragments" in document
    assert default("max_line_bytes") == 8 * 1024
    assert default("max_head_bytes") == 32 * 1024
    assert default("max_header_lines") == 128
    assert "at most 8 KiB with their end of line" in document
    assert "at most\n128 headers with 32 KiB together" in document
    assert default("handshake_timeout_seconds") == 10
    assert "within 10 s of the connection" in document
    assert MAXIMUM_TOKEN_LENGTH == 7168
    assert "It has at most 7168 characters" in document
    assert (default("frames_burst"), default("frames_per_second")) == (200, 50)
    assert "may come 200 at once and 50 a\nsecond" in document
    assert default("requests_per_socket") == 16
    assert "Beyond 16 questions under way" in document
    assert default("outbox_bytes") == 4 * 1024 * 1024
    assert "(4 MiB by\ndefault)" in document
    assert MAXIMUM_ID_LENGTH == 64
    assert "a string of up to 64 characters" in document
    messaging = MessagingSettings.model_fields
    text, subject = messaging["text_limit"].default, messaging["subject_limit"].default
    assert f"A text has 1 to {text} characters and a subject up to {subject} " in document
