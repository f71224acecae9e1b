"""The table of all operations for which a session is needed."""

from desk.resources import appeals, audit, cases, disputes, people
from desk.resources.operation import AUDIT, DATA_PROTECTION, MODERATOR, Operation

_CASE, _APPEAL, _DISPUTE = "/cases/{case_id}", "/appeals/{appeal_id}", "/disputes/{dispute_id}"

OPERATIONS: tuple[Operation, ...] = (
    Operation("GET", "/cases", "cases", MODERATOR, cases.list_cases),
    Operation("GET", _CASE, "cases", MODERATOR, cases.get_case),
    Operation("POST", f"{_CASE}/claim", "cases", MODERATOR, cases.claim_case),
    Operation("POST", f"{_CASE}/release", "cases", MODERATOR, cases.release_case),
    Operation("POST", f"{_CASE}/preview", "cases", MODERATOR, cases.preview_decision),
    Operation("POST", f"{_CASE}/decision", "cases", MODERATOR, cases.decide_case),
    Operation("GET", "/appeals", "appeals", MODERATOR, appeals.list_appeals),
    Operation("GET", _APPEAL, "appeals", MODERATOR, appeals.get_appeal),
    Operation("POST", f"{_APPEAL}/decision", "appeals", MODERATOR, appeals.decide_appeal),
    Operation("GET", "/sanctions", "appeals", MODERATOR, appeals.list_sanctions),
    Operation("POST", "/sanctions/{sanction_id}/lift", "appeals", MODERATOR, appeals.lift_sanction),
    Operation("GET", "/disputes", "disputes", MODERATOR, disputes.list_disputes),
    Operation("GET", _DISPUTE, "disputes", MODERATOR, disputes.get_dispute),
    Operation("POST", f"{_DISPUTE}/decision", "disputes", MODERATOR, disputes.decide_dispute),
    Operation("GET", "/search", "people", MODERATOR, people.search),
    Operation("POST", "/users/{user}/session-end", "people", MODERATOR, people.end_sessions),
    Operation("POST", "/users/{user}/erasure", "people", DATA_PROTECTION, people.erase_user),
    Operation("GET", "/audit", "audit", AUDIT, audit.list_audit),
    Operation("GET", "/audit/verification", "audit", AUDIT, audit.verify_audit),
)
