"""Statements of messages. Each goes through an index, and none sorts a page."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Select,
    bindparam,
    delete,
    func,
    or_,
    select,
    tuple_,
)

from messaging_service.domain.conversations import Conversation
from messaging_service.domain.messages import Message
from messaging_service.domain.service_events import keys_of
from messaging_service.storage.tables import (
    HAS_CHANGED,
    SHOWN,
    SUPPRESSED,
    TOMBSTONE,
    WITHHELD,
    messages,
)
from service_kit.pages import NEWEST
from service_kit.storage.bulk_statements import (
    Insertion,
    Lookup,
    among_given,
    bulk_update,
    fetch,
    give_rows,
    give_values,
    given_rows,
    look_up,
)


class Changed(StrEnum):
    """A way in which a message is new since a revision; `own_` ones the other is not shown."""

    CREATED = "created"
    OWN_CREATED = "own created"
    CHANGED = "changed"
    OWN_CHANGED = "own changed"
    OWN_WITHHELD = "own withheld"


_COLUMNS = tuple(column.name for column in messages.columns)
_CREATED_COLUMNS = _COLUMNS[: _COLUMNS.index("change")]
_CHANGE_COLUMNS = ("text", *_COLUMNS[len(_CREATED_COLUMNS) :])
_COUNT = bindparam("count", type_=BigInteger)

# --- Statements, each built once --------------------------------------------------------------

_seqs, _seqs_match = given_rows("rows", (messages.c.conversation_id, messages.c.seq))
_BY_SEQS = select(messages).select_from(_seqs.join(messages, _seqs_match))

_keys, _keys_match = given_rows("rows", (messages.c.sender_id, messages.c.idempotency_key))
_BY_KEYS = select(messages).select_from(_keys.join(messages, _keys_match))

_BY_IDS = select(messages).where(among_given(messages.c.id, "ids"))

_IN_CONVERSATION = select(messages).where(
    messages.c.conversation_id == bindparam("conversation_id")
)
_BEFORE, _AFTER = (
    _IN_CONVERSATION.where(beyond).order_by(order).limit(_COUNT)
    for beyond, order in (
        (messages.c.seq < bindparam("seq"), messages.c.seq.desc()),
        (messages.c.seq > bindparam("seq"), messages.c.seq),
    )
)

# Of a history in which something is suppressed each reader has two ordered lists, joined here: what
# is shown to both, and the reader's own that is not. A place in them is (revision, seq).
_OWN = messages.c.sender_id == bindparam("reader")
_LISTS = ((SHOWN,), (SUPPRESSED, _OWN))
_SEQ = messages.c.seq
_PLACE = tuple_(bindparam("revision", type_=BigInteger), bindparam("seq", type_=BigInteger))
_REVISION_AT = (
    select(messages.c.revision)
    .where(
        messages.c.conversation_id == bindparam("conversation_id"),
        messages.c.seq >= bindparam("seq"),
    )
    .order_by(_SEQ)
    .limit(1)
)
_SHOWN_BEFORE = tuple(
    _IN_CONVERSATION.where(*which, tuple_(messages.c.revision, _SEQ) < _PLACE)
    .order_by(messages.c.revision.desc(), _SEQ.desc())
    .limit(_COUNT)
    for which in _LISTS
)
_SHOWN_AFTER = tuple(
    _IN_CONVERSATION.where(*which, tuple_(messages.c.revision, _SEQ) > _PLACE)
    .order_by(messages.c.revision, _SEQ)
    .limit(_COUNT)
    for which in _LISTS
)


def _changed_keys(revision: Column[Any], *which: Any) -> Select[Any]:
    """Select the first (revision, seq) past a place, up to a revision."""
    return (
        select(revision.label("revision"), _SEQ)
        .where(
            messages.c.conversation_id == bindparam("conversation_id"),
            *which,
            tuple_(revision, _SEQ) > _PLACE,
            revision <= bindparam("until"),
        )
        .order_by(revision, _SEQ)
        .limit(_COUNT)
    )


_EDITED_LAST = or_(
    messages.c.sender_id != bindparam("reader"),
    messages.c.withheld_at.is_(None),
    messages.c.withheld_at < messages.c.changed_at,
)
_WITHHELD_LAST = or_(
    messages.c.changed_at.is_(None),
    messages.c.changed_at < messages.c.withheld_at,
)
_KEYS = {
    Changed.CREATED: _changed_keys(messages.c.revision, SHOWN),
    Changed.OWN_CREATED: _changed_keys(messages.c.revision, SUPPRESSED, _OWN),
    # An edit of one's own that is withheld from the other came after, and is told instead.
    Changed.CHANGED: _changed_keys(messages.c.changed_revision, HAS_CHANGED, SHOWN, _EDITED_LAST),
    Changed.OWN_CHANGED: _changed_keys(
        messages.c.changed_revision, HAS_CHANGED, SUPPRESSED, _OWN, _EDITED_LAST
    ),
    Changed.OWN_WITHHELD: _changed_keys(
        messages.c.withheld_revision, WITHHELD, _OWN, _WITHHELD_LAST
    ),
}

_TOMBSTONES = tuple(
    select(func.count()).where(
        messages.c.conversation_id == bindparam("conversation_id"),
        TOMBSTONE,
        bindparam("after") < _SEQ,
        bindparam("until") >= _SEQ,
        incoming == _SEQ,
    )
    for incoming in (messages.c.first_incoming_seq, messages.c.second_incoming_seq)
)

_OF_SERVICE = select(messages).where(
    messages.c.sender_id == bindparam("sender"),
    messages.c.idempotency_key >= bindparam("low"),
    messages.c.idempotency_key < bindparam("high"),
)

HOT_STATEMENTS = {
    "tombstones, first": _TOMBSTONES[0],
    "tombstones, second": _TOMBSTONES[1],
    "messages of a service": _OF_SERVICE,
    "messages by seq": _BY_SEQS,
    "messages by key": _BY_KEYS,
    "messages by id": _BY_IDS,
    "messages before": _BEFORE,
    "messages after": _AFTER,
    "revision at a seq": _REVISION_AT,
    "messages shown before": _SHOWN_BEFORE[0],
    "messages shown after": _SHOWN_AFTER[0],
    "own suppressed before": _SHOWN_BEFORE[1],
    "own suppressed after": _SHOWN_AFTER[1],
    **{f"keys, {which}": statement for which, statement in _KEYS.items()},
}
"""By name, so that their query plans can be looked at."""


def find_messages_at(
    connection: Connection, seqs: Iterable[tuple[str, int]]
) -> dict[tuple[str, int], Message]:
    """Find messages by (conversation id, seq)."""
    return look_up(connection, messages_at(seqs))


def messages_at(seqs: Iterable[tuple[str, int]]) -> Lookup[dict[tuple[str, int], Message]]:
    """The messages at any of these (conversation id, seq)."""
    wanted = set(seqs)

    def read(rows: Sequence[Any]) -> dict[tuple[str, int], Message]:
        found = map(Message._make, rows)
        return {(message.conversation_id, message.seq): message for message in found}

    return Lookup(_BY_SEQS, give_rows("rows", wanted) if wanted else None, read)


def messages_by_key(keys: Iterable[tuple[str, str]]) -> Lookup[dict[tuple[str, str], Message]]:
    """The messages with any of these (sender, idempotency key)."""
    wanted = set(keys)

    def read(rows: Sequence[Any]) -> dict[tuple[str, str], Message]:
        found = map(Message._make, rows)
        return {(message.sender, message.idempotency_key or ""): message for message in found}

    return Lookup(_BY_KEYS, give_rows("rows", wanted) if wanted else None, read)


def find_messages_of_service(
    connection: Connection, senders: Iterable[str], service: str
) -> list[Message]:
    """Find the events of a service that these did, as messages."""
    low, high = keys_of(service)
    return [
        Message._make(row)
        for sender in senders
        for row in connection.execute(_OF_SERVICE, {"sender": sender, "low": low, "high": high})
    ]


def messages_by_id(ids: Iterable[str]) -> Lookup[dict[str, Message]]:
    """The messages with any of these ids."""

    def read(rows: Sequence[Any]) -> dict[str, Message]:
        return {message.id: message for message in map(Message._make, rows)}

    return Lookup(_BY_IDS, give_values("ids", set(ids)), read)


def find_messages(connection: Connection, ids: Iterable[str]) -> dict[str, Message]:
    """Find messages by id."""
    return look_up(connection, messages_by_id(ids))


def find_messages_before(
    connection: Connection, conversation_id: str, seq: int, count: int, reader: str = ""
) -> list[Message]:
    """Find the last `count` messages before `seq`, newest first; of all, or of a history in which
    something is suppressed those that a reader is shown.
    """
    given = {"conversation_id": conversation_id, "seq": seq, "count": count}
    if not reader:
        return [Message._make(row) for row in fetch(connection, _BEFORE, given)]
    return _find_shown(connection, _SHOWN_BEFORE, given, reader)[: -count - 1 : -1]


def find_messages_after(
    connection: Connection, conversation_id: str, seq: int, count: int, reader: str = ""
) -> list[Message]:
    """Find the first `count` messages after `seq`, oldest first; of all, or as before of those
    that a reader is shown.
    """
    given = {"conversation_id": conversation_id, "seq": seq, "count": count}
    if not reader:
        return [Message._make(row) for row in fetch(connection, _AFTER, given)]
    return _find_shown(connection, _SHOWN_AFTER, given, reader)[:count]


def _find_shown(
    connection: Connection, lists: Iterable[Select[Any]], given: dict[str, Any], reader: str
) -> list[Message]:
    """Read both lists of a history from a place on; oldest first."""
    at = fetch(connection, _REVISION_AT, given)
    given |= {"reader": reader, "revision": at[0][0] if at else NEWEST}
    rows = [row for one in lists for row in fetch(connection, one, given)]
    return sorted(map(Message._make, rows), key=lambda message: message.seq)


class Span(NamedTuple):
    """The revisions of a conversation, as a reader is shown it, up to and including `until`."""

    conversation_id: str
    reader: str
    until: int


def changed_keys(
    which: Changed, span: Span, place: tuple[int, int], count: int
) -> Lookup[list[tuple[int, int]]]:
    """Look for the first `count` (revision, seq) of messages past a place that were changed in a
    way, of those that the reader is shown.
    """

    def read(rows: Sequence[Any]) -> list[tuple[int, int]]:
        return sorted((row[0], row[1]) for row in rows)

    given = {**span._asdict(), "revision": place[0], "seq": place[1], "count": count}
    return Lookup(_KEYS[which], given, read)


def count_tombstones(
    connection: Connection, conversation: Conversation, user: str, after: int, until: int
) -> int:
    """Count the incoming messages of a participant that are not there any more, with
    after < seq <= until.
    """
    statement = _TOMBSTONES[0 if user == conversation.first.user else 1]
    given = {"conversation_id": conversation.id, "after": after, "until": until}
    ((found,),) = fetch(connection, statement, given)
    return int(found)


def insertion_of(created: Sequence[Message]) -> Insertion:
    """New messages, to be stored."""
    rows = [one[: len(_CREATED_COLUMNS)] for one in created]
    return Insertion(messages, _CREATED_COLUMNS, rows)


def delete_messages_before(connection: Connection, conversation_id: str, seq: int) -> None:
    """Delete the messages of a conversation before a place in it."""
    connection.execute(
        delete(messages).where(messages.c.conversation_id == conversation_id, messages.c.seq < seq)
    )


def update_messages(connection: Connection, changed: Iterable[Message]) -> None:
    """Store the new state of messages that were changed."""
    rows = [(one.text, *one[len(_CREATED_COLUMNS) :], one.id) for one in changed]
    bulk_update(connection, messages, "id", _CHANGE_COLUMNS, rows)
