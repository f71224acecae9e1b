"""What comes of a batch of commands: it is written at once, and told.

Everything that names a case or dispute is written before it is asked how those stand now whom it
concerns, so that the database itself says it.
"""

import secrets
from collections.abc import Sequence

from moderation_service.domain import audit
from moderation_service.domain.case.entities import Case
from moderation_service.domain.case.events import CaseEvent
from moderation_service.domain.dispute.entities import Dispute
from moderation_service.domain.dispute.events import DisputeEvent
from moderation_service.domain.erasure import erase_user, expires_at
from moderation_service.domain.events import Event
from moderation_service.domain.notifications import (
    Notification,
    NotificationKind,
    of_case,
    of_dispute,
    touched,
)
from moderation_service.domain.shared.commands import EraseUser
from moderation_service.domain.shared.limits import Limits
from moderation_service.operations import restrictions
from moderation_service.operations.answers import PlacedStanding
from moderation_service.operations.notifications import (
    Content,
    ConversationLockChanged,
    MessageRemovalChanged,
    StandingChanged,
    describe,
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
            self._notify()

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

    # --- Notifications ----------------------------------------------------------------------

    def _notify(self) -> None:
        """Tell what has happened, and how those stand now whom it concerns."""
        now, limits = self.transaction.now, self.limits
        happened = [(self.known.targets[target_of(one)], one) for one in self.events]
        told: list[tuple[Notification, Content | None]] = [
            (one, describe(one, target, now, limits))
            for target, event in happened
            for one in _notifications(target, event)
        ]
        told += self._present(happened)
        said = [(one, content) for one, content in told if content is not None]
        notifications.insert_notifications(
            self.transaction.connection, [one for one, _ in said], self.transaction.revision
        )
        for one, content in said:
            self.transaction.emit(one.recipients, content)

    def _present(
        self, happened: Sequence[tuple[Case | Dispute, Event]]
    ) -> list[tuple[Notification, Content]]:
        """Tell those who refuse what is not allowed what has changed for them."""
        connection, now = self.transaction.connection, self.transaction.now
        found = touched(
            (target, event)
            for target, event in happened
            if isinstance(target, Case) and isinstance(event, CaseEvent)
        )
        standings = restrictions.read_standings(connection, found.users, now, self.limits)
        locked = restrictions.read_locked(connection, found.conversations, now)
        messages = [message for _, message in found.messages]
        removed = restrictions.read_removed(connection, messages, now)
        told: list[tuple[Notification, Content]] = []
        for user, place in found.users.items():
            standing = PlacedStanding(standings[user], self.position)
            one = Notification((user,), NotificationKind.STANDING_CHANGED, *place, "")
            told.append((one, StandingChanged(standing)))
        for name, place in found.conversations.items():
            one = Notification((), NotificationKind.CONVERSATION_LOCK_CHANGED, *place, name)
            told.append((one, ConversationLockChanged(name, name in locked)))
        for (conversation, message), place in found.messages.items():
            one = Notification((), NotificationKind.MESSAGE_REMOVAL_CHANGED, *place, message)
            change = MessageRemovalChanged(conversation, message, message in removed)
            told.append((one, change))
        return told


def _notifications(target: Case | Dispute, event: Event) -> list[Notification]:
    if isinstance(target, Dispute) and isinstance(event, DisputeEvent):
        return of_dispute(target, event)
    if isinstance(target, Case) and isinstance(event, CaseEvent):
        # What it says is one reader's, and no other's.
        return [
            one._replace(recipients=(reader,))
            for one in of_case(target, event)
            for reader in one.recipients
        ]
    raise TypeError(f"not an event of a {type(target).__name__}: {type(event).__name__}")
