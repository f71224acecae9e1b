"""Logs are JSON lines, and no token or credential reaches them."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from service_kit.process import logs

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl"


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Give the process its logging back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"GET /ws?token={JWT}&x=1", "GET /ws?token=[redacted]&x=1"),
        ("GET /ws?x=1&TOKEN=opaque HTTP", "GET /ws?x=1&TOKEN=[redacted] HTTP"),
        ("parley.v1.json, parley.bearer.abc.def", "parley.v1.json, parley.bearer.[redacted]"),
        ("authorization: Bearer s3cret-value", "authorization: Bearer [redacted]"),
        ("('authorization', 'bearer s3cret')", "('authorization', 'bearer [redacted]')"),
        (f"bad token {JWT}", "bad token [redacted]"),
        ("unsigned eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.", "unsigned [redacted]"),
        ("nothing to hide: tokens, bearers", "nothing to hide: tokens, bearers"),
    ],
)
def test_secrets_are_redacted(line: str, expected: str) -> None:
    assert logs.redact(line) == expected


def test_every_line_is_json_without_secrets(capfd: pytest.CaptureFixture[str]) -> None:
    """Both kinds of loggers, their arguments, nested values and tracebacks are redacted."""
    logs.configure("info", "test")
    logging.getLogger("uvicorn.access").info('%s - "GET /ws?token=%s"', "peer", JWT)
    log = structlog.get_logger("parley")
    log.info("connect", headers={"authorization": f"Bearer {JWT}"}, items=[b"token=abc"], count=3)
    try:
        int(JWT)
    except ValueError:
        log.exception("failed")
    log.debug("below the level")
    written = capfd.readouterr().err
    assert "eyJ" not in written
    assert "abc" not in written
    records = [json.loads(line) for line in written.splitlines()]
    assert [record["level"] for record in records] == ["info", "info", "error"]
    assert {record["component"] for record in records} == {"test"}
    assert records[1]["count"] == 3
    assert all(record["timestamp"].endswith("Z") for record in records)


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ValueError, match="loud"):
        logs.configure("loud", "test")
