"""Changes, the audit log and erasure over gRPC, beside real services."""

from collections.abc import Callable
from typing import Any

import grpc
import pytest
from parley.moderation.v1 import moderation_pb2 as pb
from sqlalchemy import Engine

from tests.moderation_service.books import check_books
from tests.moderation_service.conftest import Client, measure, muted

Refused = Callable[..., Any]


async def test_watch_of_everything_shows_no_words_of_people(client: Client) -> None:
    """A watcher of everything sees that something is said, and not what; nor any evidence."""
    stream = await client.watch(everything=True)
    start = stream.first.position
    await client.report(comment="a secret report", text="a secret message")
    (case,) = await client.cases()
    decided = await client.decide(case.id, muted())
    decision = decided.decisions[0].id
    await client.call("CreateAppeal", actor="bob", decision_id=decision, text="a secret appeal")
    service = await client.peers.agree()
    opened = await client.call(
        "CreateDispute",
        actor="bob",
        service_id=service.id,
        reason=pb.DISPUTE_REASON_QUALITY,
        statement="a secret statement",
    )
    events = [event for _, event in await stream.events(12)]
    seen = {event.WhichOneof("event") for event in events}
    assert seen == {
        "report_status_changed",
        "sanctioned",
        "standing_changed",
        "appeal_status_changed",
        "dispute_changed",
        "case_changed",
    }
    assert "secret" not in str(events)
    (view,) = events[-1].dispute_changed.views
    assert (view.id, view.opened_by) == (opened.dispute.id, "bob")
    until = (await client.standing("bob")).position
    page = await client.call("ListChanges", after=start, until=until, everything=True)
    again = [event for change in page.changes for event in change.events]
    assert "secret" not in str(again)
    assert [one.WhichOneof("event") for one in again] == [one.WhichOneof("event") for one in events]


async def test_list_changes_tells_what_was_missed(client: Client) -> None:
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


async def test_list_audit_shows_who_decided(client: Client, refused: Refused) -> None:
    """To moderators and auditors; reporters are in it without a name."""
    await client.report()
    (case,) = await client.cases()
    await client.decide(case.id, measure("WARNING"))
    page = await client.moderate("ListAudit", "otto", ["auditor"])
    assert [(one.action, one.actor) for one in page.entries] == [
        ("opened", ""),
        ("claimed", "mia"),
        ("violation_found", "mia"),
    ]
    assert page.head_hash == page.entries[-1].hash
    more = await client.moderate("ListAudit", after=1, page_size=1, target_id=case.id)
    assert ([one.number for one in more.entries], more.more) == ([2], True)


async def test_erase_user_names_what_must_be_kept(client: Client) -> None:
    """Things that must be kept are named with the reason; all else is gone."""
    await client.report(comment="my own words")
    (case,) = await client.cases()
    given: dict[str, Any] = {"moderator": "dora", "roles": ["data_protection"], "user": "ann"}
    kept = await client.moderate("EraseUser", **given)
    assert [(one.target_id, one.reason) for one in kept.kept] == [(case.id, "CASE_OPEN")]
    assert kept.erased == 0


@pytest.mark.parametrize("token", ["!", "aGVsbG8", "MToA", "OTk5OTk5OTk5OTk5OTk5OTk5OTk6eA"])
async def test_forged_tokens_are_refused(client: Client, refused: Refused, token: str) -> None:
    """For each list, and each kind of nonsense."""
    for name in ("ListCases", "ListAppeals", "ListSanctions", "ListDisputes"):
        await refused(
            client.moderate(name, page_token=token),
            grpc.StatusCode.INVALID_ARGUMENT,
            "INVALID_ARGUMENT",
            "page_token",
        )


async def test_erase_user_leaves_nothing(serve: Callable[..., Any], engine: Engine) -> None:
    """From the case, for moderators as well; the audit log is still whole after a restart (M8)."""
    async with serve() as client:
        report = await client.report(comment="my own words")
        (case,) = await client.cases()
        await client.decide(case.id)
    async with serve(appeal_window_days=1e-7) as client:
        given: dict[str, Any] = {"moderator": "dora", "roles": ["data_protection"], "user": "ann"}
        erased = await client.moderate("EraseUser", **given)
        assert (erased.erased, list(erased.kept)) == (1, [])
        assert (await client.moderate("EraseUser", **given)).erased == 0
        shown = (await client.moderate("GetCase", case_id=case.id)).case
        assert "ann" not in {*shown.participants, *(one.reporter for one in shown.reports)}
        assert [one.comment for one in shown.reports] == ["[erased]"]
        assert all(not one.intact and one.HasField("erase_time") for one in shown.evidence)
        assert not (await client.call("ListReports", actor="ann")).reports
        page = await client.moderate("ListAudit")
        assert [one.action for one in page.entries][-1] == "erased"
        assert page.entries[-1].actor == "dora"
    assert report.id == shown.reports[0].id
    check_books(engine)


async def test_list_changed_users_are_those_with_changes(client: Client) -> None:
    """Of a decision: who is restricted by it, and who has reported."""
    people = ["ann", "bob", "carol", "nobody"]
    stream = await client.watch(["bob"])
    start = stream.first.position

    async def changed(after: pb.Position) -> set[str]:
        until = (await client.standing("bob")).position
        found = await client.call("ListChangedUsers", users=people, after=after, until=until)
        assert found.complete
        for user in people:
            page = await client.call("ListChanges", user=user, after=after, until=until)
            assert user in found.users or not page.changes
        return set(found.users)

    assert await changed(start) == set()
    await client.report()
    (case,) = await client.cases()
    await client.decide(case.id, muted())
    everybody = await changed(start)
    assert "bob" in everybody
    assert "nobody" not in everybody
    assert await changed((await client.standing("bob")).position) == set()
