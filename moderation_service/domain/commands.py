"""The commands of all kinds. One for each RPC that writes, and those of negotiation and time."""

from moderation_service.domain.case.commands import (
    CaseCommand,
    ClaimCase,
    CreateAppeal,
    CreateReport,
    DecideAppeal,
    DecideCase,
    LiftSanction,
    ReleaseCase,
)
from moderation_service.domain.dispute.commands import (
    CreateDispute,
    DecideDispute,
    DisputeCommand,
    SubmitDisputeStatement,
)
from moderation_service.domain.shared.commands import EraseUser, ExpireEvidence

ModeratorCommand = (
    ClaimCase | ReleaseCase | DecideCase | DecideAppeal | LiftSanction | DecideDispute | EraseUser
)
PersonCommand = CreateReport | CreateAppeal | CreateDispute | SubmitDisputeStatement
Command = CaseCommand | DisputeCommand | EraseUser | ExpireEvidence
