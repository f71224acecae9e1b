"""The recording and the books, with the lookups that several checks share."""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import NamedTuple

from negotiation_service.domain.decision import running_timers, settle
from negotiation_service.domain.entities import Deal
from negotiation_service.domain.events import Cause, evolve
from negotiation_service.domain.limits import Limits
from tests.crash.books import Books, EventRow
from tests.crash.recording import (
    Commanded,
    Connected,
    DeviceRecord,
    Entry,
    Event,
    History,
    Recording,
    Refused,
    Resumed,
    Resuming,
    Sent,
    Shown,
)

# What settles is shown without its further deadlines, so that any durations will do.
_LIMITS = Limits({})


class Violation(NamedTuple):
    """A promise that was broken, and where it shows."""

    name: str
    detail: str

    def __str__(self) -> str:
        return f"{self.name}: {self.detail}"


class Stage(NamedTuple):
    """A service as its first events make it; and as each party may see it then."""

    deal: Deal
    views: dict[str, Shown]


class Findings:
    """A recording, a history and the books, with what several checks look up in them.

    `moderation_kills` is how often moderation was killed: of a resume that it dies under, only what
    others had to tell is sure to come.
    """

    def __init__(
        self, recording: Recording, history: History, books: Books, moderation_kills: int = 0
    ) -> None:
        self.recording = recording
        self.history = history
        self.books = books
        self.moderation_kills = moderation_kills
        # Each conversation as its first participant sees it; `views_agree` compares the others'.
        self.entries: dict[str, list[Entry]] = {
            conversation: next(iter(views.values())) for conversation, views in history.items()
        }
        self.at: dict[tuple[str, int], list[Entry]] = defaultdict(list)
        self.place: dict[str, tuple[str, int]] = {}
        for conversation, entries in self.entries.items():
            for entry in entries:
                self.at[conversation, entry.seq].append(entry)
                self.place[entry.message] = (conversation, entry.seq)
        # Who sent what under which key. Every key has a text, or a command, of its own.
        self.texts: dict[str, tuple[str, str]] = {}
        self.commands: dict[str, tuple[str, Commanded]] = {}
        self.times_sent: Counter[str] = Counter()
        # The devices that sent it.
        self.senders: dict[str, set[str]] = defaultdict(set)
        for name, record in recording.items():
            for event in record.events:
                if isinstance(event, Sent):
                    self.texts[event.key] = (record.user, event.text)
                elif isinstance(event, Commanded):
                    self.commands[event.key] = (record.user, event)
                else:
                    continue
                self.times_sent[event.key] += 1
                self.senders[event.key].add(name)
        # Of services whose events lead from nothing on; `events_are_dense` finds the others.
        self.stages: dict[str, list[Stage]] = {
            service: _stages(rows) for service, rows in books.events.items() if is_dense(rows)
        }

    @staticmethod
    def refused_as_sanctioned(record: DeviceRecord) -> bool:
        """Tell whether anything of this device was refused because of a sanction."""
        return any(isinstance(one, Refused) and one.code == "SANCTIONED" for one in record.events)


Check = Callable[[Findings], Iterator[Violation]]


def is_dense(rows: Sequence[EventRow]) -> bool:
    """Tell whether a service's events are all there: from its creation on, without a hole."""
    seqs = [row.event.seq for row in rows]
    return seqs == list(range(1, len(rows) + 1)) and rows[0].event.cause is Cause.CREATED


def _stages(rows: Sequence[EventRow]) -> list[Stage]:
    stages: list[Stage] = []
    deal: Deal | None = None
    for count, row in enumerate(rows, start=1):
        deal = evolve(deal, row.event)
        views = {}
        for reader in deal.parties:
            # Nobody may see from a number that the other has rated already.
            known = sum(reader in one.told for one in rows[:count])
            views[reader] = _view(deal, reader, count if deal.revealed_at is not None else known)
        stages.append(Stage(deal, views))
    return stages


def foreseen(stages: Sequence[Stage], reader: str, until: int) -> set[Shown]:
    """Give the states that a reader may be shown ahead of the events, at times up to `until`.

    A read counts as happened what is due by then. A command that was decided before and is stored
    after may yet make it happen otherwise.
    """
    found = set()
    for deal, views in stages:
        for due_at in {one.due_at for one in running_timers(deal) if one.due_at <= until}:
            settled = settle(deal, due_at, _LIMITS).deal
            version = views[reader].version + settled.seq - deal.seq
            if settled.revealed_at is not None:
                version = settled.seq
            found.add(_view(settled, reader, version))
    return found


def _view(deal: Deal, reader: str, version: int) -> Shown:
    mine, theirs = deal.note_of(reader), deal.note_of(deal.peer(reader))
    return Shown(
        deal.id,
        deal.conversation,
        version,
        deal.state,
        None if deal.offer is None else (deal.offer.number, deal.offer.price),
        None if deal.agreed is None else (deal.agreed.version, deal.agreed.price),
        None if mine is None else mine.score,
        None if theirs is None or deal.revealed_at is None else theirs.score,
    )


class Order:
    """The numbers up to which a device was told of each thing, in ascending order.

    They need not ascend while the device has yet to resume: what happens may come before what was
    missed. If it does not come to that, the next connection brings all of it again.
    """

    def __init__(self) -> None:
        self._ordered = self._first = True
        self._latest: dict[Hashable, int] = defaultdict(int)
        self._early: dict[Hashable, int] = defaultdict(int)

    def follow(self, event: Event) -> None:
        """Learn of a connection, or that it is resumed."""
        match event:
            case Connected(resumed):
                # The first connection has missed nothing.
                self._ordered, self._first = resumed or self._first, False
                self._early.clear()
            case Resuming():
                self._ordered = False
            case Resumed(complete, asked):
                # What even that could not bring is looked up, and not told.
                self._ordered = complete or asked
                if self._ordered:
                    for thing, number in self._early.items():
                        self._latest[thing] = max(number, self._latest[thing])
                    self._early.clear()

    def is_behind(self, thing: Hashable, number: int) -> bool:
        """Tell whether this comes too late."""
        return self._ordered and number < self._latest[thing]

    def note(self, thing: Hashable, number: int) -> None:
        """The device was told this."""
        told = self._latest if self._ordered else self._early
        told[thing] = max(number, told[thing])
