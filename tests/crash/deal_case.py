"""A deal that is right, as devices recorded it and as it is stored, for tests to spoil."""

from collections.abc import Sequence
from typing import Any

from negotiation_service.domain.decision import running_timers
from negotiation_service.domain.entities import Deal
from negotiation_service.domain.events import Event as ServiceEvent
from negotiation_service.domain.events import offer_made, offer_of, recipients
from negotiation_service.domain.limits import HOUR
from negotiation_service.domain.views import Snapshot
from parley_protocol.packets import Op
from service_kit.rules import Position
from tests.crash.books import Books, EventRow, KeyRow, ServiceRow
from tests.crash.checker import check
from tests.crash.recording import (
    Alerted,
    Answered,
    Commanded,
    Connected,
    DeviceRecord,
    Entry,
    Event,
    Happened,
    Sent,
    Shown,
    Stored,
    Updated,
)
from tests.negotiation_service.story import PRICE, Story

C, S = "talk-1", "service-1"
EUR = {"currency": "EUR"}
PROPOSAL = {"conversation": C, "title": "A logo", "price": {"amount_minor": PRICE, **EUR}}
# Actor, step of the story, packet and what it says; time is nobody.
STEPS: Sequence[tuple[str, str, int, dict[str, Any]]] = (
    ("bob", "counter", Op.PRICE_EDITED, {"price": {"amount_minor": 9_000, **EUR}, "base_offer": 1}),
    ("", "offer reminder", 0, {}),
    (
        "ann",
        "accept own",
        Op.NEGOTIATION_END,
        {"outcome": "agreed", "offer": 2, "price": {"amount_minor": 9_000, **EUR}},
    ),
    ("ann", "deliver", Op.SERVICE_TERMINATED, {"outcome": "delivered", "reason": "because"}),
    ("bob", "complete", Op.SERVICE_TERMINATED, {"outcome": "completed", "reason": "because"}),
    ("ann", "note", Op.NOTE_SUBMITTED, {"score": 5, "comment": "5 from ann"}),
    ("bob", "note back", Op.NOTE_SUBMITTED, {"score": 1, "comment": "1 from bob"}),
)


def shown(snapshot: Snapshot) -> Shown:
    """A snapshot as a device records it."""
    offer = snapshot.offer or snapshot.amendment
    mine, theirs = snapshot.notes.mine, snapshot.notes.theirs
    return Shown(
        snapshot.service,
        snapshot.conversation,
        snapshot.seq,
        snapshot.state,
        (offer.number, offer.price) if offer else None,
        (snapshot.agreed.version, snapshot.agreed.price) if snapshot.agreed else None,
        mine.score if mine else None,
        theirs.score if theirs else None,
    )


class Case:
    """Ann and Bob have come to terms, from her proposal to the notes of both, and all is well.

    The delivery takes them some hours.
    """

    def __init__(self, steps: int = len(STEPS), hours: int = 0) -> None:
        self.ann: list[Event] = [Connected(resumed=False)]
        self.bob: list[Event] = [Connected(resumed=False)]
        self.laptop: list[Event] = [Connected(resumed=False)]
        self.history: list[Entry] = []
        self.events: list[EventRow] = []
        self.keys: dict[tuple[str, str], KeyRow] = {}
        self.revision = 0
        # Somebody has to say something first.
        self.write(Entry(1, "m1", "ann", "Hello"))
        self.ann += [Sent("words", "Hello"), Stored("words", C, 1, "m1")]
        self.story = Story()
        self.happen("ann", Op.SERVICE_CREATED, PROPOSAL, self.story.events)
        for actor, step, op, body in STEPS[:steps]:
            if step == "deliver":
                self.story.now += hours * HOUR
            self.happen(actor, op, {"service": S, **body}, self.story.take(step).events)
        # A revision of its own for each command.
        self.clock = Position("epoch", self.revision)
        self.followed: Position | None = self.clock
        deal = self.deal
        self.services = {
            S: ServiceRow(
                C,
                deal.provider,
                deal.client,
                1,
                deal.created_at,
                self.revision,
                deal.state,
                deal.is_open,
                deal,
            )
        }
        self.offers = {
            S: [
                (row.revision, offer)
                for row in self.events
                if (offer := offer_made(row.event)) is not None
            ]
        }
        self.timers = {S: {one.timer.value: one.due_at for one in running_timers(deal)}}

    @property
    def deal(self) -> Deal:
        return self.story.deal

    def devices(self, user: str) -> list[list[Event]]:
        return [self.bob] if user == "bob" else [self.ann, self.laptop]

    def write(self, entry: Entry) -> None:
        """Put a message into the history, and alert everyone of it."""
        self.history.append(entry)
        for device in (self.ann, self.bob, self.laptop):
            device.append(Alerted(C, entry))

    def happen(
        self, actor: str, op: int, body: dict[str, Any], events: Sequence[ServiceEvent]
    ) -> None:
        """A command is answered, its events are stored and told."""
        self.revision += 1
        key = f"key {self.revision}"
        own = next(event for event in reversed(events) if event.timer is None or not actor)
        if actor:
            view = shown(self.story.show(actor))
            device = self.devices(actor)[0]
            device += [Commanded(key, op, body), Answered(key, own.cause, view, "all of it")]
            self.keys[actor, key] = KeyRow(self.revision, S, events[-1].seq)
        for event in events:
            told = recipients(self.deal, event)
            self.events.append(EventRow(self.revision, frozenset(told), event))
            for user in told:
                for device in self.devices(user):
                    device.append(Updated(event.cause, shown(self.story.show(user))))
            if event.cause not in {"note_submitted", "reminder"}:
                self.write(self.entry(event))

    def entry(self, event: ServiceEvent) -> Entry:
        seq, offer = len(self.history) + 1, offer_of(event)
        price = offer.price if offer else None
        happened = Happened(S, event.cause, event.by, event.state, price, event.reason)
        return Entry(seq, f"m{seq}", event.by, "", happened)

    def names(self, bob: DeviceRecord | None = None) -> list[str]:
        """The names of the violations, by `bob` in place of what his device was told here."""
        recording = {
            "ann.0": DeviceRecord("ann", self.ann),
            "ann.1": DeviceRecord("ann", self.laptop),
            "bob.0": bob or DeviceRecord("bob", self.bob),
        }
        books = Books(
            self.clock,
            self.followed,
            self.services,
            {S: self.events},
            self.offers,
            self.timers,
            self.keys,
        )
        history = {C: {"ann": self.history, "bob": self.history}}
        return [violation.name for violation in check(recording, history, books)]

    def renumber(self) -> None:
        """Give the history its seqs anew, and tell everyone of it as it is now."""
        self.history = [
            entry._replace(seq=seq, message=f"m{seq}")
            for seq, entry in enumerate(self.history, start=1)
        ]
        for device in (self.ann, self.bob, self.laptop):
            device[:] = [one for one in device if not isinstance(one, Alerted)]
            device += [Alerted(C, entry) for entry in self.history]

    def index(self, cause: str) -> int:
        """The index of an event in the history."""
        return next(
            number
            for number, entry in enumerate(self.history)
            if entry.event is not None and entry.event.cause == cause
        )


def find(device: list[Event], kind: type[Any], cause: str) -> int:
    """The index of an answer to a device, or of an update."""
    return next(
        number
        for number, event in enumerate(device)
        if isinstance(event, kind) and event.cause == cause
    )
