"""The past of cases and disputes, made from their events."""

from collections.abc import Iterable, Sequence

from moderation_service.domain.case.entities import Case
from moderation_service.domain.case.events import CaseEvent, evolve
from moderation_service.domain.dispute.entities import Dispute
from moderation_service.domain.dispute.events import evolve_dispute
from moderation_service.domain.events import Event


class Past:
    """How a case or dispute stood after each revision that changed it, and when that was."""

    def __init__(self, events: Sequence[tuple[int, Event]]) -> None:
        self._stages: dict[int, tuple[Case | Dispute, int]] = {}
        case: Case | None = None
        dispute: Dispute | None = None
        for revision, event in events:
            if isinstance(event, CaseEvent):
                case = evolve(case, event)
                self._stages[revision] = (case, event.at)
            else:
                dispute = evolve_dispute(dispute, event)
                self._stages[revision] = (dispute, event.at)

    def at(self, revision: int) -> tuple[Case | Dispute, int]:
        """Give how it stood after a revision that changed it, and the time."""
        return self._stages[revision]


def replay_until(events: Iterable[Event], seq: int) -> tuple[Case | Dispute, int]:
    """Give how a case or dispute stood after its event `seq`, and when that was."""
    past = Past([(one.seq, one) for one in events if one.seq <= seq])
    return past.at(seq)
