"""The view of a dispute: both parties see the same, moderators more, services less."""

from dataclasses import dataclass

from moderation_service.domain.dispute.entities import Dispute

# No user has this name, so that only a service can read a dispute in which it has no part.
INTERNAL = ""


@dataclass(frozen=True, slots=True)
class DisputeView:
    """A dispute as it stands now, without what the reader may not know.

    A party sees neither who decided nor the evidence, nor the text of a statement that is removed,
    and an INTERNAL reader no words.
    """

    dispute: Dispute
    allowed_actions: tuple[str, ...]
