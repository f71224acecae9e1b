"""Compares what is stored of services with itself, and with what people asked for."""

from collections import Counter
from collections.abc import Iterator, Sequence

from negotiation_service.domain.decision import running_timers
from negotiation_service.domain.entities import CancellationRequest, Note, Offer
from negotiation_service.domain.events import Cause, Event, Terms, offer_made, replay
from parley_protocol.packets import Op
from tests.crash.books import EventRow, ServiceRow
from tests.crash.findings import Check, Findings, Violation, is_dense
from tests.crash.recording import Commanded

# What a command comes to, by its packet and outcome.
_CAUSES: dict[tuple[int, str], set[Cause]] = {
    (Op.SERVICE_CREATED, ""): {Cause.CREATED},
    (Op.PRICE_EDITED, ""): {Cause.COUNTERED, Cause.REVISED, Cause.AMENDMENT_PROPOSED},
    (Op.NEGOTIATION_END, "agreed"): {Cause.AGREED, Cause.AMENDED},
    (Op.NEGOTIATION_END, "declined"): {Cause.DECLINED, Cause.AMENDMENT_DECLINED},
    (Op.NEGOTIATION_END, "withdrawn"): {Cause.WITHDRAWN, Cause.AMENDMENT_WITHDRAWN},
    (Op.SERVICE_TERMINATED, "delivered"): {Cause.DELIVERED},
    (Op.SERVICE_TERMINATED, "completed"): {Cause.COMPLETED},
    (Op.SERVICE_TERMINATED, "reopened"): {Cause.REOPENED},
    (Op.SERVICE_TERMINATED, "cancelled"): {Cause.CANCELLATION_REQUESTED, Cause.CANCELLED},
    (Op.NOTE_SUBMITTED, ""): {Cause.NOTE_SUBMITTED},
}

# What moderation asks for, each once for its dispute.
_OF_MODERATION = frozenset({Cause.HELD, Cause.RESUMED, Cause.DECIDED})

# The books.


def events_are_dense(findings: Findings) -> Iterator[Violation]:
    """Of each service 1, 2, 3 ... from its creation on, in the order of revisions."""
    for service, rows in findings.books.events.items():
        revisions = [row.revision for row in rows]
        if not is_dense(rows) or revisions != sorted(revisions):
            yield Violation("HOLE", f"the events of {service}: {[one.event.seq for one in rows]}")
    for service in findings.books.services.keys() - findings.books.events.keys():
        yield Violation("HOLE", f"{service} has no events")


def rows_are_what_the_events_make(findings: Findings) -> Iterator[Violation]:
    """Services, their offers and their timers."""
    books = findings.books
    for service in findings.stages:
        rows, row = books.events[service], books.services.get(service)
        deal = replay(one.event for one in rows)
        assert deal is not None
        expected = ServiceRow(
            deal.conversation,
            deal.provider,
            deal.client,
            rows[0].revision,
            deal.created_at,
            rows[-1].revision,
            deal.state,
            deal.is_open,
            deal,
        )
        if row != expected:
            yield Violation("ROW DIFFERS", f"{service} is {row}, and its events make {expected}")
        made = [(one.revision, offer) for one in rows if (offer := offer_made(one.event))]
        stored = list(books.offers.get(service, ()))
        if stored != made or [offer.number for _, offer in made] != list(range(1, len(made) + 1)):
            yield Violation("OFFERS DIFFER", f"of {service}: {stored}, and events tell of {made}")
        running = {one.timer.value: one.due_at for one in running_timers(deal)}
        if dict(books.timers.get(service, {})) != running:
            yield Violation("TIMERS DIFFER", f"of {service}")
    for service in (books.offers.keys() | books.timers.keys()) - books.events.keys():
        yield Violation("ROW DIFFERS", f"{service} has offers or timers, and no events")


def one_service_is_open(findings: Findings) -> Iterator[Violation]:
    """At most, in each conversation."""
    count = Counter(row.conversation for row in findings.books.services.values() if row.is_open)
    for conversation, number in count.items():
        if number > 1:
            yield Violation("TWO OPEN", f"{conversation} has {number} open services")


# Commands.


def commands_happened_once(findings: Findings) -> Iterator[Violation]:
    """Each key did what its command asks for, and no key is without it: nothing happened twice."""
    claimed: Counter[tuple[str, int]] = Counter()
    for (actor, key), row in findings.books.keys.items():
        own = own_event(findings.books.events.get(row.service, ()), row.seq)
        owner, command = findings.commands.get(key, ("", None))
        fits = own and command and actor == owner and _fits(actor, command, own.event)
        if own is None or not fits or own.revision != row.revision:
            yield Violation("DIFFERENT COMMAND", f"{key} of {actor} stands for {row}")
        else:
            claimed[row.service, own.event.seq] += 1
    for service, rows in findings.books.events.items():
        for event in (row.event for row in rows if row.event.timer is None):
            if event.cause in _OF_MODERATION:
                continue
            if claimed[service, event.seq] != 1:
                times = claimed[service, event.seq]
                what = f"{event.cause} of {service} was done by {times} keys"
                yield Violation("DOUBLED" if times == 0 else "DIFFERENT COMMAND", what)


def own_event(rows: Sequence[EventRow], seq: int) -> EventRow | None:
    """Give the event of a command itself, up to `seq`: the last that no timer has caused."""
    until = [row for row in rows if row.event.seq <= seq]
    own = [row for row in until if row.event.timer is None]
    return own[-1] if own and until[-1].event.seq == seq else None


def _fits(actor: str, command: Commanded, event: Event) -> bool:
    """Tell whether an event is what a command asked for, as far as the event says."""
    asked = {"comment": "", "reason": "", **command.body}
    if "price" in asked:
        asked["price"] = asked["price"]["amount_minor"]
    said: dict[str, object] = {"service": event.service}
    match event.details:
        case Terms(title=title, price=price):
            said |= {"title": title, "price": price}
        case Offer(price=price) if command.op == Op.PRICE_EDITED:
            said |= {"price": price}
        case Offer(number=number, price=price):
            said |= {"offer": number, "price": price}
        case Note(score=score, comment=comment):
            said |= {"score": score, "comment": comment}
        case CancellationRequest(reason=reason):
            said |= {"reason": reason}
        case None:
            said |= {"reason": event.reason}
    return (
        event.by == actor
        and event.cause in _CAUSES[command.op, asked.get("outcome", "")]
        and all(asked[name] == value for name, value in said.items() if name in asked)
    )


BOOK_CHECKS: tuple[Check, ...] = (
    events_are_dense,
    rows_are_what_the_events_make,
    one_service_is_open,
    commands_happened_once,
)
