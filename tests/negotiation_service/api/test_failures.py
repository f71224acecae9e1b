"""Refusals of the negotiation service as statuses."""

from dataclasses import replace

from parley.negotiation.v1 import negotiation_pb2 as pb

from negotiation_service.api import translation
from negotiation_service.api.failures import FAILURES
from negotiation_service.domain.refusals import Reason
from service_kit.rpc.failures import MOST_CURRENT_BYTES
from service_kit.rules import Refusal
from tests.negotiation_service.story import Story


def test_what_is_cut_to_fit_is_cut_for_the_refusal_alone() -> None:
    """The message of a view is one for all who are told of it."""
    shown = replace(Story().show("bob"), description="x" * MOST_CURRENT_BYTES)
    status = FAILURES.status(Refusal(Reason.INVALID_STATE, "not now", current=shown))
    told = pb.Service()
    assert status.details[-1].Unpack(told)
    assert (told.truncated, told.description) == (True, "")
    assert translation.service(shown) is translation.service(shown)
    assert translation.service(shown).description == shown.description
