"""Tables and queries. Every query of a hot path goes through an index, and none sorts a page."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    MetaData,
    Row,
    Select,
    Table,
    UniqueConstraint,
    bindparam,
    select,
    text,
    tuple_,
)

from messaging_service.domain import Conversation, Message, Side
from service_kit.clock import add_clock
from service_kit.database import (
    STORED_BY_KEY,
    TEXT,
    among_given,
    bulk_insert,
    bulk_update,
    fetch,
    give_rows,
    give_values,
    given_rows,
)
from service_kit.positions import add_positions
from service_kit.sanctions import add_restrictions

metadata = MetaData()
add_clock(metadata)
add_positions(metadata)
add_restrictions(metadata)

_SIDE_NUMBERS = Side._fields[1:]


def _side_columns(side: str) -> list[Column[Any]]:
    user = Column(f"{side}_id", TEXT, nullable=False)
    numbers = (Column(f"{side}_{name}", BigInteger, nullable=False) for name in _SIDE_NUMBERS)
    return [user, *numbers]


conversations = Table(
    "conversations",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("subject", TEXT, nullable=False),
    Column("opened_by", TEXT, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("activity", BigInteger, nullable=False),
    Column("last_change", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    *_side_columns("first"),
    *_side_columns("second"),
    UniqueConstraint("first_id", "second_id", "subject", name="conversations_pair"),
    Index("conversations_first_activity", "first_id", "activity", "id"),
    Index("conversations_second_activity", "second_id", "activity", "id"),
    Index("conversations_first_revision", "first_id", "revision"),
    Index("conversations_second_revision", "second_id", "revision"),
    Index("conversations_opened", "opened_by", "created_at"),
)

_CHANGED = text("changed_revision IS NOT NULL")

messages = Table(
    "messages",
    metadata,
    Column("conversation_id", TEXT, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("id", TEXT, nullable=False),
    Column("sender_id", TEXT, nullable=False),
    Column("kind", TEXT, nullable=False),
    Column("text", TEXT, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("idempotency_key", TEXT),
    Column("first_incoming_count", BigInteger, nullable=False),
    Column("first_incoming_seq", BigInteger, nullable=False),
    Column("second_incoming_count", BigInteger, nullable=False),
    Column("second_incoming_seq", BigInteger, nullable=False),
    # Of most messages these are empty for ever, which costs nothing.
    Column("change", TEXT),
    Column("changed_at", BigInteger),
    Column("changed_revision", BigInteger),
    Column("edits", BigInteger),
    Column("edited_at", BigInteger),
    UniqueConstraint("id", name="messages_id"),
    UniqueConstraint("sender_id", "idempotency_key", name="messages_key"),
    Index("messages_revision", "conversation_id", "revision", "seq"),
    Index(
        "messages_changed",
        "conversation_id",
        "changed_revision",
        "seq",
        sqlite_where=_CHANGED,
        postgresql_where=_CHANGED,
    ),
    # A history lies together on the disk, in the order in which it is read.
    **STORED_BY_KEY,
)

_CONVERSATION_COLUMNS = tuple(column.name for column in conversations.columns)
_CHANGING_COLUMNS = tuple(
    name
    for name in _CONVERSATION_COLUMNS
    if name not in {"id", "subject", "opened_by", "created_at", "first_id", "second_id"}
)
_MESSAGE_COLUMNS = tuple(column.name for column in messages.columns)
_CREATED_COLUMNS = _MESSAGE_COLUMNS[: _MESSAGE_COLUMNS.index("change")]
_CHANGE_COLUMNS = ("text", *_MESSAGE_COLUMNS[len(_CREATED_COLUMNS) :])
_CHANGING = Conversation._fields.index("revision")
_FIRST_SIDE = len(Conversation._fields) - 2
_SECOND_SIDE = _FIRST_SIDE + len(Side._fields)


def _conversation(row: Row[Any]) -> Conversation:
    first, second = row[_FIRST_SIDE:_SECOND_SIDE], row[_SECOND_SIDE:]
    return Conversation._make((*row[:_FIRST_SIDE], Side._make(first), Side._make(second)))


# --- Statements, each built once --------------------------------------------------------------

_BY_IDS = select(conversations).where(among_given(conversations.c.id, "ids"))

_pairs, _pairs_match = given_rows(
    "rows", (conversations.c.first_id, conversations.c.second_id, conversations.c.subject)
)
_BY_PAIRS = select(conversations).select_from(_pairs.join(conversations, _pairs_match))

_OPENINGS = select(conversations.c.opened_by, conversations.c.created_at).where(
    among_given(conversations.c.opened_by, "users"),
    conversations.c.created_at > bindparam("since"),
)

_places, _places_match = given_rows("rows", (messages.c.conversation_id, messages.c.seq))
_BY_PLACES = select(messages).select_from(_places.join(messages, _places_match))

_keys, _keys_match = given_rows("rows", (messages.c.sender_id, messages.c.idempotency_key))
_BY_KEYS = select(messages).select_from(_keys.join(messages, _keys_match))

_BY_MESSAGE_IDS = select(messages).where(among_given(messages.c.id, "ids"))

_IN_CONVERSATION = select(messages).where(
    messages.c.conversation_id == bindparam("conversation_id")
)
_BEFORE = (
    _IN_CONVERSATION.where(messages.c.seq < bindparam("seq"))
    .order_by(messages.c.seq.desc())
    .limit(bindparam("count", type_=BigInteger))
)
_AFTER = (
    _IN_CONVERSATION.where(messages.c.seq > bindparam("seq"))
    .order_by(messages.c.seq)
    .limit(bindparam("count", type_=BigInteger))
)

_PAGES = tuple(
    select(conversations)
    .where(
        side == bindparam("user"),
        tuple_(conversations.c.activity, conversations.c.id)
        < tuple_(bindparam("activity", type_=BigInteger), bindparam("id", type_=TEXT)),
    )
    .order_by(conversations.c.activity.desc(), conversations.c.id.desc())
    .limit(bindparam("count", type_=BigInteger))
    for side in (conversations.c.first_id, conversations.c.second_id)
)

_CHANGED_CONVERSATIONS = tuple(
    select(conversations).where(
        side == bindparam("user"), conversations.c.revision > bindparam("after")
    )
    for side in (conversations.c.first_id, conversations.c.second_id)
)


def _within(revision: Column[Any]) -> Select[Any]:
    return (
        _IN_CONVERSATION.where(revision > bindparam("after"), revision <= bindparam("until"))
        .order_by(revision, messages.c.seq)
        .limit(bindparam("count", type_=BigInteger))
    )


_CREATED_MESSAGES = _within(messages.c.revision)
_CHANGED_MESSAGES = _within(messages.c.changed_revision)

HOT_STATEMENTS = {
    "conversations by id": _BY_IDS,
    "conversations by pair": _BY_PAIRS,
    "openings": _OPENINGS,
    "messages by place": _BY_PLACES,
    "messages by key": _BY_KEYS,
    "messages by id": _BY_MESSAGE_IDS,
    "messages before": _BEFORE,
    "messages after": _AFTER,
    "conversations page, first": _PAGES[0],
    "conversations page, second": _PAGES[1],
    "conversations changed, first": _CHANGED_CONVERSATIONS[0],
    "conversations changed, second": _CHANGED_CONVERSATIONS[1],
    "messages created": _CREATED_MESSAGES,
    "messages changed": _CHANGED_MESSAGES,
}
"""By name, for whoever wants to see their query plans."""


# --- Reading -----------------------------------------------------------------------------------


def find_conversations(connection: Connection, ids: Iterable[str]) -> dict[str, Conversation]:
    """Find conversations by id."""
    wanted = set(ids)
    if not wanted:
        return {}
    rows = fetch(connection, _BY_IDS, give_values(connection, "ids", wanted))
    return {row.id: _conversation(row) for row in rows}


def find_pairs(
    connection: Connection, pairs: Iterable[tuple[str, str, str]]
) -> dict[tuple[str, str, str], Conversation]:
    """Find conversations by (first user, second user, subject)."""
    wanted = set(pairs)
    if not wanted:
        return {}
    found = map(_conversation, fetch(connection, _BY_PAIRS, give_rows(connection, "rows", wanted)))
    return {(one.first.user, one.second.user, one.subject): one for one in found}


def find_openings(connection: Connection, users: Iterable[str], since: int) -> dict[str, list[int]]:
    """Find when each of `users` opened conversations after `since`."""
    found: dict[str, list[int]] = {user: [] for user in users}
    if found:
        given = give_values(connection, "users", found) | {"since": since}
        for row in fetch(connection, _OPENINGS, given):
            found[row.opened_by].append(row.created_at)
    return found


def find_messages_at(
    connection: Connection, places: Iterable[tuple[str, int]]
) -> dict[tuple[str, int], Message]:
    """Find messages by (conversation id, seq)."""
    wanted = set(places)
    if not wanted:
        return {}
    found = map(Message._make, fetch(connection, _BY_PLACES, give_rows(connection, "rows", wanted)))
    return {(message.conversation_id, message.seq): message for message in found}


def find_keys(
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
    rows = fetch(connection, _BY_MESSAGE_IDS, give_values(connection, "ids", set(ids)))
    return {message.id: message for message in map(Message._make, rows)}


def page_before(
    connection: Connection, conversation_id: str, seq: int, count: int
) -> list[Message]:
    """The last `count` messages before `seq`, newest first."""
    given = {"conversation_id": conversation_id, "seq": seq, "count": count}
    return [Message._make(row) for row in fetch(connection, _BEFORE, given)]


def page_after(connection: Connection, conversation_id: str, seq: int, count: int) -> list[Message]:
    """The first `count` messages after `seq`, oldest first."""
    given = {"conversation_id": conversation_id, "seq": seq, "count": count}
    return [Message._make(row) for row in fetch(connection, _AFTER, given)]


def page_of_conversations(
    connection: Connection, user: str, below: tuple[int, str], count: int
) -> list[Conversation]:
    """The first `count` conversations of `user` below (activity, id), newest activity first."""
    given = {"user": user, "activity": below[0], "id": below[1], "count": count}
    # One ordered page of each index, joined here, for a database would sort their union.
    found = [_conversation(row) for page in _PAGES for row in fetch(connection, page, given)]
    found.sort(key=lambda one: (one.activity, one.id), reverse=True)
    return found[:count]


def changed_conversations(connection: Connection, user: str, after: int) -> list[Conversation]:
    """The conversations of `user` in which anything happened after the revision."""
    given = {"user": user, "after": after}
    return [
        _conversation(row)
        for side in _CHANGED_CONVERSATIONS
        for row in fetch(connection, side, given)
    ]


def created_messages(
    connection: Connection, conversation_id: str, after: int, until: int, count: int
) -> list[Message]:
    """The first `count` messages that were stored with after < revision <= until."""
    return _messages_within(connection, _CREATED_MESSAGES, conversation_id, after, until, count)


def changed_messages(
    connection: Connection, conversation_id: str, after: int, until: int, count: int
) -> list[Message]:
    """The first `count` messages that were last changed with after < revision <= until."""
    return _messages_within(connection, _CHANGED_MESSAGES, conversation_id, after, until, count)


def _messages_within(
    connection: Connection,
    statement: Select[Any],
    conversation_id: str,
    after: int,
    until: int,
    count: int,
) -> list[Message]:
    given = {"conversation_id": conversation_id, "after": after, "until": until, "count": count}
    return [Message._make(row) for row in fetch(connection, statement, given)]


# --- Writing -----------------------------------------------------------------------------------


def insert_conversations(connection: Connection, opened: Iterable[Conversation]) -> None:
    """Store new conversations."""
    rows = [(*one[:_FIRST_SIDE], *one.first, *one.second) for one in opened]
    bulk_insert(connection, conversations, _CONVERSATION_COLUMNS, rows)


def update_conversations(connection: Connection, changed: Iterable[Conversation]) -> None:
    """Store the new state of conversations that stand already."""
    rows = [
        (*one[_CHANGING:_FIRST_SIDE], *one.first[1:], *one.second[1:], one.id) for one in changed
    ]
    bulk_update(connection, conversations, "id", _CHANGING_COLUMNS, rows)


def insert_messages(connection: Connection, created: Sequence[Message]) -> None:
    """Store new messages."""
    rows = [one[: len(_CREATED_COLUMNS)] for one in created]
    bulk_insert(connection, messages, _CREATED_COLUMNS, rows)


def update_messages(connection: Connection, changed: Iterable[Message]) -> None:
    """Store what became of messages."""
    rows = [(one.text, *one[len(_CREATED_COLUMNS) :], one.id) for one in changed]
    bulk_update(connection, messages, "id", _CHANGE_COLUMNS, rows)
