"""The contract over gRPC, on a real database, beside real neighbours."""

import json
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from parley.moderation.v1 import moderation_pb2 as pb

from service_kit.storage.engines import open_engine
from tests.moderation_service.books import check_books
from tests.moderation_service.conftest import Client, measure, muted

NOT_FOUND = grpc.StatusCode.NOT_FOUND
FAILED_PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION
PERMISSION_DENIED = grpc.StatusCode.PERMISSION_DENIED
Refused = Callable[..., Any]


def kinds(events: list[tuple[int, pb.Event]]) -> list[str | None]:
    """What each event is."""
    return [event.WhichOneof("event") for _, event in events]


async def test_a_report_is_kept_with_what_was_seen(client: Client) -> None:
    """The case has the message as it was, intact, also when its author takes it back later."""
    report = await client.report(text="send it to my own account", comment="see this")
    assert report.status == pb.REPORT_STATUS_RECEIVED
    await client.around.delete("bob", report.subject.id)
    (listed,) = await client.cases()
    assert (list(listed.accused), listed.severity) == (["bob"], pb.SEVERITY_HIGH)
    assert listed.evidence[0].content == ""
    case = (await client.moderate("GetCase", case_id=listed.id)).case
    assert case.reports[0].comment == "see this"
    (seen, *_) = case.evidence
    assert seen.intact
    words = json.loads(seen.content)
    assert words["messages"][0]["message"]["text"] == "send it to my own account"


async def test_the_reporter_hears_of_each_step(client: Client) -> None:
    """Received, in review, actioned; and the reported one hears of the sanction and no report."""
    stream = await client.watch(["ann"])
    theirs = await client.watch(["bob"])
    report = await client.report()
    (case,) = await client.cases()
    decided = await client.decide(case.id, muted())
    told = await stream.events(3)
    assert kinds(told) == ["report_status_changed"] * 3
    statuses = [event.report_status_changed.report.status for _, event in told]
    assert statuses == [
        pb.REPORT_STATUS_RECEIVED,
        pb.REPORT_STATUS_IN_REVIEW,
        pb.REPORT_STATUS_ACTIONED,
    ]
    assert told[-1][1].report_status_changed.report.id == report.id
    heard = await theirs.events(2)
    assert kinds(heard) == ["sanctioned", "standing_changed"]
    sanction = heard[0][1].sanctioned.sanction
    assert sanction.statement.facts == "Asked for payment outside."
    assert sanction.appealable
    assert not sanction.case_id
    assert not sanction.imposed_by
    standing = heard[1][1].standing_changed.standing
    assert standing.HasField("muted_until_time")
    assert standing.position.revision == heard[1][0]
    assert decided.state == pb.CASE_STATE_DECIDED
    listed = (await client.call("ListReports", actor="ann")).reports
    assert [one.status for one in listed] == [pb.REPORT_STATUS_ACTIONED]


async def test_two_moderators_decide_a_case_once(client: Client, refused: Refused) -> None:
    """The second is told who works on it, and then that it is decided, with how it stands."""
    await client.report()
    (case,) = await client.cases()
    claimed = (await client.moderate("ClaimCase", case_id=case.id)).case
    details = await refused(
        client.moderate("ClaimCase", "max", case_id=case.id),
        FAILED_PRECONDITION,
        "CLAIMED_BY_OTHER",
    )
    assert details["Case"].claimed_by == "mia"
    given = {
        "case_id": case.id,
        "version": claimed.version,
        "verdict": pb.VERDICT_VIOLATION,
        "measures": [measure("BANNED")],
    }
    await client.moderate("DecideCase", **given)
    details = await refused(
        client.moderate("DecideCase", "max", **given), FAILED_PRECONDITION, "INVALID_STATE"
    )
    assert details["Case"].state == pb.CASE_STATE_DECIDED


async def test_a_stale_version_is_refused_with_the_case(client: Client, refused: Refused) -> None:
    """A report that came meanwhile has to be looked at first."""
    report = await client.report()
    (case,) = await client.cases()
    claimed = (await client.moderate("ClaimCase", case_id=case.id)).case
    again = {"actor": "ann", "message_id": report.subject.id, "reason": pb.REPORT_REASON_SPAM}
    await client.call("ReportMessage", **again)
    details = await refused(
        client.moderate(
            "DecideCase",
            case_id=case.id,
            version=claimed.version,
            verdict=pb.VERDICT_NO_VIOLATION,
        ),
        FAILED_PRECONDITION,
        "STALE_CASE",
    )
    assert len(details["Case"].reports) == 2


async def test_a_ban_leaves_the_reasons_and_the_appeal(client: Client, refused: Refused) -> None:
    """Everything else is refused with them; overturned by another moderator, all is as before."""
    await client.report()
    (case,) = await client.cases()
    decided = await client.decide(case.id, measure("BANNED"))
    said = await client.around.say("ann", "bob")
    details = await refused(
        client.call("ReportMessage", actor="bob", message_id=said.id, reason=pb.REPORT_REASON_SPAM),
        PERMISSION_DENIED,
        "SANCTIONED",
    )
    (sanction,) = details["Standing"].sanctions
    assert sanction.statement.rule == "Terms, 4.2"
    decision = decided.decisions[0].id
    appeal = (
        await client.call("CreateAppeal", actor="bob", decision_id=decision, text="Not me.")
    ).appeal
    (listed,) = (await client.moderate("ListAppeals", "max", decidable_only=True)).appeals
    assert (listed.id, listed.by, listed.decided_by) == (appeal.id, "bob", "mia")
    assert not (await client.moderate("ListAppeals", decidable_only=True)).appeals
    review = {
        "appeal_id": appeal.id,
        "version": listed.version,
        "outcome": pb.APPEAL_STATUS_OVERTURNED,
        "answer": "You were right.",
    }
    await refused(client.moderate("DecideAppeal", **review), PERMISSION_DENIED, "SAME_MODERATOR")
    await client.moderate("DecideAppeal", "max", **review)
    assert not (await client.standing("bob")).banned
    standings = await client.call("BatchGetStandings", users=["bob", "nobody", ""])
    assert [one.user for one in standings.standings] == ["bob", "nobody", ""]


async def test_a_conversation_is_locked_and_a_message_removed(client: Client) -> None:
    """Watchers of everything learn of both, with the ids, and of their end."""
    stream = await client.watch(everything=True)
    said = await client.around.say("bob", "ann", "pay outside")
    reported = await client.call(
        "ReportConversation",
        actor="ann",
        conversation_id=said.conversation_id,
        reason=pb.REPORT_REASON_SCAM,
        comment="a secret between us",
    )
    (case,) = await client.cases()
    decided = await client.decide(
        case.id,
        measure("CONVERSATION_LOCKED", ""),
        measure("MESSAGE_REMOVED", "", message_id=said.id),
    )
    lock, removal = decided.decisions[0].sanctions
    assert (list(lock.users), list(removal.users)) == (["ann", "bob"], ["bob"])
    events = [event for _, event in await stream.events(8)]
    by_kind = {event.WhichOneof("event"): event for event in events}
    assert by_kind["conversation_lock_changed"].conversation_lock_changed.locked
    changed = by_kind["message_removal_changed"].message_removal_changed
    assert (changed.message_id, changed.removed) == (said.id, True)
    assert changed.conversation_id == reported.report.subject.conversation_id
    assert all(not event.report_status_changed.report.comment for event in events)
    await client.moderate("LiftSanction", sanction_id=lock.id, reason="enough")
    lifted = [event for _, event in await stream.events(3)]
    assert not lifted[-1].conversation_lock_changed.locked
    shown = (await client.moderate("ListSanctions", user="bob")).sanctions
    assert [(one.id, one.lifted_by) for one in shown] == [(removal.id, ""), (lock.id, "mia")]


async def test_what_no_evidence_shows_is_not_removed(client: Client, refused: Refused) -> None:
    """Whose message it would be is not known."""
    said = await client.around.say("bob", "ann")
    await client.call(
        "ReportConversation",
        actor="ann",
        conversation_id=said.conversation_id,
        reason=pb.REPORT_REASON_SPAM,
    )
    (case,) = await client.cases()
    await refused(
        client.decide(case.id, measure("MESSAGE_REMOVED", "", message_id="another")),
        grpc.StatusCode.INVALID_ARGUMENT,
        "INVALID_ARGUMENT",
        "measures[0].message_id",
    )


async def test_a_dispute_holds_the_service_until_it_is_settled(client: Client) -> None:
    """Opened, the service is held; a settlement accepted, it is split, and nothing is held."""
    service = await client.around.agree()
    created = await client.call(
        "CreateDispute",
        actor="bob",
        service_id=service.id,
        reason=pb.DISPUTE_REASON_QUALITY,
        statement="It fell apart.",
        refund=pb.Money(amount_minor=4_000, currency="EUR"),
    )
    assert created.dispute.state == pb.DISPUTE_STATE_OPEN
    assert (await client.around.look(service.id)).hold.dispute == created.dispute.id
    parts = pb.Settlement(provider_minor=6_000, client_minor=4_000)
    offered = await client.call(
        "SubmitDisputeStatement", actor="ann", dispute_id=created.dispute.id, propose=parts
    )
    accept = pb.SubmitDisputeStatementRequest.Acceptance(
        offer=offered.dispute.offers[0].number, settlement=parts
    )
    settled = await client.call(
        "SubmitDisputeStatement", actor="bob", dispute_id=created.dispute.id, accept=accept
    )
    assert settled.dispute.state == pb.DISPUTE_STATE_RESOLVED
    after = await client.around.look(service.id)
    assert not after.HasField("hold")
    assert after.settlement.client_minor == 4_000
    (own,) = (await client.call("ListOwnDisputes", actor="ann")).disputes
    assert own.id == created.dispute.id
    assert not own.evidence


async def test_a_dispute_under_review_is_decided_by_a_moderator(
    serve: Callable[..., Any], refused: Refused
) -> None:
    """With the evidence before them; a party does not learn who decided."""
    async with serve(statements_hours=1e-7) as client:
        service = await client.around.agree()
        created = await client.call(
            "CreateDispute",
            actor="bob",
            service_id=service.id,
            reason=pb.DISPUTE_REASON_NO_SHOW,
            statement="Nobody came.",
        )
        dispute = created.dispute.id
        whole = (await client.moderate("GetDispute", dispute_id=dispute)).dispute
        assert whole.state == pb.DISPUTE_STATE_UNDER_REVIEW
        assert all(one.intact for one in whole.evidence)
        assert {one.kind for one in whole.evidence} == {"deal", "messages"}
        given = {
            "dispute_id": dispute,
            "outcome": pb.DISPUTE_OUTCOME_CANCELLED,
            "facts": "Nobody came.",
            "rule": "Terms, 9",
        }
        await refused(
            client.moderate("DecideDispute", version=1, **given),
            FAILED_PRECONDITION,
            "STALE_DISPUTE",
        )
        decided = await client.moderate("DecideDispute", version=whole.version, **given)
        assert decided.dispute.state == pb.DISPUTE_STATE_RESOLVED
        assert decided.dispute.resolution.by == "mia"
        shown = (await client.call("GetDispute", actor="ann", dispute_id=dispute)).dispute
        assert shown.resolution.facts == "Nobody came."
        assert not shown.resolution.by
        await refused(
            client.call("GetDispute", actor="eve", dispute_id=dispute),
            NOT_FOUND,
            "DISPUTE_NOT_FOUND",
        )


async def test_a_resend_is_answered_as_the_first_time(client: Client, refused: Refused) -> None:
    """With the key alone, whatever happened since; with another body it is a conflict."""
    said = await client.around.say("bob", "ann")
    given = {"actor": "ann", "message_id": said.id, "idempotency_key": "k"}
    first = await client.call("ReportMessage", reason=pb.REPORT_REASON_SCAM, **given)
    (case,) = await client.cases()
    await client.decide(case.id)
    again = await client.call("ReportMessage", reason=pb.REPORT_REASON_SCAM, **given)
    assert (again.report, again.duplicate) == (first.report, True)
    await refused(
        client.call("ReportMessage", reason=pb.REPORT_REASON_SPAM, **given),
        grpc.StatusCode.ALREADY_EXISTS,
        "IDEMPOTENCY_KEY_CONFLICT",
        "idempotency_key",
    )


async def test_a_flood_of_reports_is_stopped(serve: Callable[..., Any], refused: Refused) -> None:
    """With the time after which the next is taken; and only so many may wait to be decided."""
    async with serve(reports_limit=2, report_window_hours=1) as client:
        for _ in range(2):
            await client.report()
        details = await refused(client.report(), grpc.StatusCode.RESOURCE_EXHAUSTED, "RATE_LIMITED")
        assert 3_500 < details["RetryInfo"].retry_delay.seconds <= 3_600
    # Nobody is asked for evidence of what is refused anyway.
    async with serve(open_reports_limit=2, messaging_target="127.0.0.1:1") as client:
        given = {"actor": "ann", "message_id": "m", "reason": pb.REPORT_REASON_SPAM}
        await refused(
            client.call("ReportMessage", **given), FAILED_PRECONDITION, "TOO_MANY_OPEN_REPORTS"
        )
        await refused(
            client.call("ReportMessage", **{**given, "actor": "cid"}),
            grpc.StatusCode.UNAVAILABLE,
            "MESSAGING_UNAVAILABLE",
        )


async def test_services_are_told_no_words_of_people(client: Client) -> None:
    """Who watches everything sees that something is said, and not what; nor any evidence."""
    stream = await client.watch(everything=True)
    start = stream.first.position
    await client.report(comment="a secret report", text="a secret message")
    (case,) = await client.cases()
    decided = await client.decide(case.id, muted())
    decision = decided.decisions[0].id
    await client.call("CreateAppeal", actor="bob", decision_id=decision, text="a secret appeal")
    service = await client.around.agree()
    opened = await client.call(
        "CreateDispute",
        actor="bob",
        service_id=service.id,
        reason=pb.DISPUTE_REASON_QUALITY,
        statement="a secret statement",
    )
    events = [event for _, event in await stream.events(8)]
    seen = {event.WhichOneof("event") for event in events}
    assert seen == {
        "report_status_changed",
        "sanctioned",
        "standing_changed",
        "appeal_status_changed",
        "dispute_changed",
    }
    assert "secret" not in str(events)
    (view,) = events[-1].dispute_changed.views
    assert (view.id, view.opened_by) == (opened.dispute.id, "bob")
    until = (await client.standing("bob")).position
    page = await client.call("ListChanges", after=start, until=until, everything=True)
    again = [event for change in page.changes for event in change.events]
    assert "secret" not in str(again)
    assert [one.WhichOneof("event") for one in again] == [one.WhichOneof("event") for one in events]


async def test_missed_changes_are_told_again(client: Client) -> None:
    """To the user, and with how things stand now to a service that begins anew."""
    stream = await client.watch(["bob"])
    start = stream.first.position
    await client.report()
    (case,) = await client.cases()
    decided = await client.decide(case.id, muted(), measure("WARNING"))
    live = [event for _, event in await stream.events(3)]
    until = (await client.standing("bob")).position
    page = await client.call("ListChanges", user="bob", after=start, until=until)
    assert page.complete
    missed = [event for change in page.changes for event in change.events]
    assert [one.sanctioned for one in missed if one.HasField("sanctioned")] == [
        one.sanctioned for one in live if one.HasField("sanctioned")
    ]
    assert missed[-1].standing_changed.standing.HasField("muted_until_time")
    for sanction in decided.decisions[0].sanctions:
        await client.moderate("LiftSanction", sanction_id=sanction.id, reason="enough")
    position = (await client.standing("bob")).position
    rebuilt = await client.call(
        "ListChanges",
        after=pb.Position(epoch=start.epoch),
        until=position,
        everything=True,
    )
    standings = [
        event.standing_changed.standing
        for change in rebuilt.changes
        for event in change.events
        if event.HasField("standing_changed")
    ]
    assert [list(one.sanctions) for one in standings] == [[], [], []]


async def test_the_audit_log_shows_who_decided(client: Client, refused: Refused) -> None:
    """To moderators and auditors; reporters are in it without a name."""
    await client.report()
    (case,) = await client.cases()
    await client.decide(case.id, measure("WARNING"))
    page = await client.call("ListAudit", actor="otto", roles=["auditor"])
    assert [(one.action, one.actor) for one in page.entries] == [
        ("opened", ""),
        ("claimed", "mia"),
        ("violation_found", "mia"),
    ]
    assert page.head_hash == page.entries[-1].hash
    more = await client.moderate("ListAudit", after=1, page_size=1, target_id=case.id)
    assert ([one.number for one in more.entries], more.more) == ([2], True)


async def test_a_person_is_erased(client: Client) -> None:
    """What must be kept is named with the reason; what need not be is gone."""
    await client.report(comment="my own words")
    (case,) = await client.cases()
    given = {"actor": "dora", "roles": ["data_protection"], "user": "ann"}
    kept = await client.call("EraseUser", **given)
    assert [(one.target_id, one.reason) for one in kept.kept] == [(case.id, "CASE_OPEN")]
    assert kept.erased == 0


@pytest.mark.parametrize("token", ["!", "aGVsbG8", "MToA", "OTk5OTk5OTk5OTk5OTk5OTk5OTk6eA"])
async def test_forged_tokens_are_refused(client: Client, refused: Refused, token: str) -> None:
    """Whatever they hold."""
    for name in ("ListCases", "ListAppeals", "ListSanctions", "ListDisputes"):
        await refused(
            client.moderate(name, page_token=token),
            grpc.StatusCode.INVALID_ARGUMENT,
            "INVALID_ARGUMENT",
            "page_token",
        )


async def test_who_is_erased_is_gone(serve: Callable[..., Any], settings: Any) -> None:
    """From the case, for moderators as well; the audit log is still whole after a restart (M8)."""
    async with serve() as client:
        report = await client.report(comment="my own words")
        (case,) = await client.cases()
        await client.decide(case.id)
    async with serve(appeal_window_days=1e-7) as client:
        given = {"actor": "dora", "roles": ["data_protection"], "user": "ann"}
        erased = await client.call("EraseUser", **given)
        assert (erased.erased, list(erased.kept)) == (1, [])
        assert (await client.call("EraseUser", **given)).erased == 0
        shown = (await client.moderate("GetCase", case_id=case.id)).case
        assert "ann" not in {*shown.participants, *(one.reporter for one in shown.reports)}
        assert [one.comment for one in shown.reports] == ["[erased]"]
        assert all(not one.intact and one.HasField("erase_time") for one in shown.evidence)
        assert not (await client.call("ListReports", actor="ann")).reports
        page = await client.moderate("ListAudit")
        assert [one.action for one in page.entries][-1] == "erased"
        assert page.entries[-1].actor == "dora"
    assert report.id == shown.reports[0].id
    engine = open_engine(settings.database_url, "writer")
    check_books(engine)
    engine.dispose()
