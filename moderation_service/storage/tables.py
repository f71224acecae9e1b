"""The tables: what queries look for are columns, and all else of a case or dispute is one document.

A case and a dispute are both a *target*, found by an id that no two of them share. Rows are stamped
with the revision that wrote them first; lists go by it, for unlike times it never goes back.
"""

from sqlalchemy import BigInteger, Boolean, Column, Index, LargeBinary, MetaData, Table

from service_kit.follow.positions import add_positions
from service_kit.leases.table import add_leases
from service_kit.storage.announcements import add_announcements
from service_kit.storage.clock import add_clock
from service_kit.storage.engines import STORED_BY_KEY, TEXT
from service_kit.storage.horizon import add_horizon, move_horizon
from service_kit.storage.migrations import add_served_by
from service_kit.storage.retention import by_age, declare, forgotten, kept

metadata = MetaData()
add_announcements(metadata)
add_served_by(metadata)
add_clock(metadata)
add_leases(metadata)
add_positions(metadata)
add_horizon(metadata)

cases = Table(
    "cases",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("subject_kind", TEXT, nullable=False),
    Column("subject_id", TEXT, nullable=False),
    Column("is_decided", Boolean, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    # Negated, so that the gravest, the most reported and the most urgent come first in an index.
    Column("severity_rank", BigInteger, nullable=False),
    Column("reports_rank", BigInteger, nullable=False),
    Column("priority_rank", BigInteger, nullable=False),
    # Empty, and 0, for one that nobody has claimed.
    Column("claimed_by", TEXT, nullable=False),
    Column("claim_until", BigInteger, nullable=False),
    # When nothing says any more that its evidence must be kept; NULL while nobody can say.
    Column("expires_at", BigInteger),
    Column("created_revision", BigInteger, nullable=False),
    Column("document", TEXT, nullable=False),
)
# Not unique: an appeal may open a case again while a later one is undecided.
Index(
    "cases_undecided",
    cases.c.subject_kind,
    cases.c.subject_id,
    sqlite_where=~cases.c.is_decided,
    postgresql_where=~cases.c.is_decided,
)
Index("cases_due", cases.c.is_decided, cases.c.due_at, cases.c.id)
for _name in ("severity_rank", "reports_rank", "priority_rank"):
    Index(f"cases_{_name}", cases.c.is_decided, cases.c[_name], cases.c.due_at, cases.c.id)
# Of one severity, for lists of the graver ones.
for _name in ("reports_rank", "priority_rank"):
    Index(
        f"cases_severity_{_name}",
        cases.c.is_decided,
        cases.c.severity_rank,
        cases.c[_name],
        cases.c.due_at,
        cases.c.id,
    )
Index("cases_claim", cases.c.claim_until)
Index("cases_expires", cases.c.expires_at, cases.c.id)

disputes = Table(
    "disputes",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("service_id", TEXT, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("is_open", Boolean, nullable=False),
    # Whether negotiation has yet to be asked something.
    Column("is_pending", Boolean, nullable=False),
    # When time ends the state; NULL where it does not.
    Column("due_at", BigInteger),
    # The order of lists: when it is due, or was opened.
    Column("sort_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("created_revision", BigInteger, nullable=False),
    Column("document", TEXT, nullable=False),
)
# Not unique: a hold that turns out to stand late opens a refused dispute again for a moment.
Index(
    "disputes_open",
    disputes.c.service_id,
    sqlite_where=disputes.c.is_open,
    postgresql_where=disputes.c.is_open,
)
Index("disputes_state", disputes.c.state, disputes.c.sort_at, disputes.c.id)
Index(
    "disputes_pending",
    disputes.c.id,
    sqlite_where=disputes.c.is_pending,
    postgresql_where=disputes.c.is_pending,
)
Index("disputes_due", disputes.c.due_at, disputes.c.id)
Index("disputes_expires", disputes.c.expires_at, disputes.c.id)

# Who has a part in what: "participant", "reporter" and "accused" of a case, "party" of a dispute.
parts = Table(
    "parts",
    metadata,
    Column("user_id", TEXT, primary_key=True),
    Column("part", TEXT, primary_key=True),
    Column("created_revision", BigInteger, primary_key=True),
    Column("target_id", TEXT, primary_key=True),
    Index("parts_of_target", "target_id", "user_id"),
    **STORED_BY_KEY,
)

reports = Table(
    "reports",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("case_id", TEXT, nullable=False),
    Column("reporter_id", TEXT, nullable=False),
    Column("reason", TEXT, nullable=False),
    Column("status", TEXT, nullable=False),
    Column("is_open", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_revision", BigInteger, nullable=False),
)
Index("reports_case", reports.c.case_id)
Index("reports_reporter", reports.c.reporter_id, reports.c.created_revision, reports.c.id)
Index("reports_status", reports.c.reporter_id, reports.c.status)
Index("reports_time", reports.c.reporter_id, reports.c.created_at)

decisions = Table(
    "decisions",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("case_id", TEXT, nullable=False),
)

sanctions = Table(
    "sanctions",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("case_id", TEXT, nullable=False),
    Column("kind", TEXT, nullable=False),
    # Of what is locked or removed; empty for what concerns a person alone.
    Column("conversation_id", TEXT, nullable=False),
    Column("message_id", TEXT, nullable=False),
    # Far away for what ends when it is lifted.
    Column("until", BigInteger, nullable=False),
    Column("is_lifted", Boolean, nullable=False),
    Column("created_revision", BigInteger, nullable=False),
)
Index("sanctions_created", sanctions.c.created_revision, sanctions.c.id)
for _name in ("conversation_id", "message_id"):
    Index(
        f"sanctions_{_name.removesuffix('_id')}",
        sanctions.c[_name],
        sanctions.c.until,
        sqlite_where=~sanctions.c.is_lifted,
        postgresql_where=~sanctions.c.is_lifted,
    )

# Whom a sanction concerns.
sanctioned = Table(
    "sanctioned",
    metadata,
    Column("user_id", TEXT, primary_key=True),
    Column("created_revision", BigInteger, primary_key=True),
    Column("sanction_id", TEXT, primary_key=True),
    # As in the sanction, so that a standing is read at once, whatever lies behind a person.
    Column("case_id", TEXT, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("is_lifted", Boolean, nullable=False),
    **STORED_BY_KEY,
)
Index("sanctioned_sanction", sanctioned.c.sanction_id)
Index("sanctioned_case", sanctioned.c.case_id)
Index(
    "sanctioned_standing",
    sanctioned.c.user_id,
    sanctioned.c.until,
    sqlite_where=~sanctioned.c.is_lifted,
    postgresql_where=~sanctioned.c.is_lifted,
)

appeals = Table(
    "appeals",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("case_id", TEXT, nullable=False),
    Column("by_id", TEXT, nullable=False),
    # Of the decision that it is against.
    Column("decided_by", TEXT, nullable=False),
    Column("status", TEXT, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("created_revision", BigInteger, nullable=False),
)
Index("appeals_due", appeals.c.status, appeals.c.due_at, appeals.c.id)
Index("appeals_author", appeals.c.by_id, appeals.c.created_revision, appeals.c.id)

events = Table(
    "events",
    metadata,
    Column("target_id", TEXT, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("is_case", Boolean, nullable=False),
    Column("document", TEXT, nullable=False),
    # With which the audit log commits to it; NULL once it was rewritten.
    Column("salt", LargeBinary),
    # A history lies together on the disk, in the order in which it is read.
    **STORED_BY_KEY,
)

evidence = Table(
    "evidence",
    metadata,
    Column("target_id", TEXT, primary_key=True),
    Column("id", TEXT, primary_key=True),
    Column("content", LargeBinary, nullable=False),
    **STORED_BY_KEY,
)

audit = Table(
    "audit",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("actor", TEXT, nullable=False),
    Column("capacity", TEXT, nullable=False),
    Column("action", TEXT, nullable=False),
    Column("target_kind", TEXT, nullable=False),
    Column("target", TEXT, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("digest", TEXT, nullable=False),
    Column("previous", TEXT, nullable=False),
    Column("hash", TEXT, nullable=False),
    Index("audit_target", "target", "number"),
)

notifications = Table(
    "news",
    metadata,
    Column("revision", BigInteger, primary_key=True),
    Column("ordinal", BigInteger, primary_key=True),
    # Two for what both parties of a dispute are told; none for what is for services alone.
    Column("first_id", TEXT),
    Column("second_id", TEXT),
    Column("kind", TEXT, nullable=False),
    Column("target_id", TEXT, nullable=False),
    Column("seq", BigInteger, nullable=False),
    # The report, sanction or appeal that it is about; the conversation or the message.
    Column("about_id", TEXT, nullable=False),
    # From when on it may be forgotten; NULL for the last word about what services hold.
    Column("forgettable_at", BigInteger),
    Index("news_first", "first_id", "revision", "ordinal"),
    Index("news_second", "second_id", "revision", "ordinal"),
    Index("news_target", "target_id"),
    Index("news_forgettable", "forgettable_at"),
    **STORED_BY_KEY,
)
"""Notifications by revision, and to whom they went; what each said follows from its target."""

LAST_WORD = notifications.c.forgettable_at.is_(None)
Index(
    "news_last_word",
    notifications.c.kind,
    notifications.c.first_id,
    notifications.c.about_id,
    # Of rows that it changes PostgreSQL asks again what the condition of an index says already.
    notifications.c.forgettable_at,
    sqlite_where=LAST_WORD,
    postgresql_where=LAST_WORD,
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("actor_id", TEXT, primary_key=True),
    Column("key", TEXT, primary_key=True),
    Column("fingerprint", TEXT, nullable=False),
    # The answer was the target after this event, or what of it the command was about.
    Column("target_id", TEXT, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("about_id", TEXT, nullable=False),
    Column("used_at", BigInteger, nullable=False),
    Index("idempotency_keys_target", "target_id"),
    Index("idempotency_keys_used", "used_at"),
    **STORED_BY_KEY,
)

# Tokens that are refused. The user stands here by a digest, so that an erased name is nowhere, and
# the tokens that were revoked are refused all the same.
revocations = Table(
    "revocations",
    metadata,
    Column("user_digest", TEXT, primary_key=True),
    # Empty: all tokens that were issued before a time.
    Column("token_id", TEXT, primary_key=True),
    # 0 for one token.
    Column("issued_before", BigInteger, nullable=False),
    # When nothing can be left of what it refuses.
    Column("until", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    **STORED_BY_KEY,
)
Index("revocations_until", revocations.c.until)

declare(
    metadata,
    {
        "cases": kept("reports_limit of each person: what was decided, and why"),
        "disputes": kept("disputes_limit of each service"),
        "parts": kept("the people of each case and dispute"),
        "reports": kept("reports_limit of each person"),
        "decisions": kept("what moderators decide"),
        "sanctions": kept("what moderators decide"),
        "sanctioned": kept("what moderators decide"),
        "appeals": kept("one of each person against a decision"),
        "events": kept("the history of each case and dispute, whose texts an erasure empties"),
        "evidence": kept(
            "until no appeal is possible and no sanction in force, or dispute_evidence_days"
        ),
        "audit": kept("what was done: the log is whole for ever"),
        "news": forgotten(
            "what was told; the last word about each restriction stays, for services that follow",
            "changes_days",
        ),
        "revocations": kept("what is revoked, until the tokens would have expired"),
        "idempotency_keys": forgotten(
            "used keys; those of a case or dispute go with an erasure", "idempotency_days"
        ),
    },
)

FORGETTINGS = (
    by_age(idempotency_keys, idempotency_keys.c.used_at),
    by_age(
        notifications,
        notifications.c.forgettable_at,
        # After the key, of which it is the first.
        also=(notifications.c.revision,),
        after=move_horizon,
    ),
)
"""Rows that are deleted with time, beside evidence, which goes with its case or dispute."""
