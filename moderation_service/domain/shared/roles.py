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
# of the system. Which caller may call it says the table of callers (docs/operations.md).
ANYBODY: frozenset[Role] = frozenset()
MODERATORS = frozenset({Role.MODERATOR})

PERMISSIONS: Mapping[str, frozenset[Role]] = {
    "ReportMessage": ANYBODY,
    "ReportConversation": ANYBODY,
    "ReportDisputeStatement": ANYBODY,
    "ListReports": ANYBODY,
    "GetStanding": ANYBODY,
    "CreateAppeal": ANYBODY,
    "ListOwnAppeals": ANYBODY,
    "CreateDispute": ANYBODY,
    "SubmitDisputeStatement": ANYBODY,
    # Of a party's own; what is somebody else's needs the role of a moderator.
    "GetDispute": ANYBODY,
    "ListOwnDisputes": ANYBODY,
    "ListCases": MODERATORS,
    "GetCase": MODERATORS,
    "ClaimCase": MODERATORS,
    "ReleaseCase": MODERATORS,
    "DecideCase": MODERATORS,
    "ListAppeals": MODERATORS,
    "DecideAppeal": MODERATORS,
    "ListSanctions": MODERATORS,
    "LiftSanction": MODERATORS,
    "ListDisputes": MODERATORS,
    "DecideDispute": MODERATORS,
    # Whoever controls the moderators need not be one, and those who erase least of all.
    "ListAudit": frozenset({Role.MODERATOR, Role.AUDITOR}),
    "EraseUser": frozenset({Role.DATA_PROTECTION}),
    "EndSessions": ANYBODY,
    "RevokeToken": ANYBODY,
    "BatchGetStandings": ANYBODY,
    "Watch": ANYBODY,
    "UpdateWatch": ANYBODY,
    "StreamUpdateWatch": ANYBODY,
    "ListChanges": ANYBODY,
    "BatchListChanges": ANYBODY,
    "ListChangedUsers": ANYBODY,
}


def check_roles(rpc: str, roles: Collection[str]) -> Refusal | None:
    """Refuse an RPC to who has none of the roles that it needs."""
    return check_role(PERMISSIONS[rpc], roles)


def check_role(needed: frozenset[Role], roles: Collection[str]) -> Refusal | None:
    """Refuse what needs one of some roles to who has none of them."""
    if not needed or needed.intersection(roles):
        return None
    names = " or ".join(sorted(needed))
    return Refusal(Reason.ROLE_REQUIRED, f"this needs the role {names}")
