"""Arguments that are refused by themselves, each under its name."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from negotiation_service.domain.arguments import check_arguments
from negotiation_service.domain.commands import (
    Command,
    EditPrice,
    EndNegotiation,
    FireTimers,
    NegotiationOutcome,
    PlaceHold,
    ResolveHold,
    SubmitNote,
    TerminateService,
    TerminationOutcome,
)
from negotiation_service.domain.decide import decide
from negotiation_service.domain.entities import Money, Outcome, Settlement
from negotiation_service.domain.facts import NO_FACTS
from negotiation_service.domain.refusals import Reason
from service_kit.rules import Refusal, check_text
from tests.negotiation_service.story import LIMITS, START, creation

EUR = Money(10_000, "EUR")
CREATE = creation(offer_ttl_seconds=3_600)
EDIT = EditPrice("ann", "service-1", EUR, 1, "a little less")
END = EndNegotiation("bob", "service-1", NegotiationOutcome.AGREED, 1, EUR)
TERMINATE = TerminateService("ann", "service-1", TerminationOutcome.DELIVERED, "done")
NOTE = SubmitNote("ann", "service-1", 5, "a pleasure")
HOLD = PlaceHold("service-1", "dispute-1", "bob")
RULE = ResolveHold("service-1", "dispute-1", Outcome.SPLIT, Settlement(1, 2))
SOUND: list[Command] = [CREATE, EDIT, END, TERMINATE, NOTE, HOLD, RULE, FireTimers("service-1")]

BAD: list[tuple[Command, str]] = [
    (replace(CREATE, actor=""), "actor"),
    (replace(CREATE, actor="a" * 129), "actor"),
    (replace(EDIT, actor="a\n"), "actor"),
    (replace(CREATE, idempotency_key="k" * 65), "idempotency_key"),
    (replace(NOTE, idempotency_key="k\0"), "idempotency_key"),
    (replace(CREATE, title=""), "title"),
    (replace(CREATE, title=" \u2003"), "title"),
    (replace(CREATE, title="t" * 121), "title"),
    (replace(CREATE, title="a\tb"), "title"),
    (replace(CREATE, description="d" * 4_001), "description"),
    (replace(CREATE, description="\ud800"), "description"),
    (replace(CREATE, offer_ttl_seconds=0), "offer_ttl_seconds"),
    (replace(CREATE, offer_ttl_seconds=-1), "offer_ttl_seconds"),
    (replace(CREATE, offer_ttl_seconds=299), "offer_ttl_seconds"),
    (replace(CREATE, offer_ttl_seconds=14 * 24 * 3_600 + 1), "offer_ttl_seconds"),
    (replace(CREATE, offer_ttl_seconds=2**63), "offer_ttl_seconds"),
    (replace(CREATE, price=Money(0, "EUR")), "price.amount_minor"),
    (replace(CREATE, price=Money(-1, "EUR")), "price.amount_minor"),
    (replace(CREATE, price=Money(10**12 + 1, "EUR")), "price.amount_minor"),
    (replace(CREATE, price=Money(2**63, "EUR")), "price.amount_minor"),
    (replace(CREATE, price=Money(1, "")), "price.currency"),
    (replace(CREATE, price=Money(1, "eur")), "price.currency"),
    (replace(CREATE, price=Money(1, "XXX")), "price.currency"),
    (replace(EDIT, price=Money(0, "EUR")), "price.amount_minor"),
    (replace(EDIT, price=Money(10**12 + 1, "EUR")), "price.amount_minor"),
    (replace(EDIT, base_offer=-1), "base_offer"),
    (replace(EDIT, note="n" * 501), "note"),
    (replace(EDIT, note="\0"), "note"),
    (replace(END, offer=0), "offer"),
    (replace(END, price=None), "price"),
    (replace(TERMINATE, reason="r" * 501), "reason"),
    (replace(NOTE, score=0), "score"),
    (replace(NOTE, score=6), "score"),
    (replace(NOTE, comment="c" * 2_001), "comment"),
    (replace(NOTE, comment="half \udfff"), "comment"),
    (replace(HOLD, dispute=""), "dispute"),
    (replace(HOLD, dispute="d" * 65), "dispute"),
    (replace(HOLD, opened_by=""), "opened_by"),
    (replace(RULE, dispute="d\n"), "dispute"),
    (replace(RULE, split=None), "split"),
    (replace(RULE, outcome=Outcome.RESUME), "split"),
    (replace(RULE, split=Settlement(-1, 1)), "split.provider_minor"),
    (replace(RULE, split=Settlement(1, -1)), "split.client_minor"),
]


@pytest.mark.parametrize("command", SOUND, ids=lambda command: type(command).__name__)
def test_sound_arguments_pass(command: Command) -> None:
    """The commands from which the refused ones are made are not refused themselves."""
    assert check_arguments(command, LIMITS) is None


@pytest.mark.parametrize(("command", "field"), BAD)
def test_the_argument_at_fault_is_named(command: Command, field: str) -> None:
    refusal = check_arguments(command, LIMITS)
    assert refusal is not None
    assert (refusal.reason, refusal.field) == (Reason.INVALID_ARGUMENT, field)


@pytest.mark.parametrize("price", [1, 10**12])
def test_the_bounds_of_a_price_are_prices(price: int) -> None:
    assert check_arguments(replace(CREATE, price=Money(price, "JPY")), LIMITS) is None


@pytest.mark.parametrize("name", ["", "s" * 65, "s\n", "s\0", "sérvice"])
def test_one_may_not_know_that_a_strange_id_can_not_exist(name: str) -> None:
    """An id that nothing can have is refused as one that does not exist."""
    missing = decide(None, EDIT, NO_FACTS, START, LIMITS)
    for command in (EDIT, END, TERMINATE, NOTE, HOLD, RULE):
        assert check_arguments(replace(command, service=name), LIMITS) == missing
    refusal = check_arguments(replace(CREATE, conversation=name), LIMITS)
    assert refusal is not None
    assert refusal.reason is Reason.CONVERSATION_NOT_FOUND


@given(st.text(max_size=30))
def test_a_text_is_taken_as_it_is_or_refused(text: str) -> None:
    sound = len(text) <= 20 and "\0" not in text
    sound = sound and not any("\ud800" <= one <= "\udfff" for one in text)
    refusal = check_text("comment", text, 20)
    assert (refusal is None) == sound
    assert refusal is None or isinstance(refusal, Refusal)
