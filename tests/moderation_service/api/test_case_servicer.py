"""Reports, cases, appeals and sanctions over gRPC, beside real services."""

import json
from collections.abc import Callable
from typing import Any

import grpc
from parley.moderation.v1 import moderation_pb2 as pb

from tests.moderation_service.conftest import Client, measure, muted
from tests.support.serving import check_batch_list_changes, check_stream_update_watch

FAILED_PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION
PERMISSION_DENIED = grpc.StatusCode.PERMISSION_DENIED
Refused = Callable[..., Any]


def kinds(events: list[tuple[int, pb.Event]]) -> list[str | None]:
    return [event.WhichOneof("event") for _, event in events]


async def test_stream_update_watch_answers_each_and_ends_with_one_that_is_refused(
    client: Any,
) -> None:
    await check_stream_update_watch(client, ["ann"])


async def test_batch_list_changes_gives_each_the_page_of_list_changes(client: Any) -> None:
    start = (await client.watch(["ann"])).first.position
    await client.report()
    (case,) = await client.cases()
    await client.decide(case.id, muted())
    await check_batch_list_changes(client, ["ann", "bob", "carol"], start)


async def test_report_message_keeps_what_was_seen(client: Client) -> None:
    """The case has the message as it was, intact, also when its author takes it back later."""
    report = await client.report(text="send it to my own account", comment="see this")
    assert report.status == pb.REPORT_STATUS_RECEIVED
    await client.peers.delete("bob", report.subject.id)
    (listed,) = await client.cases()
    assert (list(listed.accused), listed.severity) == (["bob"], pb.SEVERITY_HIGH)
    assert listed.evidence[0].content == ""
    case = (await client.moderate("GetCase", case_id=listed.id)).case
    assert case.reports[0].comment == "see this"
    (seen, *_) = case.evidence
    assert seen.intact
    words = json.loads(seen.content)
    assert words["messages"][0]["message"]["text"] == "send it to my own account"


async def test_update_watch_brings_each_step(client: Client) -> None:
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


async def test_claim_case_is_for_one_moderator(client: Client, refused: Refused) -> None:
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


async def test_decide_case_refuses_a_stale_version(client: Client, refused: Refused) -> None:
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


async def test_create_appeal_remains_to_who_is_banned(client: Client, refused: Refused) -> None:
    """Everything else is refused with them; overturned by another moderator, all is as before."""
    await client.report()
    (case,) = await client.cases()
    decided = await client.decide(case.id, measure("BANNED"))
    said = await client.peers.say("ann", "bob")
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


async def test_batch_get_standings_answers_in_order(client: Client) -> None:
    """Also for names that nobody has, and for none."""
    standings = await client.call("BatchGetStandings", users=["bob", "nobody", ""])
    assert [one.user for one in standings.standings] == ["bob", "nobody", ""]


async def test_report_conversation_leads_to_a_lock_and_a_removal(client: Client) -> None:
    """Watchers of everything learn of both, with the ids, and of their end."""
    stream = await client.watch(everything=True)
    said = await client.peers.say("bob", "ann", "pay outside")
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
    events = [event for _, event in await stream.events(11)]
    by_kind = {event.WhichOneof("event"): event for event in events}
    assert by_kind["conversation_lock_changed"].conversation_lock_changed.locked
    changed = by_kind["message_removal_changed"].message_removal_changed
    assert (changed.message_id, changed.removed) == (said.id, True)
    assert changed.conversation_id == reported.report.subject.conversation_id
    assert all(not event.report_status_changed.report.comment for event in events)
    await client.moderate("LiftSanction", sanction_id=lock.id, reason="enough")
    lifted = [event for _, event in await stream.events(4)]
    assert not lifted[-1].conversation_lock_changed.locked
    shown = (await client.moderate("ListSanctions", user="bob")).sanctions
    assert [(one.id, one.lifted_by) for one in shown] == [(removal.id, ""), (lock.id, "mia")]


async def test_report_dispute_statement_leads_to_its_removal(
    client: Client, refused: Refused
) -> None:
    """With the dispute as evidence, as the reporter was shown it; nobody else reports it."""
    service = await client.peers.agree()
    opened = await client.call(
        "CreateDispute",
        actor="bob",
        service_id=service.id,
        reason=pb.DISPUTE_REASON_QUALITY,
        statement="You filthy liar.",
    )
    dispute = opened.dispute.id
    about = {"dispute_id": dispute, "number": 1, "reason": pb.REPORT_REASON_HARASSMENT}
    for actor, change, code, reason in (
        ("bob", {}, grpc.StatusCode.PERMISSION_DENIED, "OWN_MESSAGE"),
        ("eve", {}, grpc.StatusCode.NOT_FOUND, "DISPUTE_NOT_FOUND"),
        ("ann", {"number": 2}, grpc.StatusCode.NOT_FOUND, "DISPUTE_NOT_FOUND"),
        ("ann", {"number": -1}, grpc.StatusCode.NOT_FOUND, "DISPUTE_NOT_FOUND"),
        ("ann", {"dispute_id": ""}, grpc.StatusCode.NOT_FOUND, "DISPUTE_NOT_FOUND"),
    ):
        given = {**about, **change, "actor": actor}
        await refused(client.call("ReportDisputeStatement", **given), code, reason)
    key = {"actor": "ann", "idempotency_key": "k"}
    report = (await client.call("ReportDisputeStatement", **about, **key)).report
    assert (report.subject.kind, report.subject.id, report.subject.number) == (
        pb.SUBJECT_KIND_STATEMENT,
        dispute,
        1,
    )
    assert (await client.call("ReportDisputeStatement", **about, **key)).duplicate
    (case,) = await client.cases()
    whole = (await client.moderate("GetCase", case_id=case.id)).case
    (evidence,) = whole.evidence
    assert (evidence.kind, evidence.intact) == ("dispute", True)
    assert "You filthy liar." in evidence.content
    decided = await client.decide(case.id, measure("STATEMENT_REMOVED", ""))
    (sanction,) = decided.decisions[0].sanctions
    assert (sanction.dispute_id, sanction.number, sanction.message_id) == (dispute, 1, "")
    assert list(sanction.users) == ["bob"]
    shown = await client.call("GetDispute", actor="ann", dispute_id=dispute)
    (statement,) = shown.dispute.statements
    assert (statement.number, statement.text, statement.removed) == (1, "", True)


async def test_decide_case_needs_evidence_to_remove(client: Client, refused: Refused) -> None:
    """The author of such a message is unknown."""
    said = await client.peers.say("bob", "ann")
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


async def test_report_message_repeats_its_first_answer(client: Client, refused: Refused) -> None:
    """With the key alone, whatever happened since; with another body it is a conflict."""
    said = await client.peers.say("bob", "ann")
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


async def test_report_message_stops_a_flood(serve: Callable[..., Any], refused: Refused) -> None:
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


async def test_a_decision_can_be_tried_without_being_made(client: Client, refused: Refused) -> None:
    """It answers with what would be told, is refused for the same, and leaves nothing behind."""
    await client.report()
    (case,) = await client.cases()
    given: dict[str, Any] = {
        "case_id": case.id,
        "verdict": pb.VERDICT_VIOLATION,
        "idempotency_key": "k",
    }
    warning: dict[str, Any] = {"measures": [measure("WARNING")], "validate_only": True}
    await refused(
        client.moderate("DecideCase", version=case.version, **given, **warning),
        grpc.StatusCode.FAILED_PRECONDITION,
        "NOT_CLAIMED",
    )
    claimed = (await client.moderate("ClaimCase", case_id=case.id)).case
    stream = await client.watch(everything=True)
    tried = await client.moderate("DecideCase", version=claimed.version, **given, **warning)
    assert not tried.duplicate
    assert tried.case.state == pb.CASE_STATE_DECIDED
    (sanction,) = tried.case.decisions[0].sanctions
    await refused(
        client.moderate("DecideCase", version=claimed.version - 1, **given, **warning),
        grpc.StatusCode.FAILED_PRECONDITION,
        "STALE_CASE",
    )
    bad: dict[str, Any] = {
        "measures": [measure("WARNING", "ann", facts=" ")],
        "validate_only": True,
    }
    await refused(
        client.moderate("DecideCase", version=claimed.version, **given, **bad),
        grpc.StatusCode.INVALID_ARGUMENT,
        "INVALID_ARGUMENT",
    )
    (unchanged,) = await client.cases()
    assert (unchanged.version, unchanged.state) == (claimed.version, pb.CASE_STATE_CLAIMED)
    assert not unchanged.decisions
    assert not (await client.standing("bob")).sanctions
    # The key is good for the decision itself, with whatever measures it has by then.
    final = [measure("WARNING", facts="Something else.")]
    decided = await client.moderate("DecideCase", version=claimed.version, **given, measures=final)
    assert not decided.duplicate
    assert decided.case.decisions[0].sanctions[0].id != sanction.id
    # Nobody was told before.
    (_, first), *_ = await stream.events(1)
    assert first.report_status_changed.report.status == pb.REPORT_STATUS_ACTIONED


async def test_watchers_of_everything_hear_of_each_step_of_a_case(client: Client) -> None:
    """Claims with their end, releases, and who is not to know that there is a case; the same when
    it is read later.
    """
    stream = await client.watch(everything=True)
    start = stream.first.position
    await client.report()
    (case,) = await client.cases()
    claimed = (await client.moderate("ClaimCase", case_id=case.id)).case
    await client.moderate("ReleaseCase", case_id=case.id)
    live: list[pb.CaseChanged] = []
    while len(live) < 3:
        (_, event), *_ = await stream.events(1)
        if event.HasField("case_changed"):
            assert not event.recipients
            live.append(event.case_changed)
    assert [(one.cause, one.by, one.claimed_by) for one in live] == [
        ("opened", "", ""),
        ("claimed", "mia", "mia"),
        ("released", "mia", ""),
    ]
    assert [one.version for one in live] == [1, 2, 3]
    assert live[1].claim_until_time == claimed.claim_until_time
    assert all(set(one.hidden_from) == {"ann", "bob"} for one in live)
    until = (await client.standing("bob")).position
    page = await client.call("ListChanges", after=start, until=until, everything=True)
    read = [one.case_changed for change in page.changes for one in change.events]
    assert [one for one in read if one.case_id] == live
    for person in ("ann", "bob"):
        own = await client.changes(person, start, until.revision)
        told = [one for change in own.changes for one in change.events]
        assert not [one for one in told if one.HasField("case_changed")]
