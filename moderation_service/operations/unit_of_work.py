"""The changes of a batch of commands: they are written at once, and told.

Everything that names a case or dispute is written before it is asked how those stand now whom it
concerns, so that the database itself says it.
"""

import secrets
from collections.abc import Mapping, Sequence

from moderation_service.domain import audit
from moderation_service.domain.case import erasure as case_erasure
from moderation_service.domain.case.events import CaseEvent
from moderation_service.domain.dispute import erasure as dispute_erasure
from moderation_service.domain.dispute.entities import parse_statement_id
from moderation_service.domain.dispute.removals import remove_statement
from moderation_service.domain.events import Event, target_of
from moderation_service.domain.notifications import (
    Notification,
    NotificationKind,
    Touched,
    of_case,
    of_dispute,
    touched,
)
from moderation_service.domain.shared.limits import Limits
from moderation_service.operations import restrictions
from moderation_service.operations.cases import Cases
from moderation_service.operations.disputes import Disputes
from moderation_service.operations.notifications import (
    Content,
    ConversationLockChanged,
    StandingChanged,
    describe_case,
    describe_dispute,
    removal_changed,
)
from moderation_service.operations.restrictions import PlacedStanding
from moderation_service.operations.sessions import read_revocations
from moderation_service.operations.working_set import CommandType, EventType, State, WorkingSet
from moderation_service.storage import audit as audit_storage
from moderation_service.storage import documents, indexes, notifications, targets
from moderation_service.storage.targets import StoredEvent, UsedKey
from service_kit import audit as chain
from service_kit.idempotency import Key
from service_kit.storage.clock import read_position
from service_kit.storage.writer import Transaction

_SALT_BYTES = 16


class UnitOfWork:
    """The changes of one transaction, with the rows that go with them.

    `changed` are the cases and disputes to which something happened, `revised` those of which only
    the time when their evidence expires is another, `forgotten` those whose evidence is deleted.
    `contents` of evidence stand with the case or dispute and the id of the evidence.
    """

    def __init__(
        self, limits: Limits, transaction: Transaction, cases: Cases, disputes: Disputes
    ) -> None:
        self.limits = limits
        self.transaction = transaction
        self.cases = cases
        self.disputes = disputes
        self.position = read_position(transaction.connection)
        self.changed: dict[str, None] = {}
        self.revised: dict[str, None] = {}
        self.events: list[Event] = []
        # By case or dispute, the task that changed it last, for its trace.
        self.causes: dict[str, object] = {}
        self.contents: list[tuple[str, str, bytes]] = []
        self.forgotten: dict[str, None] = {}
        # The case or dispute, the user and the alias of each.
        self.erasures: list[tuple[str, str, str]] = []

    def record(self, target: str, events: Sequence[Event], cause: object = None) -> None:
        """Record what has happened to a case or dispute, by the task `cause`."""
        self.changed[target] = None
        self.causes[target] = cause
        self.events += events

    def erase(
        self,
        aggregate: WorkingSet[State, EventType, CommandType],
        target: str,
        user: str,
        alias: str,
    ) -> None:
        """Leave a person out of all that was before, stored or not."""
        self.erasures.append((target, user, alias))
        aggregate.erase_before(target, user, alias)
        self.events = [
            _without_user(one, user, alias) if target_of(one) == target else one
            for one in self.events
        ]

    def without_erased(self, target: str, event: Event) -> Event:
        """Give an event that was stored before without those who are erased by now."""
        for erased, user, alias in self.erasures:
            if erased == target:
                event = _without_user(event, user, alias)
        return event

    def store(self, keys: Mapping[Key, UsedKey]) -> None:
        """Write all that is new, with the keys that were used for it, and tell it."""
        connection = self.transaction.connection
        if self.revised.keys() - self.changed.keys():
            self.transaction.touch()
        # What names a person is renamed first: then what is compared differs in nothing else.
        for target, user, alias in self.erasures:
            indexes.rename(connection, target, user, alias)
        self._store_cases()
        self._remove_statements()
        self._store_disputes()
        self._store_erasures()
        targets.insert_contents(
            connection, [one for one in self.contents if one[0] not in self.forgotten]
        )
        self._store_events()
        targets.insert_keys(connection, keys.items(), self.transaction.now)
        if self.events:
            self.transaction.touch()
            self._notify()

    def _store_cases(self) -> None:
        """Write cases, and the rows beside them."""
        connection, revision = self.transaction.connection, self.transaction.revision
        made, kept = self._timed(self.cases)
        targets.insert_cases(connection, made, revision)
        targets.update_cases(connection, kept)
        indexes.store_cases(connection, self._differences(self.cases), revision)

    def _remove_statements(self) -> None:
        """Let disputes follow what all cases, as they are stored now, say of their statements."""
        connection, now = self.transaction.connection, self.transaction.now
        statements = self._touched().statements
        removed = restrictions.read_removed(connection, statements, now)
        for name in statements:
            dispute, number = parse_statement_id(name)
            if (found := self.disputes.load(connection, dispute)) is not None:
                is_removed = bool(removed[name])
                effect = remove_statement(found, number, now, self.limits, removed=is_removed)
                self.record(self.disputes.keep(effect.state), effect.events)

    def _store_disputes(self) -> None:
        """Write disputes, and the rows beside them."""
        connection, revision = self.transaction.connection, self.transaction.revision
        made, kept = self._timed(self.disputes)
        targets.insert_disputes(connection, made, revision)
        targets.update_disputes(connection, kept)
        indexes.store_disputes(connection, self._differences(self.disputes), revision)

    def _timed(
        self, aggregate: WorkingSet[State, EventType, CommandType]
    ) -> tuple[list[tuple[State, int | None]], list[tuple[State, int | None]]]:
        """Give what is new, and what stood already, each with when its evidence expires."""
        names = [one for one in {**self.changed, **self.revised} if one in aggregate.states]
        new = [one for one in names if one not in aggregate.before]
        old = sorted(one for one in names if one in aggregate.before)
        made, kept = (
            [(aggregate.states[one], aggregate.expires_at(one)) for one in some]
            for some in (new, old)
        )
        return made, kept

    def _differences(
        self, aggregate: WorkingSet[State, EventType, CommandType]
    ) -> list[tuple[State | None, State]]:
        """Give what has changed as it was before, None for what is new, and as it is."""
        changed = [one for one in self.changed if one in aggregate.states]
        return [(aggregate.before.get(one), aggregate.states[one]) for one in changed]

    def _store_erasures(self) -> None:
        """Rewrite what was stored of those who are erased, and delete evidence and digests."""
        connection = self.transaction.connection
        erased = sorted({one for one, *_ in self.erasures})
        targets.forget_keys(connection, erased)
        histories = targets.find_histories(connection, erased)
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
        entries: list[chain.AuditEntry] = []
        for event in self.events:
            document, salt = documents.dump_event(event), secrets.token_bytes(_SALT_BYTES)
            happened.append((event, document, salt))
            entry = audit.append(head, event, audit.digest(document.encode(), salt))
            entries.append(entry)
            head = chain.head_of(entry)
        targets.insert_events(connection, happened, self.transaction.revision)
        audit_storage.insert_audit(connection, entries)

    # --- Notifications ----------------------------------------------------------------------

    def _notify(self) -> None:
        """Tell what has happened, and how those stand now whom it concerns."""
        told = [one for event in self.events for one in self._described(event)] + self._present()
        notifications.insert_notifications(
            self.transaction.connection,
            [one for one, _ in told],
            self.transaction.revision,
            self.transaction.now,
        )
        for one, content in told:
            self.transaction.emit(one.recipients, content, self.causes.get(one.target))

    def _described(self, event: Event) -> list[tuple[Notification, Content]]:
        """Say what an event means to those who learn of it."""
        now, limits = self.transaction.now, self.limits
        if not isinstance(event, CaseEvent):
            dispute = self.disputes.states[event.dispute]
            return [
                (one, describe_dispute(one, dispute, now, limits))
                for one in of_dispute(dispute, event)
            ]
        case = self.cases.states[event.case]
        # What it says is one reader's, and no other's.
        notes = [
            one._replace(recipients=readers)
            for one in of_case(case, event)
            for readers in _each(one.recipients)
        ]
        return [
            (one, content)
            for one in notes
            if (content := describe_case(one, case, now, limits)) is not None
        ]

    def _present(self) -> list[tuple[Notification, Content]]:
        """Tell those who refuse what is not allowed what has changed for them."""
        connection, now = self.transaction.connection, self.transaction.now
        found = self._touched()
        standings = restrictions.read_standings(connection, found.users, now, self.limits)
        revoked = read_revocations(connection, found.users, now)
        locked = restrictions.read_locked(connection, found.conversations, now)
        messages = [message for _, message in found.messages]
        removed = restrictions.read_removed(connection, messages, now)
        told: list[tuple[Notification, Content]] = []
        for user, place in found.users.items():
            standing = PlacedStanding(standings[user], self.position, revoked[user])
            one = Notification((user,), NotificationKind.STANDING_CHANGED, *place, "")
            told.append((one, StandingChanged(standing)))
        for name, place in found.conversations.items():
            one = Notification((), NotificationKind.CONVERSATION_LOCK_CHANGED, *place, name)
            told.append((one, ConversationLockChanged(name, name in locked)))
        for (_, message), place in found.messages.items():
            one = Notification((), NotificationKind.MESSAGE_REMOVAL_CHANGED, *place, message)
            case = self.cases.states[one.target]
            told.append((one, removal_changed(case, message, removed[message])))
        return told

    def _touched(self) -> Touched:
        """Tell whose restrictions may have changed."""
        return touched(
            (self.cases.states[one.case], one) for one in self.events if isinstance(one, CaseEvent)
        )


def _each(recipients: Sequence[str]) -> Sequence[tuple[str, ...]]:
    """Give each of the recipients alone; what is for nobody is for services."""
    return [(one,) for one in recipients] or [()]


def _without_user(event: Event, user: str, alias: str) -> Event:
    if isinstance(event, CaseEvent):
        return case_erasure.without_user(event, user, alias)
    return dispute_erasure.without_user(event, user, alias)
