"""The statements of operations, each built once. Every one goes through an index.

Lists are put together in `listing.py`, for what is looked for is each time something else.
"""

from sqlalchemy import BigInteger, bindparam, delete, func, select, tuple_, update

from moderation_service.domain.case.entities import AppealStatus
from moderation_service.storage.tables import (
    LAST_WORD,
    appeals,
    audit,
    cases,
    decisions,
    disputes,
    events,
    evidence,
    idempotency_keys,
    notifications,
    parts,
    reports,
    revocations,
    sanctioned,
    sanctions,
)
from service_kit.storage.bulk_statements import among_given, given_rows
from service_kit.storage.changed_users import changed_users
from service_kit.storage.engines import TEXT

_COUNT = bindparam("count", type_=BigInteger)

# --- Targets ------------------------------------------------------------------------------------

CASES = select(cases.c.id, cases.c.document).where(among_given(cases.c.id, "ids"))
DISPUTES = select(disputes.c.id, disputes.c.document).where(among_given(disputes.c.id, "ids"))
_subjects, _subjects_match = given_rows("rows", (cases.c.subject_kind, cases.c.subject_id))
UNDECIDED = (
    select(cases.c.document)
    .select_from(_subjects.join(cases, _subjects_match))
    .where(~cases.c.is_decided)
)
OPEN_DISPUTES = select(disputes.c.document).where(
    among_given(disputes.c.service_id, "ids"), disputes.c.is_open
)
CASE_IDS = {
    name: select(table.c.id, table.c.case_id).where(among_given(table.c.id, "ids"))
    for name, table in (("decision", decisions), ("appeal", appeals), ("sanction", sanctions))
}
HISTORIES = (
    select(
        events.c.target_id,
        events.c.seq,
        events.c.revision,
        events.c.is_case,
        events.c.document,
        events.c.salt,
    )
    .where(among_given(events.c.target_id, "ids"))
    .order_by(events.c.target_id, events.c.seq)
)
ENTRIES = select(audit).where(among_given(audit.c.target, "ids")).order_by(audit.c.number)
REWRITE_EVENT = (
    update(events)
    .where(events.c.target_id == bindparam("target"), events.c.seq == bindparam("number"))
    .values(document=bindparam("written"), salt=None)
)
CONTENTS = select(evidence.c.id, evidence.c.content).where(
    evidence.c.target_id == bindparam("target", type_=TEXT)
)
FORGET_CONTENTS = delete(evidence).where(among_given(evidence.c.target_id, "ids"))
HEAD = select(audit.c.number, audit.c.hash).where(
    audit.c.number == select(func.max(audit.c.number)).scalar_subquery()
)
_keys, _keys_match = given_rows("rows", (idempotency_keys.c.actor_id, idempotency_keys.c.key))
KEYS = select(
    idempotency_keys.c.actor_id,
    idempotency_keys.c.key,
    idempotency_keys.c.fingerprint,
    idempotency_keys.c.target_id,
    idempotency_keys.c.seq,
    idempotency_keys.c.about_id,
).select_from(_keys.join(idempotency_keys, _keys_match))

# --- What restricts -----------------------------------------------------------------------------

_NOW = bindparam("now", type_=BigInteger)
SANCTIONING = (
    select(
        sanctioned.c.user_id,
        sanctioned.c.case_id,
        sanctioned.c.until,
        sanctioned.c.created_revision,
        sanctions.c.kind,
    )
    .join(sanctions, sanctions.c.id == sanctioned.c.sanction_id)
    .where(
        among_given(sanctioned.c.user_id, "ids"),
        ~sanctioned.c.is_lifted,
        sanctioned.c.until > _NOW,
    )
)
LOCKING, REMOVING = (
    select(sanctions.c.case_id).where(
        among_given(thing, "ids"), ~sanctions.c.is_lifted, sanctions.c.until > _NOW
    )
    for thing in (sanctions.c.conversation_id, sanctions.c.message_id)
)
LIFT = (
    update(sanctioned)
    .where(sanctioned.c.sanction_id == bindparam("sanction", type_=TEXT))
    .values(is_lifted=bindparam("lifted"))
)

# --- Reporters ----------------------------------------------------------------------------------

REPORTER_COUNTS = (
    select(reports.c.reporter_id, reports.c.status, func.count())
    .where(among_given(reports.c.reporter_id, "ids"))
    .group_by(reports.c.reporter_id, reports.c.status)
)
RECENT_REPORTS = select(reports.c.reporter_id, reports.c.created_at).where(
    among_given(reports.c.reporter_id, "ids"),
    reports.c.created_at > bindparam("since", type_=BigInteger),
)

# --- What is due --------------------------------------------------------------------------------

PENDING = (
    select(disputes.c.document)
    .where(disputes.c.is_pending, disputes.c.id > bindparam("after", type_=TEXT))
    .order_by(disputes.c.id)
    .limit(_COUNT)
)
DUE, EXPIRED_DISPUTES, EXPIRED_CASES = (
    select(when, table.c.id)
    .where(
        when <= bindparam("now", type_=BigInteger),
        tuple_(when, table.c.id)
        > tuple_(bindparam("when", type_=BigInteger), bindparam("id", type_=TEXT)),
    )
    .order_by(when, table.c.id)
    .limit(_COUNT)
    for table, when in (
        (disputes, disputes.c.due_at),
        (disputes, disputes.c.expires_at),
        (cases, cases.c.expires_at),
    )
)
NEXT_DUE = select(func.min(disputes.c.due_at)).where(
    disputes.c.due_at > bindparam("now", type_=BigInteger)
)

# --- What is verified ---------------------------------------------------------------------------

TARGETS = tuple(
    select(name)
    .where(name > bindparam("after", type_=TEXT))
    .distinct()
    .order_by(name)
    .limit(_COUNT)
    for name in (
        cases.c.id,
        disputes.c.id,
        events.c.target_id,
        evidence.c.target_id,
        audit.c.target,
    )
)
"""The ids of cases and disputes, wherever there is something of them."""

# --- What operators look at ---------------------------------------------------------------------

WAITING_CASES = select(
    func.count(),
    func.count().filter(cases.c.due_at <= bindparam("now", type_=BigInteger)),
    func.min(cases.c.due_at),
).where(~cases.c.is_decided)
OPEN_APPEALS = select(
    func.count(),
    func.count().filter(appeals.c.due_at <= bindparam("now", type_=BigInteger)),
    func.min(appeals.c.due_at),
).where(appeals.c.status == AppealStatus.OPEN)
DISPUTES_BY_STATE = (
    select(disputes.c.state, func.count()).where(disputes.c.is_open).group_by(disputes.c.state)
)

# --- Notifications ------------------------------------------------------------------------------

REVOCATIONS = select(revocations).where(
    among_given(revocations.c.user_digest, "ids"),
    revocations.c.until > bindparam("now", type_=BigInteger),
)
NOTIFICATIONS = {
    name: select(
        notifications.c.revision,
        notifications.c.first_id,
        notifications.c.second_id,
        notifications.c.kind,
        notifications.c.target_id,
        notifications.c.seq,
        notifications.c.about_id,
        notifications.c.ordinal,
    )
    .where(
        *((column == bindparam("user", type_=TEXT),) if column is not None else ()),
        notifications.c.revision > bindparam("after", type_=BigInteger),
        notifications.c.revision <= bindparam("until", type_=BigInteger),
    )
    .order_by(notifications.c.revision, notifications.c.ordinal)
    .limit(_COUNT)
    for name, column in (
        ("everything", None),
        ("first", notifications.c.first_id),
        ("second", notifications.c.second_id),
    )
}

SUPERSEDE, SUPERSEDE_OF_USER = (
    update(notifications)
    .where(
        of_whom,
        notifications.c.about_id == bindparam("about", type_=TEXT),
        notifications.c.kind == bindparam("what", type_=TEXT),
        LAST_WORD,
    )
    .values(forgettable_at=bindparam("now", type_=BigInteger))
    for of_whom in (
        notifications.c.first_id.is_(None),
        notifications.c.first_id == bindparam("user", type_=TEXT),
    )
)

CHANGED_USERS = tuple(
    changed_users(told, notifications.c.revision)
    for told in (notifications.c.first_id, notifications.c.second_id)
)

# --- A person -----------------------------------------------------------------------------------

TARGETS_OF = (
    select(parts.c.target_id)
    .where(
        parts.c.user_id == bindparam("user", type_=TEXT),
        parts.c.target_id > bindparam("after", type_=TEXT),
    )
    .distinct()
    .order_by(parts.c.target_id)
    .limit(_COUNT)
)
_USER, _ALIAS = bindparam("user", type_=TEXT), bindparam("alias", type_=TEXT)
_TARGET = bindparam("target", type_=TEXT)
RENAME = (
    update(parts)
    .where(parts.c.target_id == _TARGET, parts.c.user_id == _USER)
    .values(user_id=_ALIAS),
    update(reports)
    .where(reports.c.case_id == _TARGET, reports.c.reporter_id == _USER)
    .values(reporter_id=_ALIAS),
    update(sanctioned)
    .where(sanctioned.c.case_id == _TARGET, sanctioned.c.user_id == _USER)
    .values(user_id=_ALIAS),
    update(appeals)
    .where(appeals.c.case_id == _TARGET, appeals.c.by_id == _USER)
    .values(by_id=_ALIAS),
    update(notifications)
    .where(notifications.c.target_id == _TARGET, notifications.c.first_id == _USER)
    .values(first_id=_ALIAS),
    update(notifications)
    .where(notifications.c.target_id == _TARGET, notifications.c.second_id == _USER)
    .values(second_id=_ALIAS),
)
"""Renames a person beside the documents of a target."""
FORGET_KEYS = delete(idempotency_keys).where(among_given(idempotency_keys.c.target_id, "ids"))

HOT_STATEMENTS = {
    "cases by id": CASES,
    "disputes by id": DISPUTES,
    "undecided cases": UNDECIDED,
    "open disputes": OPEN_DISPUTES,
    **{f"case of a {name}": one for name, one in CASE_IDS.items()},
    "histories": HISTORIES,
    "contents": CONTENTS,
    "contents forgotten": FORGET_CONTENTS,
    "keys forgotten": FORGET_KEYS,
    "head of the audit log": HEAD,
    "keys": KEYS,
    "sanctioning cases": SANCTIONING,
    "locking cases": LOCKING,
    "removing cases": REMOVING,
    "reports by status": REPORTER_COUNTS,
    "recent reports": RECENT_REPORTS,
    "pending disputes": PENDING,
    "disputes due": DUE,
    "disputes expired": EXPIRED_DISPUTES,
    "cases expired": EXPIRED_CASES,
    "dispute due next": NEXT_DUE,
    **{f"notifications, {name}": one for name, one in NOTIFICATIONS.items()},
    "last word of a thing": SUPERSEDE,
    "last word of a user": SUPERSEDE_OF_USER,
    "users changed, first": CHANGED_USERS[0],
    "users changed, second": CHANGED_USERS[1],
}
"""By name, for whoever wants to see their query plans."""
