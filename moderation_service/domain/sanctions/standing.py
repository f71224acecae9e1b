"""The standing of a user: what they may do now, from all sanctions that concern them.

Sanctions are a set: a person is restricted by those in force, whichever cases they come from. So
lifting one restores exactly what would be without it, and no more.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from moderation_service.domain.sanctions.entities import Sanction, SanctionKind
from moderation_service.domain.sanctions.measures import MEASURES, Activity
from moderation_service.domain.shared.refusals import Reason
from service_kit.rules import Refusal


@dataclass(frozen=True, slots=True)
class Standing:
    """The restrictions of a user; `sanctions` are those in force, warnings among them."""

    user: str
    muted_until: int | None
    suspended_until: int | None
    banned: bool
    sanctions: tuple[Sanction, ...]

    @property
    def forbidden(self) -> frozenset[Activity]:
        """Activities that the user may not do."""
        return frozenset().union(*(MEASURES[one.kind].forbids for one in self.sanctions))


def standing(user: str, sanctions: Iterable[Sanction], now: int) -> Standing:
    """Tell how a user stands, given every sanction that may concern them."""
    found = tuple(one for one in sanctions if user in one.users and one.is_in_force(now))
    return Standing(
        user=user,
        muted_until=_latest(found, SanctionKind.MUTED),
        suspended_until=_latest(found, SanctionKind.SUSPENDED),
        banned=any(one.kind is SanctionKind.BANNED for one in found),
        sanctions=found,
    )


def check_activity(standing: Standing | None, activity: Activity) -> Refusal | None:
    """Refuse what a sanction forbids; the refusal bears the standing, with the reasons."""
    if standing is None or activity not in standing.forbidden:
        return None
    return Refusal(Reason.SANCTIONED, "a sanction does not allow this", current=standing)


def is_locked(conversation: str, sanctions: Iterable[Sanction], now: int) -> bool:
    """Tell whether anything keeps a conversation locked."""
    return any(
        one.kind is SanctionKind.CONVERSATION_LOCKED
        and one.conversation == conversation
        and one.is_in_force(now)
        for one in sanctions
    )


def removed_authors(thing: str, sanctions: Iterable[Sanction], now: int) -> frozenset[str]:
    """Name those whose words in a message or a statement anything keeps removed.

    Of one author, but for a message of kind "event" that reveals what both wrote.
    """
    removals = (SanctionKind.MESSAGE_REMOVED, SanctionKind.STATEMENT_REMOVED)
    return frozenset(
        user
        for one in sanctions
        if one.kind in removals and one.message == thing and one.is_in_force(now)
        for user in one.users
    )


def _latest(found: Iterable[Sanction], kind: SanctionKind) -> int | None:
    return max((one.until or 0 for one in found if one.kind is kind), default=None)
