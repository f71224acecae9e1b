"""The enumerations of the contract, each translated both ways by one table."""

from parley.moderation.v1 import moderation_pb2 as pb

from moderation_service.domain.case import entities
from moderation_service.domain.dispute.entities import DisputeState, Outcome
from moderation_service.domain.sanctions.entities import Ground, SanctionKind
from moderation_service.domain.shared.reasons import DisputeReason, ReportReason, Severity
from moderation_service.storage.lists import CaseOrder
from service_kit.rpc.enumerations import Enumeration

APPEAL_STATUSES = Enumeration(pb.AppealStatus, entities.AppealStatus)
CASE_ORDERS = Enumeration(pb.CaseOrder, CaseOrder)
CASE_STATES = Enumeration(pb.CaseState, entities.CaseState)
DISPUTE_OUTCOMES = Enumeration(pb.DisputeOutcome, Outcome)
DISPUTE_REASONS = Enumeration(pb.DisputeReason, DisputeReason)
DISPUTE_STATES = Enumeration(pb.DisputeState, DisputeState)
GROUNDS = Enumeration(pb.Ground, Ground)
REPORT_REASONS = Enumeration(pb.ReportReason, ReportReason)
REPORT_STATUSES = Enumeration(pb.ReportStatus, entities.ReportStatus)
SANCTION_KINDS = Enumeration(pb.SanctionKind, SanctionKind)
SEVERITIES = Enumeration(pb.Severity, Severity)
SUBJECT_KINDS = Enumeration(pb.SubjectKind, entities.SubjectKind)
VERDICTS = Enumeration(pb.Verdict, entities.Verdict)
