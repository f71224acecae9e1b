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
    or_,
    select,
    text,
    tuple_,
)

from messaging_service.domain.messages import Conversation, Message, Side
from service_kit.follow.positions import add_positions
from service_kit.follow.sanctions import add_restrictions
from service_kit.storage.bulk_statements import (
    among_given,
    bulk_insert,
    bulk_update,
    fetch,
    give_rows,
    give_values,
    given_rows,
)
from service_kit.storage.clock import add_clock
from service_kit.storage.engines import STORED_BY_KEY, TEXT

metadata = MetaData()
add_clock(metadata)
add_positions(metadata)
add_restrictions(metadata)

_SIDE_NUMBERS = Side._fields[1:]


def _side_columns(side: str) -> list[Column[Any]]:
    user = Column(f"{side}_id", TEXT, nullable=False)
    numbers = (
        Column(f"{side}_{name}", BigInteger, nullable=name == "held_seq") for name in _SIDE_NUMBERS
    )
    return [user, *numbers]


conversations = Table(
    "conversations",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("subject", TEXT, nullable=False),
    Column("opened_by", TEXT, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("last_change", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    *_side_columns("first"),
    *_side_columns("second"),
    UniqueConstraint("first_id", "second_id", "subject", name="conversations_pair"),
    Index("conversations_first_activity", "first_id", "first_activity", "id"),
    Index("conversations_second_activity", "second_id", "second_activity", "id"),
    Index("conversations_first_revision", "first_id", "revision"),
    Index("conversations_second_revision", "second_id", "revision"),
    Index("conversations_opened", "opened_by", "created_at"),
)

_CHANGED = text("changed_revision IS NOT NULL")
_WITHHELD = text("withheld_revision IS NOT NULL")

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
    Column("withheld_text", TEXT),
    Column("withheld_at", BigInteger),
    Column("withheld_revision", BigInteger),
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
    Index(
        "messages_withheld",
        "conversation_id",
        "withheld_revision",
        "seq",
        sqlite_where=_WITHHELD,
        postgresql_where=_WITHHELD,
    ),
    # A history lies together on the disk, in the order in which it is read.
    **STORED_BY_KEY,
)

_CONVERSATION_COLUMNS = tuple(column.name for column in conversations.columns)
# What blocks alone change stands at the end of a side, so that messages do not write it.
_BLOCK = Side._fields.index("blocked_revision")
_BLOCK_COLUMNS = tuple(
    f"{side}_{name}" for side in ("first", "second") for name in Side._fields[_BLOCK:]
)
_CHANGING_COLUMNS = tuple(
    name
    for name in _CONVERSATION_COLUMNS
    if name not in {"id", "subject", "opened_by", "created_at", "first_id", "second_id"}
    and name not in _BLOCK_COLUMNS
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

_couples, _couples_match = given_rows("rows", (conversations.c.first_id, conversations.c.second_id))
_BY_COUPLES = select(conversations).select_from(_couples.join(conversations, _couples_match))

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

_PAGES = tuple(
    select(conversations)
    .where(
        side == bindparam("user"),
        activity > 0,
        tuple_(activity, conversations.c.id)
        < tuple_(bindparam("activity", type_=BigInteger), bindparam("id", type_=TEXT)),
    )
    .order_by(activity.desc(), conversations.c.id.desc())
    .limit(bindparam("count", type_=BigInteger))
    for side, activity in (
        (conversations.c.first_id, conversations.c.first_activity),
        (conversations.c.second_id, conversations.c.second_activity),
    )
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


_CREATED_MESSAGES = _within(messages.c.revision).where(_SHOWN)
_CHANGED_MESSAGES = _within(messages.c.changed_revision).where(_SHOWN)
_WITHHELD_MESSAGES = _within(messages.c.withheld_revision).where(
    messages.c.sender_id == bindparam("reader")
)

HOT_STATEMENTS = {
    "conversations by id": _BY_IDS,
    "conversations by pair": _BY_PAIRS,
    "conversations by couple": _BY_COUPLES,
    "openings": _OPENINGS,
    "messages by place": _BY_PLACES,
    "messages by key": _BY_KEYS,
    "messages by id": _BY_MESSAGE_IDS,
    "messages before": _BEFORE,
    "messages after": _AFTER,
    "messages shown before": _SHOWN_BEFORE,
    "messages shown after": _SHOWN_AFTER,
    "conversations page, first": _PAGES[0],
    "conversations page, second": _PAGES[1],
    "conversations changed, first": _CHANGED_CONVERSATIONS[0],
    "conversations changed, second": _CHANGED_CONVERSATIONS[1],
    "messages created": _CREATED_MESSAGES,
    "messages changed": _CHANGED_MESSAGES,
    "messages withheld": _WITHHELD_MESSAGES,
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


def find_conversations_of(
    connection: Connection, couples: Iterable[tuple[str, str]]
) -> list[Conversation]:
    """Find all conversations of each (first user, second user)."""
    wanted = set(couples)
    if not wanted:
        return []
    given = give_rows(connection, "rows", wanted)
    return [_conversation(row) for row in fetch(connection, _BY_COUPLES, given)]


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
    connection: Connection, conversation_id: str, seq: int, count: int, reader: str = ""
) -> list[Message]:
    """The last `count` messages before `seq`, newest first; all, or what a reader is shown."""
    given = {"conversation_id": conversation_id, "seq": seq, "count": count, "reader": reader}
    statement = _SHOWN_BEFORE if reader else _BEFORE
    return [Message._make(row) for row in fetch(connection, statement, given)]


def page_after(
    connection: Connection, conversation_id: str, seq: int, count: int, reader: str = ""
) -> list[Message]:
    """The first `count` messages after `seq`, oldest first; all, or what a reader is shown."""
    given = {"conversation_id": conversation_id, "seq": seq, "count": count, "reader": reader}
    statement = _SHOWN_AFTER if reader else _AFTER
    return [Message._make(row) for row in fetch(connection, statement, given)]


def page_of_conversations(
    connection: Connection, user: str, below: tuple[int, str], count: int
) -> list[Conversation]:
    """The first `count` conversations of `user` below (activity, id), newest activity first."""
    given = {"user": user, "activity": below[0], "id": below[1], "count": count}
    # One ordered page of each index, joined here, for a database would sort their union.
    found = [_conversation(row) for page in _PAGES for row in fetch(connection, page, given)]
    found.sort(key=lambda one: (one.side(user).activity, one.id), reverse=True)
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
    connection: Connection, conversation_id: str, reader: str, after: int, until: int, count: int
) -> list[Message]:
    """The first `count` messages, of those that a reader is shown, that were stored with
    after < revision <= until.
    """
    place = (conversation_id, reader, after, until, count)
    return _messages_within(connection, _CREATED_MESSAGES, *place)


def changed_messages(
    connection: Connection, conversation_id: str, reader: str, after: int, until: int, count: int
) -> list[Message]:
    """The first `count` that were last changed with after < revision <= until; in the same way."""
    place = (conversation_id, reader, after, until, count)
    return _messages_within(connection, _CHANGED_MESSAGES, *place)


def withheld_messages(
    connection: Connection, conversation_id: str, reader: str, after: int, until: int, count: int
) -> list[Message]:
    """The first `count` of the reader's own of which the other is not shown the last edit, which
    was made with after < revision <= until.
    """
    place = (conversation_id, reader, after, until, count)
    return _messages_within(connection, _WITHHELD_MESSAGES, *place)


def _messages_within(
    connection: Connection,
    statement: Select[Any],
    conversation_id: str,
    reader: str,
    after: int,
    until: int,
    count: int,
) -> list[Message]:
    given = {
        "conversation_id": conversation_id,
        "reader": reader,
        "after": after,
        "until": until,
        "count": count,
    }
    return [Message._make(row) for row in fetch(connection, statement, given)]


# --- Writing -----------------------------------------------------------------------------------


def insert_conversations(connection: Connection, opened: Iterable[Conversation]) -> None:
    """Store new conversations."""
    rows = [(*one[:_FIRST_SIDE], *one.first, *one.second) for one in opened]
    bulk_insert(connection, conversations, _CONVERSATION_COLUMNS, rows)


def update_conversations(connection: Connection, changed: Iterable[Conversation]) -> None:
    """Store the new state of conversations that stand already, but not that of blocks."""
    rows = [
        (*one[_CHANGING:_FIRST_SIDE], *one.first[1:_BLOCK], *one.second[1:_BLOCK], one.id)
        for one in changed
    ]
    bulk_update(connection, conversations, "id", _CHANGING_COLUMNS, rows)


def update_blocked(connection: Connection, changed: Iterable[Conversation]) -> None:
    """Store what blocks have made of conversations that stand already."""
    rows = [(*one.first[_BLOCK:], *one.second[_BLOCK:], one.id) for one in changed]
    bulk_update(connection, conversations, "id", _BLOCK_COLUMNS, rows)


def insert_messages(connection: Connection, created: Sequence[Message]) -> None:
    """Store new messages."""
    rows = [one[: len(_CREATED_COLUMNS)] for one in created]
    bulk_insert(connection, messages, _CREATED_COLUMNS, rows)


def update_messages(connection: Connection, changed: Iterable[Message]) -> None:
    """Store what became of messages."""
    rows = [(one.text, *one[len(_CREATED_COLUMNS) :], one.id) for one in changed]
    bulk_update(connection, messages, "id", _CHANGE_COLUMNS, rows)
