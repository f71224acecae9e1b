"""A deal in words, for each thing that may happen to it."""

import re
from typing import Any

import pytest

from command_line.display.deals import details, recorded, summary
from negotiation_service.domain.entities import State
from negotiation_service.domain.events import Cause
from tests.command_line.deals import LATER, NOW, euros, offer, service

AGREED: dict[str, Any] = {"agreed": {"price": euros(12050), "version": 1, "offer": 2, "at": NOW}}
WHEN = r"\w{3} \d\d \w{3} \d\d:\d\d"
OFFER_2 = rf"\(offer 2, until {WHEN}\)"


def ended(cause: str, **more: Any) -> dict[str, Any]:
    return {"ending": {"cause": cause, "at": NOW, **more}}


@pytest.mark.parametrize(
    ("cause", "seen", "words"),
    [
        (
            "created",
            service(offer=offer(2, 10000, "alice"), description="It drips"),
            rf"proposed by you: 100\.00 EUR {OFFER_2}; provider bob, client you; \"It drips\"",
        ),
        (
            "countered",
            service(offer=offer(2, 12050, "bob", note="New valve")),
            rf"countered by bob: 120\.50 EUR {OFFER_2}; \"New valve\"",
        ),
        ("agreed", service("agreed", **AGREED), r"agreed: 120\.50 EUR"),
        ("declined", service("closed", **ended("declined", by="bob")), "declined by bob"),
        ("expired", service("closed", **ended("expired")), "expired"),
        (None, service("closed", **ended("withdrawn", by="alice")), "closed: withdrawn by you"),
        (
            "amendment_proposed",
            service("agreed", **AGREED, amendment=offer(2, 13000, "bob")),
            rf"amendment proposed by bob: 130\.00 EUR instead of 120\.50 EUR {OFFER_2}",
        ),
        (
            "delivered",
            service("delivered", **AGREED, deadlines={"completion": LATER}),
            rf"delivered by bob: 120\.50 EUR; completed by itself {WHEN}",
        ),
        ("reopened", service("agreed", **AGREED), r"reopened by you: 120\.50 EUR"),
        (
            "completed",
            service(
                "completed",
                **AGREED,
                **ended("completed", by="alice"),
                settlement={"provider_minor": 12050, "client_minor": 0},
            ),
            r"completed by you: 120\.50 EUR for bob",
        ),
        (
            "decided",
            service(
                "completed",
                **AGREED,
                **ended("decided"),
                settlement={"provider_minor": 12000, "client_minor": 50},
            ),
            r"decided by a dispute: 120\.00 EUR for bob; 0\.50 EUR back to you",
        ),
        (
            "cancellation_requested",
            service("agreed", **AGREED, cancellation={"by": "bob", "at": NOW, "reason": "Ill"}),
            r'cancellation requested by bob: 120\.50 EUR; "Ill"',
        ),
        (
            None,
            service("agreed", **AGREED, cancellation={"by": "bob", "at": NOW}),
            r"agreed: 120\.50 EUR; bob asked to cancel",
        ),
        (
            "held",
            service("agreed", **AGREED, hold={"dispute": "d", "opened_by": "alice", "since": NOW}),
            r"disputed by you: 120\.50 EUR",
        ),
        (
            "note_submitted",
            service(
                "completed",
                **AGREED,
                **ended("completed", by="alice"),
                notes={"mine": {"score": 5, "at": NOW, "comment": "Fine"}},
            ),
            'note submitted: your note: 5 of 5; "Fine"',
        ),
        (
            "notes_revealed",
            service(
                "completed",
                **AGREED,
                **ended("completed", by="alice"),
                notes={"mine": {"score": 5, "at": NOW}, "theirs": {"score": 4, "at": NOW}},
            ),
            "notes revealed: your note: 5 of 5; their note: 4 of 5",
        ),
    ],
)
def test_what_happened_is_one_line(cause: str | None, seen: dict[str, Any], words: str) -> None:
    """By whom, at which price, and what is to be known of it now; alice reads it."""
    assert re.fullmatch(f'"Repair the tap" {words}', summary(seen, "alice", cause))


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (
            {"cause": "created", "by": "alice", "offer": 1, "price": euros(10000)},
            "proposed by you: 100.00 EUR (offer 1)",
        ),
        (
            {"cause": "cancellation_requested", "by": "bob", "reason": "Ill"},
            'cancellation requested by bob: "Ill"',
        ),
        ({"cause": "auto_completed"}, "completed by time"),
    ],
)
def test_what_the_history_records_is_one_line(event: dict[str, Any], words: str) -> None:
    """By whom, and what it was about; the currency alone says how many decimals there are."""
    event = {"service": "s", "number": 1, "state": "offered", "title": "Tap", "at": NOW, **event}
    assert recorded(event, "alice") == f'"Tap" {words}'


def test_every_cause_has_words() -> None:
    """Whatever the service says that happened, in every state, also where nothing tells by whom."""
    for cause in (*Cause, "something_newer"):
        for state in State:
            line = summary(service(str(state)), "alice", str(cause))
            assert line.startswith('"Repair the tap" ')
            assert "_" not in line
            assert "None" not in line


def test_a_deal_in_yen_has_no_decimals() -> None:
    """The decimals are those that the service says."""
    price = {"amount_minor": 5000, "currency": "JPY"}
    yen = service("agreed", currency="JPY", exponent=0, agreed={**AGREED["agreed"], "price": price})
    assert summary(yen, "alice") == '"Repair the tap" agreed: 5000 JPY'


def test_long_texts_of_others_do_not_fill_the_screen() -> None:
    """The beginning of a note is enough to know what it is about."""
    seen = service(offer=offer(2, 12050, "bob", note="x" * 500))
    assert len(summary(seen, "alice", "countered")) < 400


def test_details_are_what_the_summary_leaves_out() -> None:
    """Parties, the whole description, and each time at which something happens by itself."""
    seen = service(
        "agreed", **AGREED, description="x" * 500, deadlines={"delivery": LATER, "offer": LATER}
    )
    parties, description, *deadlines = details(seen, "bob")
    assert parties == "provider you, client alice"
    assert description == "x" * 500
    assert [line.partition(" until ")[0] for line in deadlines] == ["delivery", "offer"]
