"""What comes of a batch of commands: it is written at once, and told.

Everything that names a case or dispute is written before it is asked how those stand now whom it
concerns, so that the database itself says it.
"""

import secrets
from collections.abc import Sequence

from moderation_service.domain import audit
from moderation_service.domain.case.entities import Case
from moderation_service.domain.commands import EraseUser
from moderation_service.domain.decision import Event
from moderation_service.domain.dispute.entities import Dispute
from moderation_service.domain.erasure import erase_user, expires_at
from moderation_service.domain.limits import Limits
from moderation_service.operations import restrictions
from moderation_service.operations.answers import PlacedStanding
from moderation_service.operations.history import (
    ChangedKind,
    ConversationLockChanged,
    MessageRemovalChanged,
    Note,
    StandingChanged,
    Told,
    all_touched,
    notes,
    tell,
)
from moderation_service.operations.working_set import Known
from moderation_service.storage import (
    audit as audit_storage,
)
from moderation_service.storage import (
    documents,
    indexes,
    notifications,
    targets,
)
from moderation_service.storage.targets import StoredEvent, UsedKey, target_of
from service_kit.storage.clock import read_position
from service_kit.storage.writer import Transaction

_SALT_BYTES = 16


class Record:
    """What has happened to what is known, and what goes with it.

    `changed` are the cases and disputes to which something happened, `revised` those of which only
    the time when their evidence expires is another, `forgotten` those whose evidence is deleted.
    """

    def __init__(self, limits: Limits, transaction: Transaction, known: Known) -> None:
        self.limits = limits
        self.transaction = transaction
        self.known = known
        self.position = read_position(transaction.connection)
        self.used: dict[tuple[str, str], UsedKey] = {}
        self.changed: dict[str, None] = {}
        self.revised: dict[str, None] = {}
        self.events: list[Event] = []
        self.contents: list[tuple[str, str, bytes]] = []
        self.forgotten: dict[str, None] = {}
        self.erasures: list[tuple[str, EraseUser]] = []

    def keep(self, target: Case | Dispute, events: Sequence[Event]) -> None:
        """Keep that something has happened to a case or dispute."""
        self.known.change(target)
        self.changed[target.id] = None
        self.events += events

    def erase(self, target: str, command: EraseUser) -> None:
        """Leave a person out of all that was before, stored or not."""
        user, alias = command.user, command.alias
        self.erasures.append((target, command))
        if (before := self.known.before.get(target)) is not None:
            self.known.before[target] = erase_user(before, user, alias)
        self.events = [
            erase_user(one, user, alias) if target_of(one) == target else one for one in self.events
        ]

    def without_erased(self, target: str, event: Event) -> Event:
        """Give an event that was stored before without those who are erased by now."""
        for erased, command in self.erasures:
            if erased == target:
                event = erase_user(event, command.user, command.alias)
        return event

    def store(self) -> None:
        """Write all that is new, and tell it."""
        transaction, connection = self.transaction, self.transaction.connection
        for target in self.revised:
            if target not in self.changed:
                transaction.touch()
        self._store_targets()
        self._store_erasures()
        targets.insert_contents(
            connection, [one for one in self.contents if one[0] not in self.forgotten]
        )
        self._store_events()
        targets.insert_keys(connection, self.used.items())
        if self.events:
            transaction.touch()
            self._tell()

    def _store_targets(self) -> None:
        """Write cases and disputes, and the rows beside them."""
        connection, revision = self.transaction.connection, self.transaction.revision
        now, limits = self.transaction.now, self.limits
        before, after = self.known.before, self.known.targets
        # What names a person is renamed first: then what is compared differs in nothing else.
        for target, command in self.erasures:
            indexes.rename(connection, target, command.user, command.alias)
        changes = [indexes.Change(before.get(one), after[one]) for one in self.changed]
        timed = {
            one: (after[one], expires_at(after[one], now, limits))
            for one in (*self.changed, *self.revised)
        }
        targets.insert_targets(
            connection, [one for name, one in timed.items() if name not in before], revision
        )
        targets.update_targets(connection, [timed[one] for one in sorted(timed) if one in before])
        indexes.store(connection, changes, revision)

    def _store_erasures(self) -> None:
        """Rewrite what was stored of those who are erased, and delete the evidence."""
        connection = self.transaction.connection
        histories = targets.find_histories(connection, {target for target, _ in self.erasures})
        for target, history in histories.items():
            targets.rewrite_events(connection, target, self._rewritten(target, history))
        targets.forget_contents(connection, sorted(self.forgotten))

    def _rewritten(self, target: str, history: Sequence[StoredEvent]) -> list[Event]:
        """Give the stored events that say something else without those who are erased."""
        both = [(one.event, self.without_erased(target, one.event)) for one in history]
        return [after for before, after in both if after != before]

    def _store_events(self) -> None:
        """Write the events, each with the entry of the audit log that commits to it."""
        connection = self.transaction.connection
        if not self.events:
            return
        head = audit_storage.find_head(connection)
        happened: list[tuple[Event, str, bytes]] = []
        entries: list[audit.AuditEntry] = []
        for event in self.events:
            document, salt = documents.dump_event(event), secrets.token_bytes(_SALT_BYTES)
            happened.append((event, document, salt))
            entry = audit.append(head, event, audit.digest(document.encode(), salt))
            entries.append(entry)
            head = audit.head_of(entry)
        targets.insert_events(connection, happened, self.transaction.revision)
        audit_storage.insert_audit(connection, entries)

    # --- Telling ----------------------------------------------------------------------------

    def _tell(self) -> None:
        """Tell what has happened, and how those stand whom it concerns."""
        now, limits = self.transaction.now, self.limits
        happened = [(self.known.targets[target_of(one)], one) for one in self.events]
        told: list[tuple[Note, Told | None]] = [
            (note, tell(note, target, now, limits))
            for target, event in happened
            for note in notes(target, event)
        ]
        told += self._how_things_stand(happened)
        said = [(note, what) for note, what in told if what is not None]
        notifications.insert_notes(
            self.transaction.connection, [note for note, _ in said], self.transaction.revision
        )
        for note, what in said:
            self.transaction.emit(note.recipients, what)

    def _how_things_stand(
        self, happened: Sequence[tuple[Case | Dispute, Event]]
    ) -> list[tuple[Note, Told | None]]:
        """Tell those who refuse what is not allowed what has changed for them."""
        connection, now = self.transaction.connection, self.transaction.now
        changed = all_touched(happened)
        standings = restrictions.read_standings(connection, changed.users, now, self.limits)
        locked = restrictions.read_locked(connection, changed.conversations, now)
        messages = [message for _, message in changed.messages]
        removed = restrictions.read_removed(connection, messages, now)
        told: list[tuple[Note, Told | None]] = []
        for user, place in changed.users.items():
            standing = PlacedStanding(standings[user], self.position)
            note = Note((user,), ChangedKind.STANDING, *place, "")
            told.append((note, StandingChanged(standing)))
        for one, place in changed.conversations.items():
            note = Note((), ChangedKind.CONVERSATION_LOCK, *place, one)
            told.append((note, ConversationLockChanged(one, one in locked)))
        for (conversation, message), place in changed.messages.items():
            note = Note((), ChangedKind.MESSAGE_REMOVAL, *place, message)
            change = MessageRemovalChanged(conversation, message, message in removed)
            told.append((note, change))
        return told
