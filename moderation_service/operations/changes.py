"""ListChanges: what was missed between two revisions, told again."""

from functools import partial

from sqlalchemy import Connection

from moderation_service.domain.case.entities import Case
from moderation_service.domain.limits import Limits
from moderation_service.operations import restrictions
from moderation_service.operations.answers import PlacedStanding
from moderation_service.operations.history import (
    ChangedKind,
    ConversationLockChanged,
    MessageRemovalChanged,
    Note,
    Past,
    StandingChanged,
    StoredNote,
    Told,
    tell,
)
from moderation_service.operations.paging import Page
from moderation_service.storage import notifications, targets
from service_kit.pages import NEWEST
from service_kit.rules import Refusal, check_user, invalid
from service_kit.storage.clock import Position, read_position
from service_kit.watch import changes
from service_kit.watch.changes import ChangePage

TellTo = tuple[tuple[str, ...], Told]
"""Who is to learn of something, and what they are told."""


def list_changes(
    connection: Connection,
    user: str,
    after: Position,
    until: Position,
    page: Page,
    now: int,
    limits: Limits,
    *,
    everything: bool,
) -> ChangePage[TellTo] | Refusal:
    """What `user` missed, or without one all there is: after < revision <= until."""
    if user and (refusal := check_user("user", user)):
        return refusal
    if everything and user:
        return invalid("everything", "is not what a user is told")
    read = partial(_changes, connection, user, now, limits)
    return changes.list_changes(connection, after, until, page.size, page.token, page.most, read)


def _changes(
    connection: Connection,
    user: str,
    now: int,
    limits: Limits,
    start: int,
    until: int,
    count: int | None,
) -> list[tuple[int, TellTo]]:
    most = NEWEST if count is None else count
    found = notifications.changed_notes(connection, user, start, until, most)
    standing = _HowThingsStand(connection, [one.note for one in found], now, limits)
    others = {one.note.target for one in found if not isinstance(one.note.kind, ChangedKind)}
    pasts = {
        target: Past([(one.revision, one.event) for one in history])
        for target, history in targets.find_histories(connection, others).items()
    }
    told: list[tuple[int, TellTo]] = []
    for stored in found:
        note = stored.note
        said = (
            standing.tell(note)
            if isinstance(note.kind, ChangedKind)
            else _past(stored, pasts[note.target], limits)
        )
        if said is not None:
            recipients = (user,) if user else note.recipients
            told.append((stored.revision, (recipients, said)))
    return told


def _past(stored: StoredNote, past: Past, limits: Limits) -> Told | None:
    target, at = past.at(stored.revision)
    return tell(stored.note, target, at, limits)


class _HowThingsStand:
    """How those stand now of whom notes say that something has changed."""

    def __init__(self, connection: Connection, notes: list[Note], now: int, limits: Limits) -> None:
        def named(kind: ChangedKind) -> list[Note]:
            return [one for one in notes if one.kind is kind]

        users = {one.recipients[0] for one in named(ChangedKind.STANDING)}
        self._standings = restrictions.read_standings(connection, users, now, limits)
        locks = {one.about for one in named(ChangedKind.CONVERSATION_LOCK)}
        self._locked = restrictions.read_locked(connection, locks, now)
        removals = named(ChangedKind.MESSAGE_REMOVAL)
        self._removed = restrictions.read_removed(connection, {one.about for one in removals}, now)
        self._cases = targets.find_cases(connection, {one.target for one in removals})
        self._position = read_position(connection)

    def tell(self, note: Note) -> Told | None:
        """Tell it as it is now."""
        match note.kind:
            case ChangedKind.STANDING:
                view = self._standings[note.recipients[0]]
                return StandingChanged(PlacedStanding(view, self._position))
            case ChangedKind.CONVERSATION_LOCK:
                return ConversationLockChanged(note.about, note.about in self._locked)
        conversation = _conversation_of(self._cases.get(note.target))
        return MessageRemovalChanged(conversation, note.about, note.about in self._removed)


def _conversation_of(case: Case | None) -> str:
    return case.subject.conversation if case else ""
