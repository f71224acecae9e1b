"""Deals: each pair goes from a proposal to the notes of both, and then begins anew.

A person acts when told of what the other has done. After the completion both write their notes, and
when these are revealed the next deal begins.
"""

import asyncio
import time
from collections import deque

from bench.driver import Crowd, Person, Status
from bench.measurements.load import (
    WARM_UP_SECONDS,
    cost_figures,
    driver_figure,
    own_cpu_seconds,
    until,
    users,
)
from bench.report.figures import Figure, latencies
from bench.systems.system import System

# A deal is: created, countered, agreed, delivered, completed, and a note of each.
_COMMANDS = 7
# Both are told of all of them; of a note its author alone, and both that the notes are revealed.
_UPDATES = 2 * 5 + 2 + 2
# And all but the notes themselves stand in the conversation, for both.
_EVENTS = 2 * 6
# Of what one does, the other is told.
_TOLD_TO_THE_OTHER = ("created", "countered", "agreed", "delivered", "completed")
_OFFER = {"amount_minor": 10_000, "currency": "EUR"}
_COUNTER_OFFER = {"amount_minor": 12_000, "currency": "EUR"}


class _Counts:
    """Counters shared by all pairs of a round."""

    def __init__(self) -> None:
        self.begun = self.deals = self.answers = self.updates = self.events = 0
        self.to_answer_ns: list[int] = []
        self.to_update_ns: list[int] = []
        self.to_event_ns: list[int] = []
        self.going = True
        self.counted, self.settled = asyncio.Event(), asyncio.Event()
        self.begin()

    def begin(self) -> None:
        """Begin to measure."""
        for delays_ns in (self.to_answer_ns, self.to_update_ns, self.to_event_ns):
            delays_ns.clear()
        self.before = self.deals, self.answers
        self.counted.clear()

    def settle(self) -> None:
        if self.to_answer_ns and self.to_update_ns and self.to_event_ns:
            self.counted.set()
        found = (self.deals, self.answers, self.updates, self.events)
        each = (1, _COMMANDS, _UPDATES, _EVENTS)
        if not self.going and found == tuple(self.begun * one for one in each):
            self.settled.set()

    def missing(self) -> str:
        return (
            f"{self.begun} deals began and {self.deals} came to their end, "
            f"with {self.answers} answers, {self.updates} updates, {self.events} events"
        )


class _Party(Person):
    """One of a pair: the client proposes, the provider does the work."""

    def __init__(self, user: str, counts: _Counts) -> None:
        super().__init__(user)
        self.counts = counts
        self.other: _Party
        self.service = ""
        # When commands were sent that have no answer yet, by id; and those of which the other has
        # not had the update, or the event, by cause.
        self.asked_ns: dict[int, int] = {}
        self.updates_due: dict[str, deque[int]] = {cause: deque() for cause in _TOLD_TO_THE_OTHER}
        self.events_due: dict[str, deque[int]] = {cause: deque() for cause in _TOLD_TO_THE_OTHER}

    def do(self, cause: str, op: int, **d: object) -> None:
        """Send a command, and expect the change that it causes."""
        now = time.perf_counter_ns()
        if cause in self.updates_due:
            self.updates_due[cause].append(now)
            self.events_due[cause].append(now)
        self.asked_ns[self.ask(op, d)] = now

    def on_update(self, re: int | None, cause: str, service: str) -> None:
        counts, now = self.counts, time.perf_counter_ns()
        if re is None:
            counts.updates += 1
            if due := self.other.updates_due.get(cause):
                counts.to_update_ns.append(now - due.popleft())
            self.service = service
            self.on_change(cause)
        else:
            counts.answers += 1
            counts.to_answer_ns.append(now - self.asked_ns.pop(re))
        counts.settle()

    def on_change(self, cause: str) -> None:
        """Take the next step of the deal, if it is this party's turn."""

    def on_event(self, cause: str, cursor: str | None) -> None:
        counts = self.counts
        counts.events += 1
        if due := self.other.events_due.get(cause):
            counts.to_event_ns.append(time.perf_counter_ns() - due.popleft())
        if cause == "notes_revealed":
            self.confirm(cursor)
        counts.settle()


class _Client(_Party):
    """Begins each deal."""

    conversation = ""

    def on_status(self, status: Status) -> None:
        if status.status == "stored":
            self.conversation = status.conversation
            self.propose()

    def propose(self) -> None:
        if self.counts.going:
            self.counts.begun += 1
            terms = {"role": "client", "title": "Kitchen tap", "price": _OFFER}
            self.do("created", 0xE1, conversation=self.conversation, **terms)

    def on_change(self, cause: str) -> None:
        about = {"service": self.service}
        match cause:
            case "countered":
                accepted = {"outcome": "agreed", "offer": 2, "price": _COUNTER_OFFER}
                self.do("agreed", 0xE6, **about, **accepted)
            case "delivered":
                self.do("completed", 0xE4, **about, outcome="completed")
            case "completed":
                self.do("note_submitted", 0xE2, **about, score=5, comment="Quick")
            case "notes_revealed":
                self.counts.deals += 1
                self.propose()


class _Provider(_Party):
    """Answers."""

    def on_change(self, cause: str) -> None:
        about = {"service": self.service}
        match cause:
            case "created":
                self.do("countered", 0xE5, **about, price=_COUNTER_OFFER, base_offer=1)
            case "agreed":
                self.do("delivered", 0xE4, **about, outcome="delivered")
            case "completed":
                self.do("note_submitted", 0xE2, **about, score=4, comment="Friendly")


async def measure(system: System, name: str, *, pairs: int, seconds: float) -> list[Figure]:
    """One round of at least so many seconds, and until something was counted. `name` keeps its
    people apart from those of other rounds.

    Raises RuntimeError when a command was refused, or something not told, or told twice.
    """
    counts = _Counts()
    people: list[_Party] = []
    for number in range(pairs):
        client, provider = users(name, number)
        pair = _Client(client, counts), _Provider(provider, counts)
        pair[0].other, pair[1].other = pair[1], pair[0]
        people += pair
    async with Crowd(system) as crowd:
        await crowd.join(people)
        for client_of_pair in people[::2]:
            client_of_pair.write(client_of_pair.other.user, "Hello")
        await crowd.wait(asyncio.sleep(WARM_UP_SECONDS))
        counts.begin()
        before, own = system.used(), own_cpu_seconds()
        start = time.perf_counter()
        await crowd.wait(asyncio.sleep(seconds))
        await until(crowd, counts.counted, lambda: "nothing was carried out")
        elapsed = time.perf_counter() - start
        deals, answers = counts.deals - counts.before[0], counts.answers - counts.before[1]
        figures = [
            Figure("commands", "/s", answers / elapsed),
            Figure("deals", "/s", deals / elapsed),
            *latencies("command to answer", counts.to_answer_ns),
            *latencies("command to the other's update", counts.to_update_ns),
            *latencies("command to its event in the conversation", counts.to_event_ns),
            *cost_figures(system, before, answers, "a command"),
            driver_figure(own, elapsed),
        ]
        # The deals that have begun come to their end, and nothing of them may be missing.
        counts.going = False
        counts.settle()
        await until(crowd, counts.settled, counts.missing)
    return figures
