"""The permissions of roles: one table, asked before anything is looked up."""

from collections.abc import Collection, Mapping
from enum import StrEnum

from moderation_service.domain.shared.refusals import Reason
from service_kit.rules import Refusal


class Role(StrEnum):
    """The roles of a token that mean something here, as the token says them."""

    MODERATOR = "moderator"
    AUDITOR = "auditor"
    DATA_PROTECTION = "data_protection"


# What needs no role: each of these is about the actor's own things alone, or is called by a part
# of the system, which the credential of the call shows.
ANYBODY: frozenset[Role] = frozenset()
_MODERATORS = frozenset({Role.MODERATOR})

PERMISSIONS: Mapping[str, frozenset[Role]] = {
    "ReportMessage": ANYBODY,
    "ReportConversation": ANYBODY,
    "ListReports": ANYBODY,
    "GetStanding": ANYBODY,
    "CreateAppeal": ANYBODY,
    "ListOwnAppeals": ANYBODY,
    "CreateDispute": ANYBODY,
    "SubmitDisputeStatement": ANYBODY,
    "GetDispute": ANYBODY,
    "ListOwnDisputes": ANYBODY,
    "ListCases": _MODERATORS,
    "GetCase": _MODERATORS,
    "ClaimCase": _MODERATORS,
    "ReleaseCase": _MODERATORS,
    "DecideCase": _MODERATORS,
    "ListAppeals": _MODERATORS,
    "DecideAppeal": _MODERATORS,
    "ListSanctions": _MODERATORS,
    "LiftSanction": _MODERATORS,
    "ListDisputes": _MODERATORS,
    "DecideDispute": _MODERATORS,
    # Whoever controls the moderators need not be one, and those who erase least of all.
    "ListAudit": frozenset({Role.MODERATOR, Role.AUDITOR}),
    "EraseUser": frozenset({Role.DATA_PROTECTION}),
    "EndSessions": ANYBODY,
    "RevokeToken": ANYBODY,
    "BatchGetStandings": ANYBODY,
    "Watch": ANYBODY,
    "UpdateWatch": ANYBODY,
    "ListChanges": ANYBODY,
    "ListChangedUsers": ANYBODY,
}


def check_roles(rpc: str, roles: Collection[str]) -> Refusal | None:
    """Refuse an RPC to who has none of the roles that it needs."""
    needed = PERMISSIONS[rpc]
    if not needed or needed.intersection(roles):
        return None
    names = " or ".join(sorted(needed))
    return Refusal(Reason.ROLE_REQUIRED, f"this needs the role {names}")
