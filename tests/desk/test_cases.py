"""Cases at the desk: the queue, one case, its claim, its decision, and what two moderators see."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.desk.conftest import FACTS, RULE, Desk, is_refused, measure

# The desk holds no data; where moderation's has to hold, both kinds are tried.
on_sqlite = pytest.mark.parametrize("kind", ["sqlite"])


def until(**time: float) -> str:
    return (datetime.now(UTC) + timedelta(**time)).isoformat()


async def test_a_case_is_found_claimed_previewed_and_decided(desk: Desk) -> None:
    """The preview says to the letter what the restricted are told; only the decision decides."""
    reported = await desk.case()
    mia = await desk.signed_in("mia")
    (listed,) = (await mia.seen("/cases", reason="scam", accused="bob"))["cases"]
    assert (listed["id"], listed["state"], listed["allowed_actions"]) == (
        reported["id"],
        "open",
        ["claim"],
    )
    assert (await mia.seen("/cases", reason="spam"))["cases"] == []
    path = f"/cases/{listed['id']}"
    found = (await mia.seen(path))["case"]
    assert "pay outside" in found["evidence"][0]["content"]
    assert found["evidence"][0]["intact"]
    claimed = (await mia.done(f"{path}/claim"))["case"]
    assert (claimed["claimed_by"], claimed["state"]) == ("mia", "claimed")
    assert "decide" in claimed["allowed_actions"]
    end = until(days=7)
    decision = {
        "version": claimed["version"],
        "verdict": "violation",
        "measures": [measure("muted", until_time=end), measure("conversation_locked", user="")],
        "note": "for colleagues",
    }
    muted, locked = (await mia.done(f"{path}/preview", **decision))["statements"]
    assert muted["recipients"] == ["bob"]
    assert sorted(locked["recipients"]) == ["ann", "bob"]
    assert (muted["statement"]["facts"], muted["statement"]["rule"]) == (FACTS, RULE)
    assert (muted["statement"]["scope"], muted["statement"]["ground"]) == ("account", "terms")
    unchanged = (await mia.seen(path))["case"]
    assert unchanged["version"] == claimed["version"]
    decided = (await mia.done(f"{path}/decision", **decision))["case"]
    assert decided["state"] == "decided"
    (made,) = decided["decisions"]
    assert (made["by"], made["note"]) == ("mia", "for colleagues")
    told = {one["kind"]: one["statement"] for one in made["sanctions"]}
    assert told["muted"]["facts"] == muted["statement"]["facts"]
    assert told["muted"]["until_time"] == muted["statement"]["until_time"]
    standing = await desk.moderation.standing("bob")
    assert standing.muted_until_time.seconds


@on_sqlite
async def test_a_preview_is_refused_as_the_decision_would_be(desk: Desk) -> None:
    """With the field at fault, so that the form can show it where it is."""
    case = await desk.case()
    mia = await desk.signed_in()
    claimed = (await mia.done(f"/cases/{case['id']}/claim"))["case"]
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"facts": " "}, "measures[0]"),
        ({"facts": "ann has told us."}, "measures[0].facts"),
        ({"kind": "muted", "until_time": until(days=400)}, "measures[0].until_time"),
        ({"user": "carl"}, "measures[0].user"),
    ]
    for change, field in wrong:
        bad = {
            "version": claimed["version"],
            "verdict": "violation",
            "measures": [{**measure(), **change}],
        }
        for what in ("preview", "decision"):
            answer = await mia.post(f"/cases/{case['id']}/{what}", **bad)
            problem = is_refused(answer, 400, "invalid_argument")
            assert problem["field"].startswith(field), problem


async def test_two_moderators_cannot_decide_one_case_twice_and_see_why(desk: Desk) -> None:
    """One decides; the other is told who decided what, and sees the case as it stands."""
    case = await desk.case()
    path = f"/cases/{case['id']}"
    mia, otto = await desk.signed_in("mia"), await desk.signed_in("otto")
    claimed = (await mia.done(f"{path}/claim"))["case"]
    taken = is_refused(await otto.post(f"{path}/claim"), 409, "claimed_by_other")
    assert taken["current"]["case"]["claimed_by"] == "mia"
    await mia.done(f"{path}/release")
    claimed = (await otto.done(f"{path}/claim"))["case"]
    decision = {"version": claimed["version"], "verdict": "no_violation"}
    late = is_refused(await mia.post(f"{path}/decision", **decision), 409, "claimed_by_other")
    assert late["current"]["case"]["claimed_by"] == "otto"
    await otto.done(f"{path}/decision", **decision)
    again = await mia.post(f"{path}/decision", **decision)
    assert again.status_code == 409
    problem = again.json()
    stands = problem["current"]["case"]
    assert (stands["state"], stands["decisions"][0]["by"]) == ("decided", "otto")
    assert [(one["action"], one["actor"]) for one in problem["since"]] == [
        ("no_violation_found", "otto")
    ]


@on_sqlite
async def test_a_decision_about_an_older_version_is_refused_with_what_happened(desk: Desk) -> None:
    """Another report came while the form was open."""
    case = await desk.case()
    path = f"/cases/{case['id']}"
    mia = await desk.signed_in()
    claimed = (await mia.done(f"{path}/claim"))["case"]
    (evidence,) = [one for one in (await mia.seen(path))["case"]["evidence"] if one["content"]]
    assert evidence
    message = case["subject"]["id"]
    await desk.moderation.call(
        "ReportMessage", actor="ann", message_id=message, reason=1, comment="again"
    )
    stale = {"version": claimed["version"], "verdict": "no_violation"}
    problem = is_refused(await mia.post(f"{path}/decision", **stale), 409, "stale_case")
    assert problem["current"]["case"]["version"] == claimed["version"] + 1
    assert [one["action"] for one in problem["since"]] == ["report_joined"]
    assert "ann" not in str(problem["since"])


async def test_at_once_one_of_two_decisions_counts(desk: Desk) -> None:
    """The same moderator in two windows, and a repeat of what was sent."""
    case = await desk.case()
    path = f"/cases/{case['id']}"
    mia = await desk.signed_in()
    claimed = (await mia.done(f"{path}/claim"))["case"]
    body = {"version": claimed["version"], "verdict": "violation", "measures": [measure()]}
    answers = await asyncio.gather(
        *(mia.post(f"{path}/decision", **body, headers={"Idempotency-Key": key}) for key in "ab")
    )
    assert sorted(one.status_code for one in answers) == [200, 409]
    key = "ab"[[one.status_code for one in answers].index(200)]
    repeated = await mia.post(f"{path}/decision", **body, headers={"Idempotency-Key": key})
    assert repeated.json()["duplicate"]
    assert len(repeated.json()["case"]["decisions"]) == 1


@on_sqlite
async def test_who_has_a_part_in_a_case_does_not_see_it(desk: Desk) -> None:
    """In the queue, by its id and in a search."""
    case = await desk.case()
    bob = await desk.signed_in("bob")
    assert (await bob.seen("/cases"))["cases"] == []
    is_refused(await bob.get(f"/cases/{case['id']}"), 404, "case_not_found")
    assert "case" not in await bob.seen("/search", q=case["id"])
    mia = await desk.signed_in()
    assert (await mia.seen("/search", q=case["id"]))["case"]["id"] == case["id"]
    found = await mia.seen("/search", q="bob")
    assert [one["id"] for one in found["cases"]] == [case["id"]]
