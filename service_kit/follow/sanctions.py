"""Restrictions that moderation has imposed: users who may not write, and locked conversations.

A service that refuses what is not allowed keeps this in its own database and asks nobody: while
moderation is away, what was known stands. Each row is what moderation says is so now, and ends by
comparing with the clock.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import BigInteger, Column, Connection, MetaData, Table, bindparam, delete, select

from service_kit.follow.positions import advance, read_followed
from service_kit.rules import Position
from service_kit.storage.bulk_statements import among_given, bulk_insert, fetch, give_values
from service_kit.storage.engines import STORED_BY_KEY, TEXT
from service_kit.storage.writer import Transaction

MODERATION = "moderation"
"""The service that is followed, as its position is stored."""

LOCKED = "the conversation is locked: nobody writes in it, or promises anything about its services"


class Kind(StrEnum):
    """The kind of thing that is restricted."""

    USER = "user"
    CONVERSATION = "conversation"


class Restriction(NamedTuple):
    """A user who may not write, or a conversation in which nobody may.

    `until` is None until it is lifted, and 0 for what is free.
    """

    kind: Kind
    id: str
    until: int | None

    def stands(self, now: int) -> bool:
        """Tell whether it restricts now."""
        return self.until is None or self.until > now


class Removal(NamedTuple):
    """A message that is removed, or shown again.

    One of kind "event" is about the event `number` of a `service`: then what some authors said
    with it is removed, and what others said is shown again.
    """

    conversation: str
    message: str
    removed: bool
    service: str = ""
    number: int = 0
    removed_authors: tuple[str, ...] = ()
    restored_authors: tuple[str, ...] = ()


class RestrictionChanges(NamedTuple):
    """The restrictions and removals of one revision of moderation."""

    position: Position
    restrictions: tuple[Restriction, ...] = ()
    removals: tuple[Removal, ...] = ()


class CaughtUp(NamedTuple):
    """An epoch of moderation is applied in full: what stems from another is no more."""

    epoch: str


Command = RestrictionChanges | CaughtUp


class Forbidden(NamedTuple):
    """The users who may not write and the conversations that are locked, of those asked about."""

    users: frozenset[str] = frozenset()
    conversations: frozenset[str] = frozenset()

    def why(self, user: str, conversation: str = "") -> str:
        """Say what forbids a user to write, in that conversation; empty when nothing does."""
        if user in self.users:
            return "a sanction does not allow this; the standing says why, and how to appeal"
        if conversation in self.conversations:
            return LOCKED
        return ""


# --- Tables and statements ---------------------------------------------------------------------

_metadata = MetaData()
_restrictions = Table(
    "restrictions",
    _metadata,
    # A user may be called as a conversation is.
    Column("id", TEXT, primary_key=True),
    Column("kind", TEXT, primary_key=True),
    Column("until", BigInteger),
    # Of moderation, from which it is known.
    Column("epoch", TEXT, nullable=False),
    **STORED_BY_KEY,
)
_COLUMNS = tuple(column.name for column in _restrictions.columns)
FIND = select(_restrictions.c.kind, _restrictions.c.id, _restrictions.c.until).where(
    among_given(_restrictions.c.id, "ids")
)
"""Public, so that a test can look at its query plan: it runs with every write."""
_FREE = delete(_restrictions).where(
    _restrictions.c.id == bindparam("the_id"), _restrictions.c.kind == bindparam("the_kind")
)
_FORGET_EXPIRED = delete(_restrictions).where(_restrictions.c.until <= bindparam("now"))
_FORGET_OTHERS = delete(_restrictions).where(_restrictions.c.epoch != bindparam("the_epoch"))


def add_restrictions(metadata: MetaData) -> Table:
    """Make what is restricted a table of `metadata`, beside the positions."""
    return _restrictions.to_metadata(metadata)


def find_forbidden(
    connection: Connection, users: Iterable[str], conversations: Iterable[str], now: int
) -> Forbidden:
    """Find the users and conversations that are restricted at `now`, of those given."""
    asked = {*users, *conversations}
    if not asked:
        return Forbidden()
    rows = fetch(connection, FIND, give_values("ids", asked))
    standing = [one for one in map(Restriction._make, rows) if one.stands(now)]
    return Forbidden(
        frozenset(one.id for one in standing if one.kind == Kind.USER),
        frozenset(one.id for one in standing if one.kind == Kind.CONVERSATION),
    )


# --- Following ---------------------------------------------------------------------------------


def take(transaction: Transaction, command: Command) -> bool:
    """Let a command take effect; False if it did before, or has none."""
    connection = transaction.connection
    if isinstance(command, CaughtUp):
        followed = read_followed(connection, MODERATION)
        if followed is None or followed.epoch != command.epoch:
            return False
        if connection.execute(_FORGET_OTHERS, {"the_epoch": command.epoch}).rowcount:
            transaction.touch()
        return True
    if not advance(transaction, MODERATION, command.position):
        return False
    if command.restrictions:
        _replace(transaction, command.position.epoch, command.restrictions)
    return True


def _replace(transaction: Transaction, epoch: str, restrictions: Sequence[Restriction]) -> None:
    connection, now = transaction.connection, transaction.now
    # The last word about each counts.
    latest = {(one.id, str(one.kind)): one for one in restrictions}
    connection.execute(_FREE, [{"the_id": id_, "the_kind": kind} for id_, kind in latest])
    rows = [(*key, one.until, epoch) for key, one in latest.items() if one.stands(now)]
    bulk_insert(connection, _restrictions, _COLUMNS, rows)
    # Few events come here, and they keep the table as small as what restricts.
    connection.execute(_FORGET_EXPIRED, {"now": now})
