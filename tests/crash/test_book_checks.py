"""The checker finds each kind of error in the books of deals."""

from dataclasses import replace
from typing import Any

import pytest

from tests.crash.deal_case import Case, S


@pytest.mark.parametrize(
    "change",
    [
        {"state": "agreed"},
        {"is_open": True},
        {"provider": "bob"},
        {"conversation": "another"},
        {"revision": 1},
        {"created_revision": 2},
    ],
)
def test_a_row_that_its_events_do_not_make_is_found(case: Case, change: dict[str, Any]) -> None:
    """Each of its columns."""
    case.services[S] = case.services[S]._replace(**change)
    assert "ROW DIFFERS" in case.names()


def test_a_document_that_its_events_do_not_make_is_found(case: Case) -> None:
    """Every field of the deal counts."""
    case.services[S] = case.services[S]._replace(deal=replace(case.deal, rounds=7))
    assert case.names() == ["ROW DIFFERS"]


def test_a_missing_row_is_found(case: Case) -> None:
    """The events are there, and the service is not."""
    del case.services[S]
    assert "ROW DIFFERS" in case.names()


@pytest.mark.parametrize("number", range(1, 9))
def test_an_event_that_is_missing_is_a_hole(case: Case, number: int) -> None:
    """The first, the last but one, or any between."""
    case.events = [row for row in case.events if row.event.seq != number]
    assert "HOLE" in case.names()


def test_an_event_that_is_missing_at_the_end_is_found(case: Case) -> None:
    """It leaves no hole, but a row that is ahead."""
    del case.events[-1]
    assert "ROW DIFFERS" in case.names()


def test_another_price_among_the_offers_is_found(case: Case) -> None:
    """Than the events tell of; also an offer that is not there."""
    revision, offer = case.offers[S][1]
    case.offers[S][1] = (revision, replace(offer, price=8_999))
    assert case.names() == ["OFFERS DIFFER"]
    del case.offers[S][1]
    assert case.names() == ["OFFERS DIFFER"]


def test_a_timer_that_does_not_run_as_it_should_is_found() -> None:
    """Late, absent, or one too many."""
    case = Case(steps=3)
    case.timers[S]["delivery"] += 1
    assert case.names() == ["TIMERS DIFFER"]
    del case.timers[S]["delivery"]
    assert case.names() == ["TIMERS DIFFER"]


def test_two_open_services_of_a_conversation_are_found() -> None:
    """One too many."""
    case = Case(steps=3)
    case.services["another"] = case.services[S]
    assert "TWO OPEN" in case.names()
