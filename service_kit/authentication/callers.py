"""The callers of services, and the one table of who may call which method.

What is in no row is refused. docs/operations.md shows the table.
"""

from collections.abc import Mapping, Set
from enum import StrEnum


class Caller(StrEnum):
    """The names under which credentials are accepted.

    `operator` is whoever works with the command line, and `backend` all other services of the
    marketplace; the others are parts of Parley. What is done for moderators, by the desk or with
    the command line, needs their token as well.
    """

    EDGE = "edge"
    MESSAGING = "messaging"
    NEGOTIATION = "negotiation"
    MODERATION = "moderation"
    OPERATOR = "operator"
    BACKEND = "backend"
    DESK = "desk"


CALLER_NOT_PERMITTED = "CALLER_NOT_PERMITTED"
"""The reason of a refusal to a known caller, with PERMISSION_DENIED."""

Methods = Mapping[str, Set[Caller]]
"""The callers of each method, by its name."""

# Whoever may call one of these names the person in whose name it is: the edge alone, which has
# verified that person's token.
_PEOPLE = {Caller.EDGE}
# Whoever may call one of these shows the token of a moderator, which says who acts.
_MODERATORS = {Caller.DESK, Caller.OPERATOR}

MESSAGING: Methods = {
    "CreateConversation": {Caller.BACKEND},
    "CreateMessage": _PEOPLE,
    "BatchCreateMessages": _PEOPLE,
    "StreamCreateMessages": _PEOPLE,
    "EditMessage": _PEOPLE,
    "DeleteMessage": _PEOPLE,
    "ListConversations": _PEOPLE,
    "ListMessages": _PEOPLE,
    # Negotiation of an earlier version asks for each by itself, while messaging is updated first.
    "GetConversation": {Caller.EDGE, Caller.NEGOTIATION, Caller.BACKEND},
    "BatchGetParties": {Caller.NEGOTIATION},
    "GetMessages": _PEOPLE,
    "ListEvidence": {Caller.MODERATION},
    "MarkRead": _PEOPLE,
    "MarkDelivered": _PEOPLE,
    "SendTyping": _PEOPLE,
    "SetInvisible": {Caller.BACKEND},
    "SetBlock": _PEOPLE,
    "ListBlocks": _PEOPLE,
    # Whom an edge follows is shown as online.
    "Watch": _PEOPLE,
    "UpdateWatch": _PEOPLE,
    "StreamUpdateWatch": _PEOPLE,
    "ListChanges": _PEOPLE,
    "BatchListChanges": _PEOPLE,
    "ListChangedUsers": _PEOPLE,
}

NEGOTIATION: Methods = {
    "CreateService": _PEOPLE,
    "EditPrice": _PEOPLE,
    "EndNegotiation": _PEOPLE,
    "TerminateService": _PEOPLE,
    "SubmitNote": _PEOPLE,
    "StreamCommands": _PEOPLE,
    "PlaceHold": {Caller.MODERATION},
    "ResolveHold": {Caller.MODERATION},
    "GetService": {Caller.EDGE, Caller.MODERATION, Caller.BACKEND},
    "BatchGetServices": {Caller.EDGE, Caller.MODERATION, Caller.BACKEND},
    "ListServices": {Caller.EDGE, Caller.BACKEND},
    "ListServiceEvents": {Caller.EDGE, Caller.MODERATION, Caller.BACKEND},
    "Watch": {Caller.EDGE, Caller.MESSAGING, Caller.MODERATION, Caller.BACKEND},
    "UpdateWatch": {Caller.EDGE},
    "StreamUpdateWatch": {Caller.EDGE},
    "ListChanges": {Caller.EDGE, Caller.MESSAGING, Caller.MODERATION, Caller.BACKEND},
    "BatchListChanges": {Caller.EDGE},
    "ListChangedUsers": {Caller.EDGE},
}

MODERATION: Methods = {
    "ReportMessage": _PEOPLE,
    "ReportConversation": _PEOPLE,
    "ReportDisputeStatement": _PEOPLE,
    "ListReports": _PEOPLE,
    "GetStanding": _PEOPLE,
    "CreateAppeal": _PEOPLE,
    "ListOwnAppeals": _PEOPLE,
    "CreateDispute": _PEOPLE,
    "SubmitDisputeStatement": _PEOPLE,
    # A party's own through the edge, any with the token of a moderator.
    "GetDispute": {Caller.EDGE, Caller.DESK, Caller.OPERATOR},
    "ListOwnDisputes": _PEOPLE,
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
    "ListAudit": _MODERATORS,
    "EraseUser": _MODERATORS,
    "EndSessions": {Caller.DESK, Caller.OPERATOR, Caller.BACKEND},
    "RevokeToken": {Caller.OPERATOR, Caller.BACKEND},
    "BatchGetStandings": {Caller.EDGE, Caller.DESK, Caller.BACKEND},
    "Watch": {Caller.EDGE, Caller.MESSAGING, Caller.NEGOTIATION, Caller.DESK},
    "UpdateWatch": {Caller.EDGE},
    "StreamUpdateWatch": {Caller.EDGE},
    "ListChanges": {Caller.EDGE, Caller.MESSAGING, Caller.NEGOTIATION},
    "BatchListChanges": {Caller.EDGE},
    "ListChangedUsers": {Caller.EDGE},
}

# --- What every service has ----------------------------------------------------------------------

# Check alone is for anybody: probes of containers have no credential, and learn nothing but whether
# the service serves. A stream would hold on to something.
HEALTH: Methods = {"Watch": frozenset(Caller)}
# For tools; and only where it is turned on.
REFLECTION: Methods = {"ServerReflectionInfo": {Caller.OPERATOR, Caller.BACKEND}}
