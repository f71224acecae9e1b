"""Appeals, sanctions, disputes, the audit log and people, at the desk."""

from typing import Any

import pytest
from parley.moderation.v1 import moderation_pb2 as pb

from tests.desk.conftest import Desk, Page, ServeDesk, is_refused, measure
from tests.moderation_service.conftest import Client

# The desk holds no data.
pytestmark = pytest.mark.parametrize("kind", ["sqlite"])


async def decided(desk: Desk, mia: Page, *kinds: str) -> dict[str, Any]:
    """A case against bob that mia has decided."""
    case = await desk.case()
    claimed = (await mia.done(f"/cases/{case['id']}/claim"))["case"]
    answer = await mia.done(
        f"/cases/{case['id']}/decision",
        version=claimed["version"],
        verdict="violation",
        measures=[measure(one) for one in kinds],
    )
    found: dict[str, Any] = answer["case"]
    return found


async def test_an_appeal_is_decided_by_another_moderator(desk: Desk) -> None:
    """Once, as it was seen; who decided the case may not, and later both see how it went."""
    mia, otto = await desk.signed_in("mia"), await desk.signed_in("otto")
    case = await decided(desk, mia, "warning", "banned")
    decision = case["decisions"][0]["id"]
    await desk.moderation.call("CreateAppeal", actor="bob", decision_id=decision, text="Not me.")
    (appeal,) = (await otto.seen("/appeals", decidable_only="true"))["appeals"]
    assert (await mia.seen("/appeals", decidable_only="true"))["appeals"] == []
    path = f"/appeals/{appeal['id']}"
    shown = await otto.seen(path)
    assert (shown["appeal"]["text"], shown["case"]["id"]) == ("Not me.", case["id"])
    given = {"version": shown["case"]["version"], "outcome": "overturned", "answer": "You quoted."}
    own = await mia.post(f"{path}/decision", **given)
    is_refused(own, 403, "same_moderator")
    done = await otto.done(f"{path}/decision", **given)
    assert (done["appeal"]["status"], done["appeal"]["reviewed_by"]) == ("overturned", "otto")
    again = await otto.post(f"{path}/decision", **given)
    assert again.status_code == 409
    assert again.json()["current"]["case"]["appeals"][0]["status"] == "overturned"
    assert "appeal_overturned" in [one["action"] for one in again.json()["since"]]
    assert (await mia.seen(path))["appeal"]["answer"] == "You quoted."
    is_refused(await mia.get("/appeals/none"), 404, "appeal_not_found")


async def test_a_sanction_is_listed_and_lifted(desk: Desk) -> None:
    mia = await desk.signed_in()
    await decided(desk, mia, "banned")
    (sanction,) = (await mia.seen("/sanctions", user="bob", in_force_only="true"))["sanctions"]
    assert (sanction["kind"], sanction["imposed_by"]) == ("banned", "mia")
    lifted = await mia.done(f"/sanctions/{sanction['id']}/lift", reason="He has apologised.")
    assert lifted["sanction"]["lift_reason"] == "He has apologised."
    assert (await mia.seen("/sanctions", user="bob", in_force_only="true"))["sanctions"] == []
    assert (await mia.seen("/search", q="bob"))["sanctions"][0]["lifted_by"] == "mia"


async def open_dispute(client: Client) -> pb.Dispute:
    service = await client.peers.agree()
    created = await client.call(
        "CreateDispute",
        actor="bob",
        service_id=service.id,
        reason=pb.DISPUTE_REASON_NO_SHOW,
        statement="Nobody came.",
    )
    dispute: pb.Dispute = created.dispute
    return dispute


async def test_a_dispute_is_decided_once_and_others_are_told(serve_desk: ServeDesk) -> None:
    async with serve_desk({"statements_hours": 1e-7}) as desk:
        mia, otto = await desk.signed_in("mia"), await desk.signed_in("otto")
        async with otto.events() as events:
            await events.until("ready")
            dispute = await open_dispute(desk.moderation)
            await events.until("dispute", id=dispute.id, state="under_review")
            (listed,) = (await mia.seen("/disputes"))["disputes"]
            path = f"/disputes/{listed['id']}"
            shown = (await mia.seen(path))["dispute"]
            assert shown["statements"][0]["text"] == "Nobody came."
            assert {one["kind"] for one in shown["evidence"]} == {"deal", "messages"}
            assert (await mia.seen("/search", q=dispute.id))["dispute"]["id"] == dispute.id
            wrong = {"version": shown["version"], "outcome": "split", "facts": "f", "rule": "r"}
            parts = {"provider_minor": 1, "client_minor": 1}
            answer = await mia.post(f"{path}/decision", **wrong, split=parts)
            assert is_refused(answer, 400, "invalid_argument")["field"].startswith("split")
            parts = {"provider_minor": 6_000, "client_minor": 4_000}
            done = (await mia.done(f"{path}/decision", **wrong, split=parts))["dispute"]
            assert done["resolution"]["by"] == "mia"
            assert done["resolution"]["split"] == parts
            told = await events.until("dispute", cause="decided")
            assert told["version"] > shown["version"]
            late = await otto.post(f"{path}/decision", **{**wrong, "outcome": "resume"})
            assert late.status_code == 409
            problem = late.json()
            assert problem["current"]["dispute"]["resolution"]["by"] == "mia"
            assert ("decided", "mia") in [(one["action"], one["actor"]) for one in problem["since"]]


async def test_the_audit_log_is_listed_and_verified_in_stretches(desk: Desk) -> None:
    """Whole; and with a head that it never had, or that was further on, not."""
    mia, ada = await desk.signed_in("mia"), await desk.signed_in("ada", "auditor")
    case = await decided(desk, mia, "warning")
    listed = await ada.seen("/audit", target_id=case["id"], page_size=2)
    assert [one["action"] for one in listed["entries"]] == ["opened", "claimed"]
    assert listed["more"]
    whole = await ada.seen("/audit/verification")
    assert (whole["intact"], whole["done"]) == (True, True)
    assert whole["reached"] == whole["head"]
    head = f"{whole['head']['number']}:{whole['head']['hash']}"
    assert (await ada.seen("/audit/verification", after=head))["intact"]
    assert (await ada.seen("/audit/verification", noted=head))["intact"]
    never = f"2:{'0' * 64}"
    broken = await ada.seen("/audit/verification", noted=never)
    assert (broken["intact"], broken["problem"]["number"]) == (False, 2)
    beyond = f"99:{'0' * 64}"
    cut = await ada.seen("/audit/verification", noted=beyond)
    assert "cut short" in cut["problem"]["problem"]
    wrong = is_refused(await ada.get("/audit/verification", after="x"), 400, "invalid_argument")
    assert wrong["field"] == "after"


async def test_a_person_is_erased_by_who_protects_data_alone(desk: Desk) -> None:
    """The answer names each thing that has to be kept, and why."""
    case = await desk.case()
    dora = await desk.signed_in("dora", "data_protection")
    erased = await dora.done("/users/bob/erasure")
    assert erased["erased"] == 0
    assert await dora.done("/users/shop%2Fbob/erasure") == {"erased": 0, "kept": []}
    assert [(one["target_id"], one["reason"]) for one in erased["kept"]] == [
        (case["id"], "CASE_OPEN")
    ]
