"""Settings: checked at the start, and counted when they are reached."""

import re
from pathlib import Path
from typing import Any

import grpc
import pytest
from parley.negotiation.v1 import negotiation_pb2 as pb

from negotiation_service.domain.limits import Limits
from negotiation_service.settings import NegotiationSettings, load_currencies
from tests.support.metrics import read_sample
from tests.support.system import free_port

INVALID = grpc.StatusCode.INVALID_ARGUMENT
PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION


def test_defaults_are_those_of_the_rules(settings: NegotiationSettings) -> None:
    """The rules are tested and documented with their own defaults, which nobody changes here."""
    assert settings.limits() == Limits(load_currencies(), moderation=False)


async def test_the_credential_for_messaging_has_to_be_there(serve: Any, tmp_path: Path) -> None:
    """Without it no service could be proposed, so nothing is served at all."""
    with pytest.raises(ValueError, match="can not be read"):
        async with serve(messaging_credential_file=tmp_path / "nowhere"):
            pass


SMALL = {
    "min_price_minor": 1,
    "max_price_minor": 10_000,
    "rounds_limit": 1,
    "amendments_limit": 1,
    "reopenings_limit": 1,
    "disputes_limit": 1,
    "submissions_limit": 1,
    "services_per_hour": 1,
    "title_limit": 20,
    "description_limit": 20,
    "offer_note_limit": 20,
    "reason_limit": 20,
    "comment_limit": 20,
    "services_page": 1,
    "events_page": 1,
    "changes_page": 1,
    "max_batch": 1,
}


async def test_each_limit_refuses_by_name_and_is_counted(serve: Any, refused: Any) -> None:
    """Through real gRPC, and each shows what it is set to."""
    port, long = free_port(), "x" * 21

    def hold(dispute: str, outcome: Any = None) -> Any:
        about = {"service_id": shown.id, "dispute": dispute}
        if outcome is None:
            return client.call("PlaceHold", opened_by="bob", **about)
        return client.call("ResolveHold", outcome=outcome, **about)

    async with serve(metrics_port=port, **SMALL) as client:
        position = (await client.watch([])).first.position
        argument = (INVALID, "INVALID_ARGUMENT")
        await refused(client.create(title=long), *argument, "title")
        await refused(client.create(description=long), *argument, "description")
        price = pb.Money(amount_minor=10_001, currency="EUR")
        await refused(client.create(price=price), *argument, "price.amount_minor")
        price = pb.Money(amount_minor=0, currency="EUR")
        await refused(client.create(price=price), *argument, "price.amount_minor")
        shown = await client.create()
        await refused(client.edit("bob", shown.id, 1, 1, note=long), *argument, "note")
        countered = await client.edit("bob", shown.id, 9_000, 1)
        await refused(client.edit("ann", shown.id, 9_500, 2), PRECONDITION, "TOO_MANY_ROUNDS")
        await client.accept("ann", countered)
        await client.accept("bob", await client.edit("ann", shown.id, 9_500, 0))
        await refused(client.edit("ann", shown.id, 9_700, 0), PRECONDITION, "TOO_MANY_ROUNDS")
        cancel = client.terminate("ann", shown.id, "CANCELLED", reason=long)
        await refused(cancel, *argument, "reason")
        await client.terminate("ann", shown.id, "DELIVERED")
        await client.terminate("bob", shown.id, "REOPENED")
        await client.terminate("ann", shown.id, "DELIVERED")
        reopen = client.terminate("bob", shown.id, "REOPENED")
        await refused(reopen, PRECONDITION, "TOO_MANY_REOPENINGS")
        await hold("d")
        await hold("d", pb.HOLD_OUTCOME_RESUME)
        await refused(hold("e"), PRECONDITION, "TOO_MANY_DISPUTES")
        await client.terminate("bob", shown.id, "COMPLETED")
        await refused(client.note("ann", shown.id, long), *argument, "comment")
        await client.note("ann", shown.id, "good")
        again = client.note("ann", shown.id, "better")
        await refused(again, PRECONDITION, "TOO_MANY_SUBMISSIONS")
        exhausted = grpc.StatusCode.RESOURCE_EXHAUSTED
        found = await refused(client.create(), exhausted, "SERVICES_LIMIT_REACHED")
        assert 0 < found["RetryInfo"].retry_delay.seconds <= 3_600
        many = client.call("BatchGetServices", conversation_ids=["a", "b"])
        await refused(many, INVALID, "BATCH_TOO_LARGE")
        listed = await client.call("ListServices", actor="ann", page_size=9)
        assert len(listed.services) == 1
        events = pb.ListServiceEventsRequest(service_id=shown.id, page_size=9)
        assert len((await client.call("ListServiceEvents", events)).events) == 1
        assert len((await client.changes("ann", position, 2, page_size=9)).changes) == 1
        for name, value in SMALL.items():
            assert await read_sample(port, "limit_reached_total", limit=name) == 1, name
            assert await read_sample(port, "limit_value", limit=name) == value


async def test_services_may_be_free(serve: Any, refused: Any) -> None:
    """Where the operator says so: agreed, delivered, completed and settled like any other."""
    free = pb.Money(amount_minor=0, currency="EUR")
    async with serve() as client:
        await refused(client.create(price=free), INVALID, "INVALID_ARGUMENT", "price.amount_minor")
    async with serve(min_price_minor=0) as client:
        shown = await client.accept("bob", await client.create(price=free))
        assert shown.HasField("agreed")
        assert shown.agreed.price == free
        await client.terminate("ann", shown.id, "DELIVERED")
        shown = await client.terminate("bob", shown.id, "COMPLETED")
        assert shown.HasField("settlement")
        assert shown.settlement == pb.Settlement()
        below = pb.Money(amount_minor=-1, currency="EUR")
        await refused(client.create(price=below), INVALID, "INVALID_ARGUMENT", "price.amount_minor")


def test_the_lowest_price_is_no_more_than_the_highest(settings: NegotiationSettings) -> None:
    """Otherwise no price at all would be good."""
    with pytest.raises(ValueError, match="MIN_PRICE_MINOR"):
        NegotiationSettings(
            **settings.model_dump(exclude_unset=True) | {"min_price_minor": 2, "max_price_minor": 1}
        )


# --- Currencies ----------------------------------------------------------------------------------

# What ISO 4217 marks as funds: accounts are kept in them.
FUNDS = ("BOV", "CHE", "CHW", "CLF", "COU", "MXV", "USN", "UYI")


@pytest.mark.parametrize(("code", "decimals"), [("EUR", 2), ("USD", 2), ("JPY", 0), ("KWD", 3)])
def test_each_currency_has_its_decimals(code: str, decimals: int) -> None:
    """Not every minor unit is a hundredth."""
    assert load_currencies()[code] == decimals


@pytest.mark.parametrize(
    "code", ["XAU", "XTS", "XXX", "XDR", *FUNDS, "XAD", "UYW", "eur", "BTC", ""]
)
def test_what_nobody_can_pay_with_is_no_currency(code: str) -> None:
    """Gold, the test code, funds, units of account, and what is not written as a code."""
    assert code not in load_currencies()


def test_there_are_all_of_them() -> None:
    currencies = load_currencies()
    assert len(currencies) > 150
    assert all(re.fullmatch("[A-Z]{3}", code) for code in currencies)
    assert {*currencies.values()} == {0, 2, 3}
    assert {"EUR", "USD", "CHF", "XOF", "XAF", "XPF", "XCD", "XCG"} <= {*currencies}
