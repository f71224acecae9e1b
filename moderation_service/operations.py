"""The one operation: it carries out commands of every kind, in the order in which they came.

What they concern is read at once, `decide` decides them one after the other, each with what the one
before has left, and what came of it is written at once. Refusals are outcomes.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from moderation_service import audit, documents, lookups, news_storage, restrictions, storage
from moderation_service.changes import Change, Event
from moderation_service.commands import (
    Command,
    CreateDispute,
    CreateReport,
    EraseUser,
    ExpireEvidence,
    ModeratorCommand,
    PersonCommand,
)
from moderation_service.dispute_entities import Dispute
from moderation_service.domain import check, decide
from moderation_service.entities import Case
from moderation_service.erasure import erase_user, expires_at
from moderation_service.history import (
    ChangedKind,
    ConversationLockChanged,
    MessageRemovalChanged,
    Note,
    StandingChanged,
    Told,
    all_touched,
    notes,
    replay_until,
    tell,
)
from moderation_service.idempotency import fingerprint
from moderation_service.known import Known
from moderation_service.limits import Limits
from moderation_service.refusals import Reason, not_found
from moderation_service.shown import PlacedStanding, Shown, about, show, show_current
from moderation_service.standing import Standing
from moderation_service.storage import StoredEvent, UsedKey, target_of
from moderation_service.views import show_standing
from service_kit.clock import Position, read_position
from service_kit.rules import Refusal
from service_kit.writer import Operation, Transaction

_SALT_BYTES = 16


class Task(NamedTuple):
    """A command, with what the rules do not look at.

    `target` is the case or dispute of EraseUser and ExpireEvidence; `contents` are those of the
    evidence of the command, by id.
    """

    command: Command
    target: str = ""
    contents: Mapping[str, bytes] = {}


class Answer(NamedTuple):
    """What a command came to: the case or dispute then, and what of it the actor is shown.

    A duplicate is answered as the first time, and nothing happens. `next_due` tells when time ends
    the state of the dispute.
    """

    target: Case | Dispute
    shown: Shown | None
    events: tuple[Event, ...]
    duplicate: bool
    next_due: int | None


class _Run:
    """One run of the operation: what was found, and what comes of it."""

    def __init__(self, limits: Limits, transaction: Transaction, tasks: Sequence[Task]) -> None:
        connection = transaction.connection
        self.limits = limits
        self.transaction = transaction
        keys = [key for one in tasks if (key := _key(one.command))]
        self.keys = storage.find_keys(connection, keys)
        used = {one.target for one in self.keys.values()}
        self.histories = storage.find_histories(connection, used)
        self.known = Known(
            connection,
            transaction.now,
            limits,
            [(one.command, one.target) for one in tasks],
        )
        self.position = read_position(connection)
        self.answered: dict[tuple[str, str], Answer] = {}
        self.used: dict[tuple[str, str], UsedKey] = {}
        self.changed: dict[str, None] = {}
        # Of which only the time when their evidence expires is another.
        self.revised: dict[str, None] = {}
        self.events: list[Event] = []
        self.contents: list[tuple[str, str, bytes]] = []
        self.forgotten: dict[str, None] = {}
        self.erasures: list[tuple[str, EraseUser]] = []

    def carry_out(self, task: Task) -> Answer | Refusal:
        """Decide one command, after all before it; once for each idempotency key."""
        key = _key(task.command)
        if key is None:
            return self.answer(task)
        if key in self.keys:
            return self.repeat(key, task.command)
        answer = self.answer(task)
        if isinstance(answer, Answer):
            self.used[key] = self.keys[key] = UsedKey(
                fingerprint(task.command),
                answer.target.id,
                answer.target.seq,
                about(task.command),
            )
            self.answered[key] = answer._replace(events=(), duplicate=True, next_due=None)
        return answer

    def repeat(self, key: tuple[str, str], command: Command) -> Answer | Refusal:
        """Answer a key that has been used: the same answer for the same command only."""
        used = self.keys[key]
        if used.fingerprint != fingerprint(command):
            return Refusal(
                Reason.IDEMPOTENCY_KEY_CONFLICT,
                "this idempotency key was used for another command",
                "idempotency_key",
            )
        if key in self.answered:
            return self.answered[key]
        target, at = replay_until(self.history(used.target), used.seq)
        shown = show(command, target, used.about, at, self.limits)
        return Answer(target, shown, (), duplicate=True, next_due=None)

    def history(self, target: str) -> list[Event]:
        """Give what has happened to a case or dispute, to what this transaction has done to it."""
        if target not in self.histories:
            self.histories |= storage.find_histories(self.transaction.connection, (target,))
        stored = [self.without_erased(target, one.event) for one in self.histories[target]]
        return stored + [one for one in self.events if target_of(one) == target]

    def answer(self, task: Task) -> Answer | Refusal:
        """Decide a command and keep what it changes."""
        now, limits = self.transaction.now, self.limits
        command = self.known.complete(task.command)
        concerned = self.known.concerned(command, task.target)
        if concerned is None and isinstance(command, EraseUser | ExpireEvidence):
            return not_found(Reason.CASE_NOT_FOUND)
        # Which state goes with which command is `concerned`'s to know, and no type's.
        state: Any = concerned
        decided: Change[Case] | Change[Dispute] | Refusal = decide(state, command, now, limits)
        if isinstance(command, ExpireEvidence) and concerned is not None:
            # However it ends, it is not to be asked again before something says so.
            self.revised[concerned.id] = None
        if isinstance(decided, Refusal):
            return self.show_current(decided, command)
        self.keep(task, decided)
        target = decided.state
        shown = show(command, target, about(command), now, limits)
        next_due = target.due_at if isinstance(target, Dispute) else None
        return Answer(target, shown, decided.events, duplicate=False, next_due=next_due)

    def show_current(self, refusal: Refusal, command: Command) -> Refusal:
        """Let a refusal bear how things stand as the actor sees them."""
        now, limits = self.transaction.now, self.limits
        if isinstance(refusal.current, Standing):
            user = refusal.current.user
            view = show_standing(user, self.known.cases_against(user), now, limits)
            # This transaction may come to nothing; what it has read is what was before it.
            place = Position(self.position.epoch, self.position.revision - 1)
            return replace(refusal, current=PlacedStanding(view, place))
        return show_current(refusal, command, now, limits)

    def keep(self, task: Task, decided: Change[Case] | Change[Dispute]) -> None:
        """Keep what a decision has changed."""
        command, target = task.command, decided.state
        if not decided.events:
            return
        if isinstance(command, EraseUser):
            self.erase(target.id, command)
        if isinstance(command, EraseUser | ExpireEvidence):
            self.forgotten[target.id] = None
        if isinstance(command, CreateReport | CreateDispute):
            self.contents += [
                (target.id, one.id, task.contents[one.id]) for one in command.evidence
            ]
        self.known.change(target)
        self.changed[target.id] = None
        self.events += decided.events

    def erase(self, target: str, command: EraseUser) -> None:
        """Leave a person out of all that was before, stored or not."""
        user, alias = command.user, command.alias
        self.erasures.append((target, command))
        if (before := self.known.before.get(target)) is not None:
            self.known.before[target] = erase_user(before, user, alias)
        self.events = [
            erase_user(one, user, alias) if target_of(one) == target else one for one in self.events
        ]
        self.answered = {
            key: answer for key, answer in self.answered.items() if answer.target.id != target
        }
        for key, used in [*self.keys.items()]:
            if used.target == target and key[0] == user:
                del self.keys[key]
                self.used.pop(key, None)

    # --- Writing ----------------------------------------------------------------------------

    def store(self) -> None:
        """Write all that is new, and tell it."""
        transaction, connection = self.transaction, self.transaction.connection
        for target in self.revised:
            if target not in self.changed:
                transaction.touch()
        self.store_targets()
        self.store_erasures()
        storage.insert_contents(
            connection, [one for one in self.contents if one[0] not in self.forgotten]
        )
        self.store_events()
        storage.insert_keys(connection, self.used.items())
        if self.events:
            transaction.touch()
            self.tell()

    def store_targets(self) -> None:
        """Write cases and disputes, and the rows beside them."""
        connection, revision = self.transaction.connection, self.transaction.revision
        now, limits = self.transaction.now, self.limits
        before, after = self.known.before, self.known.targets
        # What names a person is renamed first: then what is compared differs in nothing else.
        for target, command in self.erasures:
            lookups.rename(connection, target, command.user, command.alias)
        changes = [lookups.Change(before.get(one), after[one]) for one in self.changed]
        timed = {
            one: (after[one], expires_at(after[one], now, limits))
            for one in (*self.changed, *self.revised)
        }
        storage.insert_targets(
            connection, [one for name, one in timed.items() if name not in before], revision
        )
        storage.update_targets(connection, [timed[one] for one in sorted(timed) if one in before])
        lookups.store(connection, changes, revision)

    def store_erasures(self) -> None:
        """Rewrite what was stored of those who are erased, and delete the evidence."""
        connection = self.transaction.connection
        histories = storage.find_histories(connection, {target for target, _ in self.erasures})
        for target, history in histories.items():
            storage.rewrite_events(connection, target, self.rewritten(target, history))
        storage.forget_contents(connection, sorted(self.forgotten))

    def rewritten(self, target: str, history: Sequence[StoredEvent]) -> list[Event]:
        """Give the stored events that say something else without those who are erased."""
        both = [(one.event, self.without_erased(target, one.event)) for one in history]
        return [after for before, after in both if after != before]

    def without_erased(self, target: str, event: Event) -> Event:
        """Give an event that was stored before without those who are erased by now."""
        for erased, command in self.erasures:
            if erased == target:
                event = erase_user(event, command.user, command.alias)
        return event

    def store_events(self) -> None:
        """Write the events, each with the entry of the audit log that commits to it."""
        connection = self.transaction.connection
        if not self.events:
            return
        head = storage.find_head(connection)
        happened: list[tuple[Event, str, bytes]] = []
        entries: list[audit.AuditEntry] = []
        for event in self.events:
            document, salt = documents.dump_event(event), secrets.token_bytes(_SALT_BYTES)
            happened.append((event, document, salt))
            entry = audit.append(head, event, audit.digest(document.encode(), salt))
            entries.append(entry)
            head = audit.head_of(entry)
        storage.insert_events(connection, happened, self.transaction.revision)
        storage.insert_audit(connection, entries)

    # --- Telling ----------------------------------------------------------------------------

    def tell(self) -> None:
        """Tell what has happened, and how those stand whom it concerns."""
        now, limits = self.transaction.now, self.limits
        happened = [(self.known.targets[target_of(one)], one) for one in self.events]
        told: list[tuple[Note, Told | None]] = [
            (note, tell(note, target, now, limits))
            for target, event in happened
            for note in notes(target, event)
        ]
        told += self.how_things_stand(happened)
        said = [(note, what) for note, what in told if what is not None]
        news_storage.insert_notes(
            self.transaction.connection, [note for note, _ in said], self.transaction.revision
        )
        for note, what in said:
            self.transaction.emit(note.recipients, what)

    def how_things_stand(
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


def _key(command: Command) -> tuple[str, str] | None:
    """Give the actor and the idempotency key of a command; None without one."""
    if isinstance(command, EraseUser) or not isinstance(command, PersonCommand | ModeratorCommand):
        return None
    return (command.actor, command.idempotency_key) if command.idempotency_key else None


def carry_out(
    limits: Limits, transaction: Transaction, tasks: Sequence[Task]
) -> list[Answer | Refusal]:
    """Carry out commands in their order; each has its own outcome."""
    refusals = [check(one.command, limits) for one in tasks]
    run = _Run(
        limits,
        transaction,
        [one for one, refusal in zip(tasks, refusals, strict=True) if refusal is None],
    )
    outcomes = [
        run.carry_out(task) if refusal is None else refusal
        for task, refusal in zip(tasks, refusals, strict=True)
    ]
    run.store()
    return outcomes


def operation(limits: Limits) -> Operation[Task, Answer | Refusal]:
    """Bind the limits: made once, for the writer groups by identity."""
    return partial(carry_out, limits)
