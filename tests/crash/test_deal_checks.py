"""The checker finds each kind of error in the answers and alerts of a deal, and no other."""

from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from parley_protocol.packets import Op
from service_kit.rules import Position
from tests.crash.books import Books, EventRow, KeyRow
from tests.crash.checker import check
from tests.crash.deal_case import EUR, PROPOSAL, STEPS, C, Case, S, find, shown
from tests.crash.recording import (
    Alerted,
    Answered,
    Commanded,
    Connected,
    DeviceRecord,
    Event,
    Listed,
    Refused,
    Resumed,
    Updated,
)
from tests.negotiation_service.story import PRICE


@pytest.mark.parametrize("steps", range(len(STEPS) + 1))
def test_a_deal_that_is_right_is_found_right(steps: int) -> None:
    """At each step; with a note that is sealed as well as with both."""
    assert Case(steps).names() == []


# Commands.


def test_a_command_that_happened_twice_is_found() -> None:
    """Its key stands for the second time alone."""
    case = Case(steps=0)
    case.happen("bob", *_revision(8_000), case.story.take("counter").events)
    del case.keys["bob", "key 2"]
    assert "DOUBLED" in case.names()


def _revision(price: int) -> tuple[int, dict[str, Any]]:
    d = {"service": S, "price": {"amount_minor": price, **EUR}, "base_offer": 1}
    return Op.PRICE_EDITED, d


@pytest.mark.parametrize("change", [{"seq": 2}, {"seq": 20}, {"service": "another"}])
def test_a_key_that_stands_for_another_command_is_found(case: Case, change: dict[str, Any]) -> None:
    """Or for none."""
    case.keys["ann", "key 4"] = case.keys["ann", "key 4"]._replace(**change)
    assert "DIFFERENT COMMAND" in case.names()


@pytest.mark.parametrize(
    ("key", "change"),
    [
        ("key 1", {"title": "Another"}),
        ("key 2", {"price": {"amount_minor": 9_001, **EUR}}),
        ("key 4", {"offer": 1}),
        ("key 4", {"outcome": "declined"}),
        ("key 5", {"reason": "another"}),
        ("key 5", {"service": "another"}),
        ("key 7", {"score": 4}),
        ("key 7", {"comment": "another"}),
    ],
)
def test_an_event_that_is_not_what_was_asked_for_is_found(
    case: Case, key: str, change: dict[str, Any]
) -> None:
    """A command of another price, offer, outcome, service, note."""
    for device in (case.ann, case.bob):
        for number, event in enumerate(device):
            if isinstance(event, Commanded) and event.key == key:
                device[number] = event._replace(body={**event.body, **change})
    assert "DIFFERENT COMMAND" in case.names()


def test_an_answered_command_that_is_not_there_is_lost(case: Case) -> None:
    """It left no trace but the answer."""
    view = shown(case.story.show("bob"))
    case.bob += [
        Commanded("key", Op.NOTE_SUBMITTED, {"service": S, "score": 2}),
        Answered("key", "note_submitted", view, "all of it"),
    ]
    assert case.names() == ["LOST"]


def test_another_answer_to_the_same_key_is_found(case: Case) -> None:
    """Also from the other device; the same again is right."""
    place = find(case.ann, Answered, "agreed")
    command, answer = case.ann[place - 1], case.ann[place]
    assert isinstance(answer, Answered)
    case.laptop += [command, answer]
    assert case.names() == []
    case.laptop[-1] = answer._replace(whole="not all of it")
    assert case.names() == ["DIFFERENT ANSWER"]


def test_a_command_that_was_done_and_then_refused_is_found(case: Case) -> None:
    """Unless it had been sent twice before: the one try came too early, and its answer late."""
    place = find(case.ann, Answered, "agreed")
    command, refused = case.ann[place - 1], Refused("key 4", "INVALID_STATE", False)
    case.ann[place:place] = [command]
    case.ann.append(refused)
    assert case.names() == []
    case.ann.append(refused)
    assert case.names() == ["DIFFERENT ANSWER"]
    case.ann[place:] = [*case.ann[place + 1 : -2], command, refused]
    assert case.names() == ["DIFFERENT ANSWER"]


def test_a_command_that_was_refused_and_done_is_found(case: Case) -> None:
    """Unless it was sent again, or by two devices: one may come too early, the other in time."""
    place = find(case.ann, Answered, "agreed")
    command, answer = case.ann[place - 1 : place + 1]
    case.ann.insert(place, Refused("key 4", "STALE_OFFER", False))
    assert case.names() == []
    case.ann.remove(answer)
    assert case.names() == ["DONE THOUGH REFUSED"]
    case.laptop += [command, Refused("key 4", "INVALID_STATE", False)]
    assert case.names() == []


def test_a_command_that_was_never_answered_is_found(case: Case) -> None:
    """Too late is an answer, and to try again is none."""
    case.bob.append(Commanded("key", *_revision(1)))
    assert case.names() == ["UNANSWERED"]
    case.bob.append(Refused("key", "UNAVAILABLE", retryable=True))
    assert case.names() == ["UNANSWERED"]
    case.bob.append(Refused("key", "STALE_OFFER", False, shown(case.story.show("bob"))))
    assert case.names() == []


@pytest.mark.parametrize("code", ["CONFLICT", "NOT_FOUND", "INVALID_ARGUMENT", "INTERNAL"])
def test_a_command_that_fails_for_good_is_found(case: Case, code: str) -> None:
    """Nothing that was killed makes a command wrong."""
    case.bob += [Commanded("key", *_revision(1)), Refused("key", code, False)]
    assert "REFUSED" in case.names()


# Prices.


def agreed_to(event: Event, price: int) -> Event:
    """The same with another agreed price."""
    assert isinstance(event, Answered | Updated)
    return event._replace(shown=event.shown._replace(agreed=(1, price)))


@pytest.mark.parametrize("kind", [Answered, Updated])
def test_two_agreed_prices_are_found(case: Case, kind: type[Any]) -> None:
    """In an answer, or in what the parties are told."""
    place = find(case.ann, kind, "agreed")
    case.ann[place] = agreed_to(case.ann[place], 9_001)
    assert {"TWO PRICES", "NOT TRUE"} <= set(case.names())


def test_a_price_that_was_not_named_is_found(case: Case) -> None:
    """All are told the same, and it is not what was accepted."""
    for device in (case.ann, case.bob, case.laptop):
        device[:] = [
            agreed_to(event, 10_000)
            if isinstance(event, Answered | Updated) and event.shown.agreed
            else event
            for event in device
        ]
    assert "TWO PRICES" in case.names()


# Who was told.


@pytest.mark.parametrize(
    "change", [{"state": "closed"}, {"version": 3}, {"offer": (1, PRICE)}, {"theirs": 5}]
)
def test_what_never_was_is_found(case: Case, change: dict[str, Any]) -> None:
    """Also what was, but for somebody else: Bob sees the note of Ann before his own is in."""
    place = find(case.bob, Updated, "completed")
    event = case.bob[place]
    assert isinstance(event, Updated)
    case.bob[place] = event._replace(shown=event.shown._replace(**change))
    assert "NOT TRUE" in case.names()


def test_what_never_was_is_found_in_a_refusal(case: Case) -> None:
    """It shows how the service really stands."""
    wrong = shown(case.story.show("bob"))._replace(state="agreed")
    case.bob += [Commanded("key", *_revision(1)), Refused("key", "INVALID_STATE", False, wrong)]
    assert case.names() == ["NOT TRUE"]


def test_who_looks_a_service_up_may_see_ahead_what_was_due() -> None:
    """The acceptance came in time, and was stored a moment after somebody read that it had not. But
    nobody sees what is not due, and nobody is told of it.
    """
    for hours, kind, names in (
        (49, Listed, []),
        (0, Listed, ["NOT TRUE"]),
        (49, partial(Updated, "agreed"), ["NOT TRUE"]),
    ):
        case = Case(hours=hours)
        reminded = case.bob[find(case.bob, Updated, "reminder")]
        assert isinstance(reminded, Updated)
        lapsed = reminded.shown._replace(version=4, state="closed", offer=None)
        case.bob.insert(find(case.bob, Updated, "agreed"), kind(lapsed))
        assert case.names() == names


def test_whoever_is_told_of_a_sealed_note_is_found() -> None:
    """Bob, of the note of Ann, though nothing shows but that it is there."""
    case = Case(steps=6)
    case.bob.append(Updated("note_submitted", shown(case.story.show("bob"))))
    assert case.names() == ["NOT TRUE"]


def test_a_service_that_is_nowhere_is_lost(case: Case) -> None:
    """Somebody was told of it."""
    known = shown(case.story.show("ann"))
    case.ann.append(Updated("created", known._replace(service="another")))
    assert case.names() == ["LOST"]


@pytest.mark.parametrize("cause", ["created", "countered", "reminder", "agreed", "notes_revealed"])
@pytest.mark.parametrize("device", ["ann", "bob", "laptop"])
def test_a_device_that_was_not_told_is_found(case: Case, device: str, cause: str) -> None:
    """An answer is not enough, for the other devices have none; each device has to be told."""
    events: list[Event] = getattr(case, device)
    del events[find(events, Updated, cause)]
    assert case.names() == ["NOT TOLD"]


def test_what_a_device_has_looked_up_it_need_not_be_told(case: Case) -> None:
    """But what happened after that it has to be."""
    agreed = find(case.bob, Updated, "agreed")
    view = case.bob[agreed]
    assert isinstance(view, Updated)
    del case.bob[agreed], case.bob[find(case.bob, Updated, "countered")]
    case.bob.append(Listed(view.shown))
    assert case.names() == []
    del case.bob[find(case.bob, Updated, "delivered")]
    assert case.names() == ["NOT TOLD"]


def test_a_service_that_goes_back_is_found(case: Case) -> None:
    """Unless the device had yet to resume, or was told twice."""
    first, second = find(case.bob, Updated, "agreed"), find(case.bob, Updated, "delivered")
    case.bob.append(case.bob[first])
    assert case.names() == []
    case.bob[first], case.bob[second] = case.bob[second], case.bob[first]
    assert case.names() == ["OUT OF ORDER"]
    case.bob[0:0] = [Connected(resumed=False)]
    assert case.names() == []
    case.bob.insert(2, Resumed(complete=True, asked=True))
    assert case.names() == ["OUT OF ORDER"]


# What stands in the conversation.


@pytest.mark.parametrize(
    "followed", [None, Position("epoch", 7), Position("epoch", 9), Position("another", 8)]
)
def test_a_position_that_does_not_cover_all_is_found(case: Case, followed: Position | None) -> None:
    """None, one that is behind or ahead, or one on another clock."""
    case.followed = followed
    assert case.names() == ["NOT FOLLOWED"]


@pytest.mark.parametrize("cause", ["created", "countered", "agreed", "notes_revealed"])
def test_an_event_that_is_not_in_the_history_is_lost(case: Case, cause: str) -> None:
    """Of each kind."""
    del case.history[case.index(cause)]
    case.renumber()
    assert case.names() == ["LOST"]


def test_an_event_that_is_in_the_history_twice_is_doubled(case: Case) -> None:
    """Applied again after a crash."""
    case.history.append(case.history[case.index("agreed")])
    case.renumber()
    assert case.names() == ["DOUBLED"]


def test_events_of_a_service_that_changed_their_order_are_found(case: Case) -> None:
    """They are all there, each once."""
    one, other = case.index("agreed"), case.index("delivered")
    case.history[one], case.history[other] = case.history[other], case.history[one]
    case.renumber()
    assert case.names() == ["OUT OF ORDER"]


def test_events_of_two_services_out_of_order_are_found(case: Case) -> None:
    """Each service for itself would be right."""
    other = Case(steps=0)
    name = "service-0"
    event = replace(other.events[0].event, service=name)
    row, happened = other.services[S], other.history[1].event
    assert happened is not None
    case.services[name] = row._replace(
        created_revision=9, revision=9, deal=replace(row.deal, id=name)
    )
    case.offers[name], case.timers[name] = [(9, other.offers[S][0][1])], other.timers[S]
    view = shown(other.story.show("ann"))._replace(service=name)
    case.ann += [Commanded("new", Op.SERVICE_CREATED, PROPOSAL)]
    case.ann += [Answered("new", "created", view, "all of it")]
    case.keys["ann", "new"] = KeyRow(9, name, 1)
    for device in (case.ann, case.bob, case.laptop):
        device.append(Updated("created", view))
    books = Books(
        Position("epoch", 9),
        Position("epoch", 9),
        case.services,
        {S: case.events, name: [EventRow(9, frozenset(("ann", "bob")), event)]},
        case.offers,
        case.timers,
        case.keys,
    )
    recording = {
        "ann.0": DeviceRecord("ann", case.ann),
        "ann.1": DeviceRecord("ann", case.laptop),
        "bob.0": DeviceRecord("bob", case.bob),
    }

    def names_with_the_new_one(place: int) -> list[str]:
        entry = case.history[1]._replace(event=happened._replace(service=name))
        history = list(case.history)
        history.insert(place, entry)
        kept, case.history = case.history, history
        case.renumber()
        views = {"ann": case.history, "bob": case.history}
        case.history = kept
        return [one.name for one in check(recording, {C: views}, books)]

    assert names_with_the_new_one(len(case.history)) == []
    assert names_with_the_new_one(4) == ["OUT OF ORDER"]


@pytest.mark.parametrize("cause", ["note_submitted", "reminder"])
def test_what_is_not_for_the_history_is_found(case: Case, cause: str) -> None:
    """A sealed note, or a reminder."""
    entry = case.history[case.index("completed")]
    assert entry.event is not None
    case.history.append(entry._replace(event=entry.event._replace(cause=cause)))
    case.renumber()
    assert case.names() == ["SEALED"]


@pytest.mark.parametrize("change", [{"price": 1}, {"state": "closed"}, {"by": "bob"}])
def test_another_event_than_happened_is_found(case: Case, change: dict[str, Any]) -> None:
    """With another price, state or author; and the right one is missing."""
    number = case.index("agreed")
    entry = case.history[number]
    assert entry.event is not None
    case.history[number] = entry._replace(event=entry.event._replace(**change))
    case.renumber()
    assert {"LOST", "DIFFERENT TEXT"} <= set(case.names())


def test_an_event_that_another_seems_to_have_written_is_found(case: Case) -> None:
    """The sender of the message is who did it."""
    number = case.index("agreed")
    case.history[number] = case.history[number]._replace(sender="bob")
    case.renumber()
    assert case.names() == ["DIFFERENT TEXT"]


def test_a_device_that_was_not_alerted_of_an_event_is_found(case: Case) -> None:
    """Also that of whoever did it: the answer is no message."""
    place = next(
        number
        for number, event in enumerate(case.ann)
        if isinstance(event, Alerted)
        and event.entry.event is not None
        and event.entry.event.cause == "agreed"
    )
    del case.ann[place]
    assert case.names() == ["NOT ALERTED"]
