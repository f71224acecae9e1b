"""The present states that refusals bear, also where the whole is too large to be sent."""

from typing import Any

import pytest
from msgspec import UNSET
from parley.moderation.v1 import moderation_pb2 as pb

from edge.translation.moderation import dispute_payload, standing_payload
from moderation_service.api import dispute_translation
from moderation_service.api.failures import FAILURES
from moderation_service.domain.case.views import SanctionView, StandingView
from moderation_service.domain.dispute.entities import Dispute, DisputeState, DisputeStatement
from moderation_service.domain.dispute.views import DisputeView
from moderation_service.domain.sanctions.entities import (
    Ground,
    SanctionKind,
    Scope,
    Statement,
)
from moderation_service.domain.shared.reasons import DisputeReason
from moderation_service.domain.shared.refusals import Reason
from moderation_service.operations.restrictions import PlacedStanding
from parley_protocol.objects import Kind, Objects
from parley_protocol.packets import Op
from service_kit.rpc.failures import MOST_CURRENT_BYTES
from service_kit.rules import Position, Refusal


def dispute(statements: int) -> DisputeView:
    said = tuple(DisputeStatement("ann", "é" * 4_000, at) for at in range(statements))
    return DisputeView(
        Dispute(
            id="d",
            seq=7,
            service="s",
            conversation="c",
            provider="ann",
            client="bob",
            opened_by="ann",
            reason=DisputeReason.OTHER,
            currency="EUR",
            price=100,
            refund=None,
            state=DisputeState.OPEN,
            created_at=1,
            statements=said,
        ),
        ("state",),
    )


def current(view: object, message: Any) -> Any:
    refusal = Refusal(Reason.INVALID_STATE, "stands otherwise", current=view)
    (found,) = (one for one in FAILURES.status(refusal).details if one.Is(message.DESCRIPTOR))
    found.Unpack(message)
    assert message.ByteSize() <= MOST_CURRENT_BYTES
    return message


@pytest.mark.parametrize(("statements", "cut"), [(10, False), (20, True)])
def test_a_dispute_that_is_cut_says_so(statements: int, cut: bool) -> None:
    """Its statements are absent, and not an empty list of the same version."""
    shown = dispute_payload(current(dispute(statements), pb.Dispute()))
    assert (shown.version, shown.truncated) == (7, cut or UNSET)
    assert (shown.statements is UNSET) is cut


def test_what_was_cut_takes_nothing_away_that_is_known() -> None:
    """In either order, of one version; of a later one the statements are not known any more."""
    whole = dispute_payload(dispute_translation.dispute(dispute(20)))
    cut = dispute_payload(current(dispute(20), pb.Dispute()))

    def packet(shown: Any) -> dict[str, Any]:
        fields = {name: getattr(shown, name) for name in shown.__struct_fields__}
        return {name: value for name, value in fields.items() if value is not UNSET}

    for order in ([whole, cut], [cut, whole]):
        objects = Objects("ann")
        for shown in order:
            objects.take(Op.ERROR, {"current": packet(shown)})
        known = objects.of(Kind.DISPUTE, "d")
        assert known is not None
        assert len(known.content["statements"]) == 20
    later = {**packet(cut), "version": 8}
    objects.take(Op.ERROR, {"current": later})
    known = objects.of(Kind.DISPUTE, "d")
    assert known is not None
    assert known.content["statements"] is None
    assert known.content["truncated"] is True


def test_a_standing_that_is_cut_has_whole_sanctions_and_warnings_last() -> None:
    """None without its reasons, and first those that forbid something."""
    kinds = [SanctionKind.WARNING, SanctionKind.MUTED] * 20

    def sanction(number: int, kind: SanctionKind) -> SanctionView:
        reasons = Statement(
            kind, Scope.ACCOUNT, "ann", 1, None, "é" * 4_000, Ground.TERMS, "3", False, False, 9
        )
        name = str(number)
        return SanctionView(name, kind, None, "", "", reasons, "d", None, True, None)

    view = StandingView("ann", None, None, False, tuple(map(sanction, range(40), kinds)))
    shown = standing_payload(current(PlacedStanding(view, Position("e", 1)), pb.Standing()))
    assert shown.truncated is True
    assert {one.kind for one in shown.sanctions} == {"muted"}
    assert {len(one.statement.facts) for one in shown.sanctions} == {4_000}
