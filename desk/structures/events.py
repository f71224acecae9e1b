"""Events of GET /events, by which what others do is seen. A page then loads anew what it shows."""

from desk.structures.words import CaseState, DisputeState, Time, Told


class CaseEvent(Told, frozen=True):
    """A case has changed. `cause` is what happened, as the audit log calls it; `by` is empty for
    all but moderators. A claim that lapses by the clock is told by nobody.
    """

    id: str
    version: int
    cause: str
    by: str
    state: CaseState
    claimed_by: str
    claim_until_time: Time | None = None


class DisputeEvent(Told, frozen=True):
    """A dispute has changed."""

    id: str
    version: int
    cause: str
    state: DisputeState


class Reset(Told, frozen=True):
    """Something may have been missed: what is shown has to be loaded anew."""


class Ready(Told, frozen=True):
    """From here on all is told; first on each stream, and again when moderation is back."""


class Away(Told, frozen=True):
    """The moderation service cannot be reached: nothing is told until `ready` comes."""
