"""Values of an enumeration go to the contract and come back by their names."""

from enum import StrEnum

import pytest
from parley.negotiation.v1 import negotiation_pb2 as pb

from service_kit.rpc.enumerations import Enumeration
from service_kit.rpc.failures import Refused


class HoldOutcome(StrEnum):
    RESUME = "resume"
    SPLIT = "split"


OUTCOMES = Enumeration(pb.HoldOutcome, HoldOutcome)


@pytest.mark.parametrize("outcome", HoldOutcome)
def test_values_go_there_and_back(outcome: HoldOutcome) -> None:
    number = OUTCOMES.encode(outcome)
    assert pb.HoldOutcome.Name(number) == f"HOLD_OUTCOME_{outcome.name}"
    assert OUTCOMES.decode("outcome", number) is outcome


def test_a_value_may_be_missing_where_it_is_optional() -> None:
    assert OUTCOMES.decode_optional("outcome", 0) is None


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (0, "outcome is missing"),
        (pb.HOLD_OUTCOME_COMPLETED, "outcome has a value that nobody knows"),
        (99, "outcome has a value that nobody knows"),
    ],
)
def test_a_missing_or_unknown_value_is_refused(number: int, message: str) -> None:
    with pytest.raises(Refused) as refused:
        OUTCOMES.decode("outcome", number)
    assert (refused.value.refusal.message, refused.value.refusal.field) == (message, "outcome")
