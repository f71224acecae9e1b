"""The checker finds nothing in what is right, and each kind of what is wrong."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from service_kit.rules import Position
from tests.crash.books import Books
from tests.crash.checker import check
from tests.crash.recording import (
    Alerted,
    Connected,
    DeviceRecord,
    Entry,
    Event,
    Looked,
    Refused,
    Resumed,
    Resuming,
    Sent,
    Stored,
)

C = "conversation"
NO_BOOKS = Books(Position("epoch", 0), None)


def entry(seq: int, *, text: str = "", message: str = "", sender: str = "alice") -> Entry:
    return Entry(seq, message or f"m{seq}", sender, text or f"text {seq}")


def sent(seq: int) -> Sent:
    return Sent(f"k{seq}", f"text {seq}")


def stored(seq: int, *, at: int = 0, message: str = "") -> Stored:
    return Stored(f"k{seq}", C, at or seq, message or f"m{seq}")


def alerted(seq: int, *, text: str = "", message: str = "", sender: str = "alice") -> Alerted:
    return Alerted(C, entry(seq, text=text, message=message, sender=sender))


@dataclass
class Case:
    """Alice has sent three messages to Bob, and all is well."""

    alice: list[Event] = field(
        default_factory=lambda: [
            Connected(resumed=False),
            *[event for seq in (1, 2, 3) for event in (sent(seq), stored(seq))],
        ]
    )
    bob: list[Event] = field(
        default_factory=lambda: [Connected(resumed=False), *map(alerted, (1, 2, 3))]
    )
    history: list[Entry] = field(default_factory=lambda: [*map(entry, (1, 2, 3))])
    as_bob_reads_it: list[Entry] | None = None
    laptop: Sequence[Event] | None = None
    moderation_kills: int = 0

    def names(self) -> list[str]:
        """The names of the violations."""
        recording = {
            "alice.0": DeviceRecord("alice", self.alice),
            "bob.0": DeviceRecord("bob", self.bob),
        }
        if self.laptop is not None:
            recording["alice.1"] = DeviceRecord("alice", list(self.laptop))
        theirs = self.history if self.as_bob_reads_it is None else self.as_bob_reads_it
        views = {"alice": self.history, "bob": theirs}
        found = check(recording, {C: views}, NO_BOOKS, self.moderation_kills)
        return [violation.name for violation in found]


@pytest.fixture
def case() -> Case:
    return Case()


def test_what_is_right_is_found_right(case: Case) -> None:
    assert case.names() == []


def test_nothing_at_all_is_right() -> None:
    assert check({}, {}, NO_BOOKS) == []


# What is in the history.


def test_an_answered_message_that_is_not_there_is_lost(case: Case) -> None:
    del case.history[2], case.bob[3]
    assert case.names() == ["LOST"]


def test_an_alert_of_a_message_that_is_not_there_is_a_loss(case: Case) -> None:
    """Bob has read it, and it is gone; Alice was told nothing yet."""
    del case.history[2], case.alice[-1]
    assert case.names() == ["LOST", "UNANSWERED"]


def test_a_message_that_is_there_twice_is_doubled(case: Case) -> None:
    """Under another id and seq, with nobody told of it but by an alert."""
    case.history.append(entry(4, text="text 3"))
    case.bob.append(alerted(4, text="text 3"))
    case.alice.append(alerted(4, text="text 3"))
    assert case.names() == ["DOUBLED"]


def test_a_message_that_nobody_sent_is_found(case: Case) -> None:
    case.history.append(entry(4))
    case.bob.append(alerted(4))
    case.alice.append(alerted(4))
    assert case.names() == ["DIFFERENT TEXT"]


def test_a_key_that_was_answered_with_two_messages_is_doubled(case: Case) -> None:
    """From either device of its author."""
    case.alice += [sent(1), stored(1)]
    assert case.names() == []
    case.laptop = [*map(alerted, (1, 2, 3)), sent(1), stored(1, message="m2", at=2)]
    assert case.names() == ["DOUBLED"]


def test_a_message_that_is_at_another_seq_than_answered_is_found(case: Case) -> None:
    case.alice[4] = stored(2, at=3)
    case.alice.append(alerted(2))
    assert case.names() == ["WRONG SEQ"]


def test_a_message_that_is_at_another_seq_than_alerted_is_found(case: Case) -> None:
    case.bob.append(alerted(3, message="m2", text="text 2"))
    assert case.names() == ["WRONG SEQ"]


@pytest.mark.parametrize("seqs", [(2, 3, 4), (1, 2, 4), (1, 1, 2)])
def test_seqs_that_are_not_dense_are_a_hole(case: Case, seqs: tuple[int, ...]) -> None:
    """At the beginning, in the middle, or one of them used twice."""
    case.history = [
        entry(seq, message=f"m{number}", text=f"text {number}")
        for number, seq in enumerate(seqs, start=1)
    ]
    assert "HOLE" in case.names()


def test_another_text_than_was_sent_is_found(case: Case) -> None:
    """Also when it is that of another message."""
    case.history[1] = entry(2, text="text 2!")
    case.bob[2] = alerted(2, text="text 2!")
    assert case.names() == ["DIFFERENT TEXT", "DIFFERENT TEXT"]


def test_two_messages_that_have_changed_places_are_found(case: Case) -> None:
    case.history[:2] = [entry(1, text="text 2"), entry(2, text="text 1")]
    case.bob[1:3] = [alerted(1, text="text 2"), alerted(2, text="text 1")]
    assert case.names() == ["DIFFERENT TEXT", "DIFFERENT TEXT"]


def test_another_sender_is_found(case: Case) -> None:
    case.history[1] = entry(2, sender="bob")
    case.bob[2] = alerted(2, sender="bob")
    assert set(case.names()) == {"DIFFERENT TEXT"}


def test_an_alert_with_another_text_than_the_history_is_found(case: Case) -> None:
    case.bob.append(alerted(2, text="text 2!"))
    assert case.names() == ["DIFFERENT TEXT"]


def test_two_participants_who_read_different_things_are_found(case: Case) -> None:
    case.as_bob_reads_it = case.history[:2]
    assert case.names() == ["VIEWS DIFFER"]


# Who was told.


@pytest.mark.parametrize("seq", [1, 2, 3])
def test_a_recipient_who_was_not_told_is_found(case: Case, seq: int) -> None:
    case.bob.remove(alerted(seq))
    assert case.names() == ["NOT ALERTED"]


def test_the_authors_other_device_has_to_be_told_as_well(case: Case) -> None:
    case.laptop = [*map(alerted, (1, 2))]
    assert case.names() == ["NOT ALERTED"]


def test_what_was_recovered_by_a_resume_was_told(case: Case) -> None:
    """Also twice, and also what the device was told before."""
    case.bob[3:] = [Connected(resumed=True), alerted(2), alerted(3), Resumed(True, asked=False)]
    assert case.names() == []


def test_a_resume_that_is_refused_is_found(case: Case) -> None:
    """A place that the server lost is none, if the device can resume from its own."""
    case.bob += [Resumed(complete=False, asked=False), Resumed(complete=True, asked=True)]
    assert case.names() == []
    case.bob.append(Resumed(complete=False, asked=True))
    assert case.names() == ["NOT RESUMED"]


def test_a_resume_under_which_moderation_dies_need_not_be_complete(case: Case) -> None:
    """It makes nothing else fail; and each death explains one of each device."""
    case.moderation_kills = 1
    case.bob.append(Resumed(complete=False, asked=True))
    assert case.names() == []
    case.bob.append(Resumed(complete=False, asked=True))
    assert case.names() == ["NOT RESUMED"]


def test_a_resume_from_a_cursor_that_lacks_a_service_can_not_be_complete(case: Case) -> None:
    """Once: then the cursor has all services again. What the device then looks up it was told."""
    case.bob[3:] = [
        Connected(resumed=True),
        Resumed(complete=True, asked=False, missing=True),
        Resumed(complete=False, asked=False),
        Resumed(complete=False, asked=True),
        Looked(C, entry(3)),
    ]
    assert case.names() == []
    case.bob.append(Resumed(complete=False, asked=True))
    assert case.names() == ["NOT RESUMED"]


def test_what_is_looked_up_has_to_be_what_the_history_holds(case: Case) -> None:
    """Word for word, and nothing else."""
    case.bob += [Looked(C, entry(2, text="text 2!")), Looked(C, entry(4))]
    assert case.names() == ["DIFFERENT TEXT", "LOST"]


# Order.


def test_new_alerts_out_of_order_are_found(case: Case) -> None:
    case.bob[1:] = map(alerted, (1, 3, 2))
    assert case.names() == ["OUT OF ORDER"]


def test_a_resume_by_url_keeps_the_order(case: Case) -> None:
    case.bob[2:] = [Connected(resumed=True), *map(alerted, (3, 2)), Resumed(True, asked=False)]
    assert case.names() == ["OUT OF ORDER"]


def test_what_comes_before_a_resume_was_asked_for_may_be_ahead(case: Case) -> None:
    """But not what comes after it."""
    early: list[Event] = [Connected(resumed=False), alerted(3)]
    case.bob[2:] = [*early, alerted(2), alerted(3), Resumed(complete=True, asked=True)]
    assert case.names() == []
    case.bob[2:] = [*early, Resumed(complete=True, asked=True), alerted(2)]
    assert case.names() == ["OUT OF ORDER"]
    # If the connection ends before that, the next one resumes, and tells of it again.
    case.bob[2:] = [*early, Connected(resumed=True), alerted(2), alerted(3)]
    assert case.names() == []
    case.bob[2:] = [*early, Connected(resumed=True), alerted(3), alerted(2)]
    assert case.names() == ["OUT OF ORDER"]
    # That the server has lost its place is no resume either.
    lost = Resumed(complete=False, asked=False)
    case.bob[2:] = [*early, lost, Connected(resumed=True), alerted(2), alerted(3)]
    assert case.names() == []
    case.bob[2:] = [*early, lost, Resumed(complete=True, asked=True), alerted(2)]
    assert case.names() == ["OUT OF ORDER"]
    # Who lost it while a resume was under way asks once more, from where the first began.
    again: list[Event] = [Resumed(complete=True, asked=True), Resuming()]
    case.bob[2:] = [*early, Resuming(), lost, *again, alerted(2), alerted(3)]
    assert case.names() == []
    ended = Resumed(complete=True, asked=True)
    case.bob[2:] = [*early, Resuming(), lost, *again, alerted(3), ended, alerted(2)]
    assert case.names() == ["OUT OF ORDER"]


def test_what_a_device_wrote_may_be_alerted_late(case: Case) -> None:
    """Its answer got lost, so the resume brings it, after what it was told already."""
    case.alice[4:] = [Connected(resumed=True), sent(3), stored(3)]
    case.alice += [alerted(2), sent(2), stored(2)]
    assert case.names() == []


def test_messages_of_one_socket_that_changed_their_order_are_found(case: Case) -> None:
    case.alice[1:] = [sent(2), sent(1), sent(3), stored(1), stored(2), stored(3)]
    assert case.names() == ["OUT OF ORDER"]


@pytest.mark.parametrize("between", [sent(2), Connected(resumed=True)])
def test_what_was_sent_again_or_elsewhere_has_no_order(case: Case, between: Event) -> None:
    """The first try may have failed, and a message that was sent later gone ahead."""
    case.alice[1:] = [sent(2), between, sent(1), stored(1), sent(2), stored(2), sent(3), stored(3)]
    assert case.names() == []


# Nothing but delay.


def test_a_message_that_was_never_answered_is_found(case: Case) -> None:
    """Stored or not."""
    del case.alice[-1]
    case.alice.append(sent(4))
    case.alice.append(alerted(3))
    assert case.names() == ["UNANSWERED", "UNANSWERED"]


@pytest.mark.parametrize(
    ("code", "retryable", "names"),
    [
        ("UNAVAILABLE", True, []),
        ("DEADLINE_EXCEEDED", True, []),
        ("INTERNAL", True, ["REFUSED"]),
        ("CONFLICT", False, ["REFUSED"]),
        ("NOT_FOUND", False, ["REFUSED"]),
    ],
)
def test_errors_that_are_more_than_a_delay_are_found(
    case: Case, code: str, retryable: bool, names: list[str]
) -> None:
    case.alice.insert(1, Refused("k1", code, retryable))
    assert case.names() == names
