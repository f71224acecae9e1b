"""Compares what people were answered and told of services with what is stored."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain

from negotiation_service.domain.entities import CancellationRequest
from negotiation_service.domain.events import Cause, offer_of
from tests.crash.book_checks import own_event
from tests.crash.books import UNTOLD, EventRow
from tests.crash.findings import Check, Findings, Order, Violation, foreseen
from tests.crash.recording import (
    Answered,
    Commanded,
    DeviceRecord,
    Happened,
    Listed,
    Refused,
    Shown,
    Updated,
)

# After the last event somebody may still have read.
_LATEST_READ_MS = 10_000


# Answers.


def answers_are_kept(findings: Findings) -> Iterator[Violation]:
    """Find commands that were answered as done and are not in the books, keys with two answers, and
    commands done though they were refused for good.
    """
    first: dict[str, Answered] = {}
    for name, record in findings.recording.items():
        refused: set[str] = set()
        # How often each was sent, and of what is done how many tries may yet be refused: a device
        # that comes back sends again what may be under way, and one try may have come too early.
        tries: Counter[str] = Counter()
        early: dict[str, int] = {}
        for event in record.events:
            match event:
                case Commanded(key):
                    tries[key] += 1
                case Answered(key):
                    before = first.setdefault(key, event)
                    if event.whole != before.whole:
                        yield Violation("DIFFERENT ANSWER", f"{key} of {name}")
                    elif event is before:
                        yield from _answer_is_kept(findings, name, record.user, event)
                    early.setdefault(key, tries[key] - 1)
                    refused.discard(key)
                case Refused(_, "SANCTIONED"):
                    # What was done before the sanction stays done.
                    continue
                case Refused(key, _, retryable=False) if key not in early:
                    refused.add(key)
                case Refused(key, _, retryable=False):
                    early[key] -= 1
                    if early[key] < 0:
                        yield Violation("DIFFERENT ANSWER", f"{key} of {name}: done, and refused")
        for key in sorted(refused):
            # Of two devices that send it, one may come too early and the other in time.
            if (record.user, key) in findings.books.keys and findings.senders[key] == {name}:
                yield Violation("DONE THOUGH REFUSED", f"{key} of {name}")


def _answer_is_kept(
    findings: Findings, name: str, user: str, answer: Answered
) -> Iterator[Violation]:
    row = findings.books.keys.get((user, answer.key))
    if row is None or row.service != answer.shown.service:
        yield Violation("LOST", f"{answer.key} of {name}, answered as {answer.cause}")
        return
    own = own_event(findings.books.events.get(row.service, ()), row.seq)
    if own is None or own.event.cause != answer.cause:
        yield Violation("LOST", f"{answer.key} of {name}, answered as {answer.cause}")
        return
    stages = findings.stages.get(row.service)
    if stages and stages[row.seq - 1].views.get(user) != answer.shown:
        yield Violation("NOT TRUE", f"{answer.key} of {name} was answered {answer.shown}")


def prices_are_agreed_once(findings: Findings) -> Iterator[Violation]:
    """Find agreements told with different prices, or with one that nobody named."""
    agreed: dict[tuple[str, int], int] = {}
    for name, record in findings.recording.items():
        for event, shown in _shown(record):
            if shown.agreed is None:
                continue
            version, price = shown.agreed
            if agreed.setdefault((shown.service, version), price) != price:
                other = agreed[shown.service, version]
                yield Violation("TWO PRICES", f"{shown.service}: {name} {price}, others {other}")
            if isinstance(event, Answered) and event.cause in (Cause.AGREED, Cause.AMENDED):
                named = findings.commands[event.key][1].body["price"]["amount_minor"]
                if named != price:
                    what = f"{name} agreed to {named}, and was answered {price}"
                    yield Violation("TWO PRICES", f"{shown.service}: {what}")


# What people were told.


def _shown(record: DeviceRecord) -> Iterator[tuple[object, Shown]]:
    for event in record.events:
        if isinstance(event, Answered | Updated | Listed | Refused) and event.shown is not None:
            yield event, event.shown


def what_is_shown_was_true(findings: Findings) -> Iterator[Violation]:
    """At some time, and nobody saw of a sealed note more than its author. Who looks a service up
    may see ahead what is due.
    """
    happened = chain.from_iterable(findings.books.events.values())
    until = max((row.event.at for row in happened), default=0) + _LATEST_READ_MS
    for name, record in findings.recording.items():
        for event, shown in _shown(record):
            stages = findings.stages.get(shown.service)
            if stages is None:
                if shown.service not in findings.books.events:
                    yield Violation("LOST", f"{name} was shown {shown}")
                continue
            seen = any(stage.views.get(record.user) == shown for stage in stages)
            if isinstance(event, Listed) and not seen:
                seen = shown in foreseen(stages, record.user, until)
            if not seen:
                yield Violation("NOT TRUE", f"{name} was shown {shown}")
            if isinstance(event, Updated):
                rows = findings.books.events[shown.service]
                if not any(
                    row.event.cause == event.cause and record.user in row.told for row in rows
                ):
                    yield Violation("NOT TRUE", f"{name} was told of {event.cause}, {shown}")


def changes_of(findings: Findings, record: DeviceRecord) -> set[tuple[str, str, int]]:
    """Give the changes that a device has to be told: service, cause, version after the transaction.

    What happened until it was listed, the device has looked up instead: the latest service of each
    conversation.
    """
    user, books = record.user, findings.books
    looked: dict[str, tuple[int, int]] = {}
    for event in record.events:
        if isinstance(event, Listed) and event.shown.service in books.services:
            service = books.services[event.shown.service]
            place = (service.created_revision, event.shown.version)
            looked[service.conversation] = max(place, looked.get(service.conversation, (0, 0)))
    owed = set()
    for name, stages in findings.stages.items():
        rows = books.events[name]
        if user not in stages[0].views:
            continue
        seen = looked.get(stages[0].deal.conversation, (0, 0))
        last = {row.revision: number for number, row in enumerate(rows)}
        for row in rows:
            version = stages[last[row.revision]].views[user].version
            if user in row.told and (rows[0].revision, version) > seen:
                owed.add((name, str(row.event.cause), version))
    return owed


def everyone_was_told(findings: Findings) -> Iterator[Violation]:
    """Each device of both parties, of every change."""
    for name, record in findings.recording.items():
        told = {
            (event.shown.service, event.cause, event.shown.version)
            for event in record.events
            if isinstance(event, Updated)
        }
        for change in sorted(changes_of(findings, record) - told):
            yield Violation("NOT TOLD", f"{name} of {change}")


def changes_come_in_order(findings: Findings) -> Iterator[Violation]:
    """A service never goes back in the eyes of a device, but for what is told twice."""
    for name, record in findings.recording.items():
        known: set[Updated] = set()
        order = Order()
        for event in record.events:
            order.follow(event)
            if isinstance(event, Updated):
                service, version = event.shown.service, event.shown.version
                if event not in known and order.is_behind(service, version):
                    yield Violation("OUT OF ORDER", f"{name}: {event}")
                known.add(event)
                order.note(service, version)


# The conversations.


def all_was_followed(findings: Findings) -> Iterator[Violation]:
    """The position that messaging has stored covers all that is told in conversations."""
    clock, followed = findings.books.clock, findings.books.followed
    rows = [
        row.revision
        for rows in findings.books.events.values()
        for row in rows
        if row.event.cause not in UNTOLD
    ]
    position = 0 if followed is None or followed.epoch != clock.epoch else followed.revision
    if not max(rows, default=0) <= position <= clock.revision:
        yield Violation("NOT FOLLOWED", f"messaging is at {followed}, negotiation at {clock}")


def history_tells_what_happened(findings: Findings) -> Iterator[Violation]:
    """Each event of a service has one place in its conversation, in the order of what happened, and
    sealed notes and reminders have none.
    """
    told: dict[tuple[str, str], list[Happened]] = defaultdict(list)
    revisions: dict[str, int] = defaultdict(int)
    expected = {
        (row.conversation, service): _happened(findings.books.events.get(service, ()))
        for service, row in findings.books.services.items()
    }
    for conversation, entries in findings.entries.items():
        for entry in entries:
            if entry.event is None:
                continue
            place = (conversation, entry.event.service)
            number = len(told[place])
            told[place].append(entry.event)
            if entry.sender != entry.event.by:
                yield Violation("DIFFERENT TEXT", f"{entry} in {conversation}")
            if number < len(expected.get(place, ())):
                # In the order of the transactions, whatever the service.
                revision, _ = expected[place][number]
                if revision < revisions[conversation]:
                    yield Violation("OUT OF ORDER", f"{entry} in {conversation}")
                revisions[conversation] = revision
    for place in told.keys() | expected.keys():
        wanted = [event for _, event in expected.get(place, ())]
        yield from _compare(place, told[place], wanted)


def _compare(
    place: tuple[str, str], told: Sequence[Happened], wanted: Sequence[Happened]
) -> Iterator[Violation]:
    where = f"of {place[1]} in {place[0]}"
    for event in (Counter(wanted) - Counter(told)).elements():
        yield Violation("LOST", f"{event.cause} {where}")
    for event in (Counter(told) - Counter(wanted)).elements():
        name = "DOUBLED" if event in wanted else "DIFFERENT TEXT"
        yield Violation("SEALED" if event.cause in UNTOLD else name, f"{event} {where}")
    if told != wanted and Counter(told) == Counter(wanted):
        yield Violation("OUT OF ORDER", f"the events {where}")


def _happened(rows: Sequence[EventRow]) -> list[tuple[int, Happened]]:
    found = []
    for revision, _, event in rows:
        if event.cause not in UNTOLD:
            offer, details = offer_of(event), event.details
            reason = details.reason if isinstance(details, CancellationRequest) else event.reason
            price = None if offer is None else offer.price
            happened = Happened(event.service, event.cause, event.by, event.state, price, reason)
            found.append((revision, happened))
    return found


DEAL_CHECKS: tuple[Check, ...] = (
    answers_are_kept,
    prices_are_agreed_once,
    what_is_shown_was_true,
    everyone_was_told,
    changes_come_in_order,
    all_was_followed,
    history_tells_what_happened,
)
