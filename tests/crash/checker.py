"""Compares what people were told with what is stored. It decides and reads nothing else."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from tests.crash.book_checks import BOOK_CHECKS
from tests.crash.books import Books
from tests.crash.deal_checks import DEAL_CHECKS
from tests.crash.findings import Check, Findings, Order, Violation
from tests.crash.library_checks import LIBRARY_CHECKS
from tests.crash.moderating import MUTE_HAS_ENDED
from tests.crash.moderation_checks import MODERATION_CHECKS
from tests.crash.recording import (
    Alerted,
    Answered,
    Commanded,
    Connected,
    DeviceRecord,
    Entry,
    Filed,
    Granted,
    History,
    Looked,
    Recording,
    Refused,
    Resumed,
    Sent,
    Stored,
)

# Why a command about a service, or of a moderator, is refused while all is well: what it was about
# has changed.
_TOO_LATE = frozenset(
    {
        "STALE_OFFER",
        "INVALID_STATE",
        "PERMISSION_DENIED",
        "CLAIMED_BY_OTHER",
        "NOT_CLAIMED",
        "STALE_CASE",
        "STALE_DISPUTE",
        MUTE_HAS_ENDED,
    }
)


def check(
    recording: Recording, history: History, books: Books, moderation_kills: int = 0
) -> list[Violation]:
    """All promises that were broken."""
    findings = Findings(recording, history, books, moderation_kills)
    return [violation for each in CHECKS for violation in each(findings)]


# The history.


def views_agree(findings: Findings) -> Iterator[Violation]:
    """Both participants read the same."""
    for conversation, views in findings.history.items():
        if len(views) != 2 or len({tuple(entries) for entries in views.values()}) != 1:
            yield Violation("VIEWS DIFFER", f"{conversation} as read by {sorted(views)}")


def seq_is_dense(findings: Findings) -> Iterator[Violation]:
    """1, 2, 3 ... without a hole."""
    for conversation, entries in findings.entries.items():
        seqs = [entry.seq for entry in entries]
        if seqs != list(range(1, len(seqs) + 1)):
            wrong = next(i for i, seq in enumerate(seqs) if seq != i + 1)
            around = seqs[max(0, wrong - 2) : wrong + 3]
            yield Violation("HOLE", f"{conversation} has the seqs ... {around} ...")


def history_holds_what_was_sent_once(findings: Findings) -> Iterator[Violation]:
    """Nothing is stored twice, and nothing that nobody sent."""
    known = set(findings.texts.values())
    found: dict[tuple[str, str], tuple[str, int]] = {}
    for conversation, entries in findings.entries.items():
        for entry in entries:
            place, said = (conversation, entry.seq), (entry.sender, entry.text)
            if entry.event is not None:
                continue
            if said not in known:
                yield Violation("DIFFERENT TEXT", f"{_at(place)} holds what nobody sent")
            elif said in found:
                yield Violation("DOUBLED", f"{_at(place)} is at {_at(found[said])} as well")
            found[said] = place


# What people were told.


def answers_hold(findings: Findings) -> Iterator[Violation]:
    """Find messages answered as stored that are not in the history so, and keys of two messages."""
    first: dict[str, Stored] = {}
    for name, record in findings.recording.items():
        for answer in record.events:
            if not isinstance(answer, Stored):
                continue
            before = first.setdefault(answer.key, answer)
            if answer != before:
                yield Violation("DOUBLED", f"{name} was answered {answer} after {before}")
            elif answer is before:
                yield from _answer_holds(findings, name, answer)


def _answer_holds(findings: Findings, name: str, answer: Stored) -> Iterator[Violation]:
    place = (answer.conversation, answer.seq)
    found = findings.place.get(answer.message)
    if found is None:
        yield Violation("LOST", f"{answer.key} of {name}, answered as {_at(place)}")
    elif found != place:
        yield Violation("WRONG SEQ", f"{answer.key} of {name}: {_at(place)} is {_at(found)}")
    else:
        said = {(entry.sender, entry.text) for entry in findings.at[place]}
        if said != {findings.texts.get(answer.key)}:
            yield Violation("DIFFERENT TEXT", f"{_at(place)} is not what {answer.key} said")


def alerts_are_true(findings: Findings) -> Iterator[Violation]:
    """Find alerts that are not in the history, word for word."""
    for name, record in findings.recording.items():
        for alert in record.events:
            if not isinstance(alert, Alerted | Looked):
                continue
            place = (alert.conversation, alert.entry.seq)
            found = findings.place.get(alert.entry.message)
            if found is None:
                yield Violation("LOST", f"{name} was alerted of {_at(place)}")
            elif found != place:
                yield Violation("WRONG SEQ", f"{name}: alerted of {_at(found)} as {_at(place)}")
            elif alert.entry not in findings.at[place]:
                yield Violation("DIFFERENT TEXT", f"{name} was told another {_at(place)}")


def everyone_was_alerted(findings: Findings) -> Iterator[Violation]:
    """Each device of both participants has been told of every message, words or event, or has
    looked it up when no resume could tell.
    """
    for name, record in findings.recording.items():
        told = {
            (event.conversation, event.seq if isinstance(event, Stored) else event.entry.seq)
            for event in record.events
            if isinstance(event, Alerted | Looked | Stored)
        }
        for conversation, views in findings.history.items():
            if record.user in views:
                for entry in findings.entries[conversation]:
                    if (conversation, entry.seq) not in told:
                        yield Violation(
                            "NOT ALERTED", f"{name} of {_at((conversation, entry.seq))}"
                        )


def alerts_come_in_order(findings: Findings) -> Iterator[Violation]:
    """Find new messages that come to a device out of the order of seq in their conversation.

    What a device wrote itself is answered, and not alerted, unless its answer got lost.
    """
    for name, record in findings.recording.items():
        own = {event.key for event in record.events if isinstance(event, Sent)}
        own_texts = {findings.texts[key] for key in own}
        known: set[tuple[str, int]] = set()
        order = Order()
        for event in record.events:
            order.follow(event)
            match event:
                case Stored(_, conversation, seq):
                    known.add((conversation, seq))
                case Looked(conversation, entry):
                    known.add((conversation, entry.seq))
                case Alerted(conversation, Entry(seq=seq, sender=sender, text=text)):
                    new = (conversation, seq) not in known and (sender, text) not in own_texts
                    if new and order.is_behind(conversation, seq):
                        yield Violation("OUT OF ORDER", f"{name}: {_at((conversation, seq))}")
                    known.add((conversation, seq))
                    order.note(conversation, seq)


def messages_keep_the_order_of_sending(findings: Findings) -> Iterator[Violation]:
    """Of what a socket sent once and was answered there, earlier ones have lower seqs."""
    for name, record in findings.recording.items():
        sent: dict[str, int] = {}
        answered: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
        for number, event in enumerate([*record.events, Connected(resumed=True)]):
            match event:
                case Sent(key) if findings.times_sent[key] == 1:
                    sent[key] = number
                case Stored(key, conversation, seq) if key in sent:
                    answered[conversation].append((sent[key], seq, key))
                case Connected():
                    yield from _ascending(name, answered)
                    sent, answered = {}, defaultdict(list)


def _ascending(name: str, answered: dict[str, list[tuple[int, int, str]]]) -> Iterator[Violation]:
    for conversation, messages in answered.items():
        for (_, seq, key), (_, next_seq, next_key) in pairwise(sorted(messages)):
            if next_seq < seq:
                what = f"{name}: {next_key} after {key}, but {_at((conversation, next_seq))}"
                yield Violation("OUT OF ORDER", f"{what} before {_at((conversation, seq))}")


def people_see_only_delay(findings: Findings) -> Iterator[Violation]:
    """Everything is answered in the end, every resume is complete, nothing fails for good but
    commands that come too late.
    """
    for name, record in findings.recording.items():
        yield from _only_delay(name, record, findings.moderation_kills)


def _only_delay(name: str, record: DeviceRecord, moderation_kills: int) -> Iterator[Violation]:
    unanswered: dict[str, None] = {}
    commands: set[str] = set()
    # Whether the cursor lacks a service that could not be asked when it was given.
    lacking = False
    for event in record.events:
        match event:
            case Sent(key):
                unanswered[key] = None
            case Commanded(key) | Filed(key):
                unanswered[key] = None
                commands.add(key)
            case Stored(key) | Answered(key) | Granted(key):
                unanswered.pop(key, None)
            case Refused(key, "SANCTIONED"):
                # Whether that was right, the checks of moderation tell.
                unanswered.pop(key, None)
            case Refused(key, code) if key in commands and code in _TOO_LATE:
                unanswered.pop(key, None)
            case Refused(key, code, retryable) if code == "INTERNAL" or not retryable:
                yield Violation("REFUSED", f"{key or 'something'} of {name} with {code}")
            case Resumed(False, True, missing) if not lacking and moderation_kills:
                moderation_kills -= 1
                lacking = missing
            case Resumed(complete=False, asked=True) if not lacking:
                yield Violation("NOT RESUMED", f"{name} from a cursor that it was given")
            case Resumed(complete, asked, missing) if complete or asked:
                lacking = missing
    for key in unanswered:
        yield Violation("UNANSWERED", f"{key} of {name}")


def _at(place: tuple[str, int]) -> str:
    return f"{place[0]}#{place[1]}"


CHECKS: tuple[Check, ...] = (
    views_agree,
    seq_is_dense,
    history_holds_what_was_sent_once,
    answers_hold,
    alerts_are_true,
    everyone_was_alerted,
    alerts_come_in_order,
    messages_keep_the_order_of_sending,
    people_see_only_delay,
    *BOOK_CHECKS,
    *DEAL_CHECKS,
    *MODERATION_CHECKS,
    *LIBRARY_CHECKS,
)
