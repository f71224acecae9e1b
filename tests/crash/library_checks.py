"""Compares what the client library told each device with what it had to tell."""

from collections import defaultdict
from collections.abc import Hashable, Iterator

from tests.crash.deal_checks import changes_of
from tests.crash.findings import Check, Findings, Violation
from tests.crash.recording import DeviceRecord, Forgot, Looked, Restarted, Settled, Told, ToldChange


def nothing_is_told_twice(findings: Findings) -> Iterator[Violation]:
    """Neither a message nor a change, over any number of sockets; what an application had not
    handled when it was closed may come again.
    """
    for name, record in findings.recording.items():
        known: set[Told | ToldChange] = set()
        for told in record.told or ():
            if isinstance(told, Forgot | Restarted):
                known.clear()
            if not isinstance(told, Told | ToldChange):
                continue
            # One's own message is told when it is answered, and not once more when it is pushed.
            same = told._replace(own=False) if isinstance(told, Told) else told
            if same in known:
                yield Violation("TOLD TWICE", f"{name}: {told}")
            known.add(same)


def all_is_told_in_order(findings: Findings) -> Iterator[Violation]:
    """By seq within a conversation, by version of a service; an answer may overtake messages."""
    for name, record in findings.recording.items():
        latest: dict[Hashable, int] = defaultdict(int)
        for told in record.told or ():
            match told:
                case Forgot() | Restarted():
                    latest.clear()
                case Told(thing, number, own=False) | ToldChange(thing, _, number):
                    if number < latest[thing]:
                        yield Violation("TOLD LATE", f"{name}: {told}")
                    latest[thing] = max(number, latest[thing])


def nothing_is_kept_back(findings: Findings) -> Iterator[Violation]:
    """Each message and each change is told; or looked up, after it was said that this is needed.

    One's own message may be told by its answer alone, where the application was closed then.
    """
    for name, record in findings.recording.items():
        if record.told is None:
            continue
        messages = {
            (one.conversation, one.seq) for one in record.told if isinstance(one, Told | Settled)
        }
        changes = {tuple(one) for one in record.told if isinstance(one, ToldChange)}
        messages |= _looked_up(record)
        for conversation, views in findings.history.items():
            for entry in findings.entries[conversation] if record.user in views else ():
                if (conversation, entry.seq) not in messages:
                    yield Violation("KEPT BACK", f"{name}: {conversation}#{entry.seq}")
        for change in sorted(changes_of(findings, record) - changes):
            yield Violation("KEPT BACK", f"{name}: {change}")


def _looked_up(record: DeviceRecord) -> set[tuple[str, int]]:
    if Forgot() not in (record.told or ()):
        return set()
    return {(one.conversation, one.entry.seq) for one in record.events if isinstance(one, Looked)}


LIBRARY_CHECKS: tuple[Check, ...] = (
    nothing_is_told_twice,
    all_is_told_in_order,
    nothing_is_kept_back,
)
