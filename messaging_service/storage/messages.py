"""Statements of messages. Each goes through an index, and none sorts a page."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Column, Connection, Select, bindparam, or_, select

from messaging_service.domain.messages import Message
from messaging_service.storage.tables import messages
from service_kit.storage.bulk_statements import (
    among_given,
    bulk_insert,
    bulk_update,
    fetch,
    give_rows,
    give_values,
    given_rows,
)

_COLUMNS = tuple(column.name for column in messages.columns)
_CREATED_COLUMNS = _COLUMNS[: _COLUMNS.index("change")]
_CHANGE_COLUMNS = ("text", *_COLUMNS[len(_CREATED_COLUMNS) :])
# --- Statements, each built once --------------------------------------------------------------

_seqs, _seqs_match = given_rows("rows", (messages.c.conversation_id, messages.c.seq))
_BY_SEQS = select(messages).select_from(_seqs.join(messages, _seqs_match))

_keys, _keys_match = given_rows("rows", (messages.c.sender_id, messages.c.idempotency_key))
_BY_KEYS = select(messages).select_from(_keys.join(messages, _keys_match))

_BY_IDS = select(messages).where(among_given(messages.c.id, "ids"))

_IN_CONVERSATION = select(messages).where(
    messages.c.conversation_id == bindparam("conversation_id")
)
# What is suppressed is incoming for nobody, and shown to its author alone.
_SHOWN = or_(
    messages.c.first_incoming_seq == messages.c.seq,
    messages.c.second_incoming_seq == messages.c.seq,
    messages.c.sender_id == bindparam("reader"),
)


def _before(history: Select[Any]) -> Select[Any]:
    return (
        history.where(messages.c.seq < bindparam("seq"))
        .order_by(messages.c.seq.desc())
        .limit(bindparam("count", type_=BigInteger))
    )


def _after(history: Select[Any]) -> Select[Any]:
    return (
        history.where(messages.c.seq > bindparam("seq"))
        .order_by(messages.c.seq)
        .limit(bindparam("count", type_=BigInteger))
    )


_BEFORE, _AFTER = _before(_IN_CONVERSATION), _after(_IN_CONVERSATION)
_SHOWN_BEFORE = _before(_IN_CONVERSATION.where(_SHOWN))
_SHOWN_AFTER = _after(_IN_CONVERSATION.where(_SHOWN))


def _within(revision: Column[Any]) -> Select[Any]:
    return (
        _IN_CONVERSATION.where(revision > bindparam("after"), revision <= bindparam("until"))
        .order_by(revision, messages.c.seq)
        .limit(bindparam("most", type_=BigInteger))
    )


_CREATED = _within(messages.c.revision).where(_SHOWN)
_CHANGED = _within(messages.c.changed_revision).where(_SHOWN)
_WITHHELD = _within(messages.c.withheld_revision).where(messages.c.sender_id == bindparam("reader"))

HOT_STATEMENTS = {
    "messages by seq": _BY_SEQS,
    "messages by key": _BY_KEYS,
    "messages by id": _BY_IDS,
    "messages before": _BEFORE,
    "messages after": _AFTER,
    "messages shown before": _SHOWN_BEFORE,
    "messages shown after": _SHOWN_AFTER,
    "messages created": _CREATED,
    "messages changed": _CHANGED,
    "messages withheld": _WITHHELD,
}
"""By name, so that their query plans can be looked at."""


def find_messages_at(
    connection: Connection, seqs: Iterable[tuple[str, int]]
) -> dict[tuple[str, int], Message]:
    """Find messages by (conversation id, seq)."""
    wanted = set(seqs)
    if not wanted:
        return {}
    found = map(Message._make, fetch(connection, _BY_SEQS, give_rows(connection, "rows", wanted)))
    return {(message.conversation_id, message.seq): message for message in found}


def find_messages_by_key(
    connection: Connection, keys: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], Message]:
    """Find messages by (sender, idempotency key)."""
    wanted = set(keys)
    if not wanted:
        return {}
    found = map(Message._make, fetch(connection, _BY_KEYS, give_rows(connection, "rows", wanted)))
    return {(message.sender, message.idempotency_key or ""): message for message in found}


def find_messages(connection: Connection, ids: Iterable[str]) -> dict[str, Message]:
    """Find messages by id."""
    rows = fetch(connection, _BY_IDS, give_values(connection, "ids", set(ids)))
    return {message.id: message for message in map(Message._make, rows)}


def find_messages_before(
    connection: Connection, conversation_id: str, seq: int, count: int, reader: str = ""
) -> list[Message]:
    """Find the last `count` messages before `seq`, newest first; of all, or those shown to one."""
    given = {"conversation_id": conversation_id, "seq": seq, "count": count, "reader": reader}
    statement = _SHOWN_BEFORE if reader else _BEFORE
    return [Message._make(row) for row in fetch(connection, statement, given)]


def find_messages_after(
    connection: Connection, conversation_id: str, seq: int, count: int, reader: str = ""
) -> list[Message]:
    """Find the first `count` messages after `seq`, oldest first; of all, or those shown to one."""
    given = {"conversation_id": conversation_id, "seq": seq, "count": count, "reader": reader}
    statement = _SHOWN_AFTER if reader else _AFTER
    return [Message._make(row) for row in fetch(connection, statement, given)]


class Span(NamedTuple):
    """The first `most` messages of a conversation, for a reader, with after < revision <= until."""

    conversation_id: str
    reader: str
    after: int
    until: int
    most: int


def find_created_messages(connection: Connection, span: Span) -> list[Message]:
    """Find messages that were created, of those that the reader is shown."""
    return [Message._make(row) for row in fetch(connection, _CREATED, span._asdict())]


def find_changed_messages(connection: Connection, span: Span) -> list[Message]:
    """Find messages that were last changed, of those that the reader is shown."""
    return [Message._make(row) for row in fetch(connection, _CHANGED, span._asdict())]


def find_withheld_messages(connection: Connection, span: Span) -> list[Message]:
    """Find messages of the reader's own that were last edited, unseen by the other."""
    return [Message._make(row) for row in fetch(connection, _WITHHELD, span._asdict())]


def insert_messages(connection: Connection, created: Sequence[Message]) -> None:
    """Store new messages."""
    rows = [one[: len(_CREATED_COLUMNS)] for one in created]
    bulk_insert(connection, messages, _CREATED_COLUMNS, rows)


def update_messages(connection: Connection, changed: Iterable[Message]) -> None:
    """Store the new state of messages that were changed."""
    rows = [(one.text, *one[len(_CREATED_COLUMNS) :], one.id) for one in changed]
    bulk_update(connection, messages, "id", _CHANGE_COLUMNS, rows)
