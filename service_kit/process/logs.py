"""Structured logs: one JSON object a line on standard error, free of secrets.

The standard library's loggers and structlog's end in the same handler, so that what uvicorn,
grpc or SQLAlchemy say passes the same redaction as what Parley says.
"""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

REDACTED = "[redacted]"

# What may carry a secret. The first group of a pattern is kept, the rest of the match goes.
_SECRETS = (
    re.compile(r"(\btoken=)[^&\s\"'<>]+", re.IGNORECASE),
    re.compile(r"(parley\.bearer\.)[^\s,;\"'<>]+", re.IGNORECASE),
    re.compile(r"(\bBearer\s+)[^\s,;\"'<>]+", re.IGNORECASE),
    # A JWT begins with the base64url of '{"', whatever its algorithm; its signature may be absent.
    re.compile(r"()\beyJ[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*){1,4}"),
)
_HINT = re.compile(r"token=|bearer|eyJ", re.IGNORECASE)


def redact(text: str) -> str:
    """Replace every token and credential in `text` with `[redacted]`."""
    # Most lines hold no secret, and one search tells.
    if _HINT.search(text) is None:
        return text
    for pattern in _SECRETS:
        text = pattern.sub(lambda match: match.group(1) + REDACTED, text)
    return text


def _redact_value(value: object) -> object:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, bytes):
        return redact(value.decode("utf-8", "backslashreplace"))
    if isinstance(value, Mapping):
        return {_redact_value(key): _redact_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_redact_value(item) for item in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    # Anything else would be written by its representation, which may hold a secret as well.
    return redact(repr(value))


def redact_record(
    _logger: object, _method: str, record: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Redact every value of a record; a processor of structlog."""
    for key, value in record.items():
        record[key] = _redact_value(value)
    return record


def configure(level: str, component: str) -> None:
    """Send all logging of this process to standard error as JSON lines.

    `level` is a name of the standard library in any case ("info"); `component` stands in every
    line ("edge", "messaging"). Raises ValueError for an unknown level. May be called again: the
    last call counts.
    """
    threshold = logging.getLevelNamesMapping().get(level.upper())
    if threshold is None:
        raise ValueError(f"unknown log level {level!r}")

    def name_component(
        _logger: object, _method: str, record: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        record["component"] = component
        return record

    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        name_component,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            # Last before the writing: it sees tracebacks and the words of exceptions as well.
            redact_record,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(threshold)
    # Libraries that brought handlers of their own would write beside this one, unredacted.
    for name in list(logging.root.manager.loggerDict):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    logging.captureWarnings(capture=True)
    # Alembic tells at every look at a database which dialect it found.
    logging.getLogger("alembic").setLevel(logging.WARNING)
