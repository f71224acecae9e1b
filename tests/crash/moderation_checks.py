"""Compares what is stored of cases and disputes with itself, with the deals, and with what people
and moderators were answered and told.
"""

from collections import Counter
from collections.abc import Iterator

from moderation_service.domain.audit import matches
from moderation_service.domain.case.events import CaseEvent, Cause, replay
from moderation_service.domain.dispute.entities import DisputeState
from moderation_service.domain.dispute.events import DisputeCause, DisputeEvent, replay_dispute
from moderation_service.domain.dispute.saga import due_call
from moderation_service.domain.sanctions.entities import Sanction, SanctionKind
from service_kit.audit import Break, Head, verify
from tests.crash.findings import Check, Findings, Violation
from tests.crash.recording import DeviceRecord, Granted, Restricted, Sent

# While a dispute is so, negotiation holds the service.
_HELD = frozenset({DisputeState.OPEN, DisputeState.UNDER_REVIEW})
# What people and moderators do, each by a command with a key of its own. All else follows from it.
_COMMANDED = frozenset(
    {
        Cause.OPENED,
        Cause.REPORT_JOINED,
        Cause.CLAIMED,
        Cause.CLAIM_RENEWED,
        Cause.VIOLATION_FOUND,
        Cause.NO_VIOLATION_FOUND,
        Cause.SANCTION_LIFTED,
        DisputeCause.CREATED,
        DisputeCause.STATED,
        DisputeCause.SETTLEMENT_PROPOSED,
        DisputeCause.SETTLED,
        DisputeCause.WITHDRAWN,
        DisputeCause.DECIDED,
    }
)


def rows_are_what_their_events_make(findings: Findings) -> Iterator[Violation]:
    """Cases and disputes; and the events of each count 1, 2, 3 ..."""
    books = findings.books.moderation
    targets = {**books.cases, **books.disputes}
    for target in targets.keys() | books.events.keys():
        happened = [row.event for row in books.events.get(target, ())]
        if [one.seq for one in happened] != list(range(1, len(happened) + 1)) or not happened:
            yield Violation("HOLE", f"the events of {target}: {[one.seq for one in happened]}")
            continue
        made = (
            replay(one for one in happened if isinstance(one, CaseEvent))
            if isinstance(happened[0], CaseEvent)
            else replay_dispute(one for one in happened if isinstance(one, DisputeEvent))
        )
        if targets.get(target) != made:
            yield Violation("ROW DIFFERS", f"{target} is not what its events make")


def the_audit_log_is_whole(findings: Findings) -> Iterator[Violation]:
    """It has each event once, as it is stored, and its chain holds."""
    books = findings.books.moderation
    if isinstance(found := verify(Head(), books.audit), Break):
        yield Violation("AUDIT BROKEN", f"{found.problem} at {found.number}")
    entries = {(entry.target, entry.version): entry for entry in books.audit}
    happened = {
        (target, row.event.seq): row for target, rows in books.events.items() for row in rows
    }
    if len(entries) != len(books.audit) or entries.keys() != happened.keys():
        different = entries.keys() ^ happened.keys()
        yield Violation("AUDIT DIFFERS", f"it has {len(books.audit)} entries, not {different}")
    for place in entries.keys() & happened.keys():
        _, document, salt = happened[place]
        if salt is None or not matches(entries[place], document, salt):
            yield Violation("AUDIT DIFFERS", f"the entry of {place} is of something else")


def a_service_is_held_while_its_dispute_is_open(findings: Findings) -> Iterator[Violation]:
    """And no dispute waits for negotiation any more."""
    disputes = findings.books.moderation.disputes
    for dispute in disputes.values():
        if (call := due_call(dispute)) is not None:
            yield Violation("UNFINISHED", f"{dispute.id} is {dispute.state}: {call} is due")
    held = {
        row.deal.hold.dispute: service
        for service, row in findings.books.services.items()
        if row.deal.hold is not None
    }
    disputed = {one.id: one.service for one in disputes.values() if one.state in _HELD}
    for name in held.keys() - disputed.keys():
        yield Violation("HELD", f"{held[name]}, but {name} is not open")
    for name in disputed.keys() - held.keys():
        yield Violation("NOT HELD", f"{disputed[name]}, though {name} is open")


def what_was_asked_happened_once(findings: Findings) -> Iterator[Violation]:
    """Each report, statement and decision bears one key: that of one command."""
    books = findings.books.moderation
    done = Counter((row.target, row.seq) for row in books.keys.values())
    for target, rows in books.events.items():
        for event in (row.event for row in rows if row.event.cause in _COMMANDED):
            if (times := done[target, event.seq]) != 1:
                what = f"{event.cause} of {target} by {event.by} was done by {times} keys"
                yield Violation("DOUBLED" if times == 0 else "DIFFERENT COMMAND", what)
    for (actor, key), row in books.keys.items():
        events = {one.event.seq: one.event for one in books.events.get(row.target, ())}
        # Whoever claims or releases what is so already has done nothing.
        if row.seq not in events:
            yield Violation("DIFFERENT COMMAND", f"{key} of {actor} stands for {row}")


def what_was_granted_is_kept(findings: Findings) -> Iterator[Violation]:
    """Find commands answered as done that are not stored under their key, or have two answers."""
    books = findings.books.moderation
    first: dict[tuple[str, str], str] = {}
    for name, record in findings.recording.items():
        for event in record.events:
            if not isinstance(event, Granted):
                continue
            key = (record.user, event.key)
            if first.setdefault(key, event.about) != event.about:
                yield Violation("DIFFERENT ANSWER", f"{event.key} of {name}")
            row = books.keys.get(key)
            if row is None or event.about not in {row.target, row.about}:
                yield Violation("LOST", f"{event.key} of {name}, which made {event.about}")


def who_was_told_of_a_mute_writes_nothing(findings: Findings) -> Iterator[Violation]:
    """Find messages that a device wrote after it was told of a mute, and before that was over."""
    sanctions = {
        sanction.id: sanction
        for case in findings.books.moderation.cases.values()
        for sanction in case.sanctions
        if sanction.kind is SanctionKind.MUTED
    }
    created = {
        (entry.sender, entry.text): (place, entry.created_at)
        for place, entries in findings.at.items()
        for entry in entries
    }
    for name, record in findings.recording.items():
        for key, sanction in _written_under(record, sanctions):
            if findings.senders[key] != {name} or findings.texts[key] not in created:
                continue
            place, at = created[findings.texts[key]]
            if at < _end(sanction):
                what = f"{place} at {at}, by {name} who knew of {sanction.id} until"
                yield Violation("WRITTEN UNDER A MUTE", f"{what} {_end(sanction)}")


def _written_under(
    record: DeviceRecord, sanctions: dict[str, Sanction]
) -> Iterator[tuple[str, Sanction]]:
    """The keys that a device first sent after it was told of a mute, each with the last one."""
    known: list[Sanction] = []
    sent: set[str] = set()
    for event in record.events:
        match event:
            case Restricted(sanction, lifted=False) if sanction in sanctions:
                known.append(sanctions[sanction])
            case Sent(key) if key not in sent:
                sent.add(key)
                yield from ((key, one) for one in known)


def _end(sanction: Sanction) -> int:
    ends = [sanction.until or 0, sanction.lift.at if sanction.lift else 0]
    return min(end for end in ends if end)


def who_is_refused_is_restricted(findings: Findings) -> Iterator[Violation]:
    """Nobody is refused as SANCTIONED on whom no sanction was ever imposed."""
    sanctioned = {
        user
        for case in findings.books.moderation.cases.values()
        for sanction in case.sanctions
        for user in sanction.users
    }
    for name, record in findings.recording.items():
        if record.user not in sanctioned and findings.refused_as_sanctioned(record):
            yield Violation("REFUSED", f"{name} as SANCTIONED, who never was")


MODERATION_CHECKS: tuple[Check, ...] = (
    rows_are_what_their_events_make,
    the_audit_log_is_whole,
    a_service_is_held_while_its_dispute_is_open,
    what_was_asked_happened_once,
    what_was_granted_is_kept,
    who_was_told_of_a_mute_writes_nothing,
    who_is_refused_is_restricted,
)
