"""The activities that each kind of sanction forbids.

The rules are those of the moderation service (docs/moderation.md), whose code the edge does not
reach: a test holds the two tables together.
"""

from collections.abc import Mapping

from parley_protocol.packets import Activity
from parley_protocol.payloads.fields import Unspecified
from parley_protocol.payloads.moderation import Sanction, SanctionKind

# These two are left over HTTP (edge/web/deals.py).
_ALL_BUT_WHAT_TIME_WAITS_FOR = frozenset(Activity) - {Activity.PERFORM, Activity.DISPUTE}

FORBIDS: Mapping[SanctionKind | Unspecified, frozenset[Activity]] = {
    "warning": frozenset(),
    "message_removed": frozenset(),
    "statement_removed": frozenset(),
    # Nothing but in that conversation.
    "conversation_locked": frozenset(),
    "muted": frozenset({Activity.WRITE}),
    "suspended": _ALL_BUT_WHAT_TIME_WAITS_FOR,
    "banned": _ALL_BUT_WHAT_TIME_WAITS_FOR,
}


def restricts(sanction: Sanction) -> bool:
    """Tell whether a sanction forbids anything, here or in one conversation."""
    return bool(_forbidden(sanction)) or sanction.kind == "conversation_locked"


def forbids(sanction: Sanction, activity: Activity, conversation: str) -> bool:
    """Tell whether a sanction forbids this, in a conversation or in none that is known."""
    if sanction.kind == "conversation_locked":
        return activity is Activity.WRITE and sanction.conversation == conversation
    return activity in _forbidden(sanction)


def _forbidden(sanction: Sanction) -> frozenset[Activity]:
    # A newer service may impose what this edge cannot enforce; the services refuse by themselves.
    return FORBIDS.get(sanction.kind, frozenset())
