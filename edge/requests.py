"""A packet from a client, as far as whoever answers it has to know it."""

import msgspec

from edge.activities import Activity
from edge.metrics import Outcomes


class Request(msgspec.Struct, frozen=True, gc=False):
    """Handlers pass it on to the session with the answer; each is answered or done once."""

    # As the client gave it; None: only an error comes back.
    id: int | str | None
    outcomes: Outcomes
    # What a sanction could forbid of it, and the conversation if the packet names one.
    activity: Activity | None = None
    conversation: str = ""

    def done(self) -> None:
        """Count it as handled, where no answer does."""
        self.outcomes.ok.inc()
