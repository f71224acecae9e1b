"""The acts of others, as they are told to the pages that are open."""

import asyncio

import pytest

from tests.desk.conftest import Desk, ServeDesk, is_refused, measure
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.parametrize("kind", ["sqlite"])


async def test_claims_and_decisions_of_others_are_told(desk: Desk) -> None:
    """Each step with who did it, where the case stands, and until when it is claimed."""
    mia, otto = await desk.signed_in("mia"), await desk.signed_in("otto")
    async with mia.events() as events, desk.page().http.stream("GET", "/cases"):
        await events.until("ready")
        case = await desk.case()
        opened = await events.until("case", id=case["id"])
        assert (opened["cause"], opened["by"], opened["state"]) == ("opened", "", "open")
        path = f"/cases/{case['id']}"
        claimed = (await otto.done(f"{path}/claim"))["case"]
        told = await events.until("case", cause="claimed")
        assert told == {
            "id": case["id"],
            "version": claimed["version"],
            "cause": "claimed",
            "by": "otto",
            "state": "claimed",
            "claimed_by": "otto",
            "claim_until_time": claimed["claim_until_time"],
        }
        await otto.done(f"{path}/release")
        released = await events.until("case", cause="released")
        assert (released["by"], released["claimed_by"], released["state"]) == ("otto", "", "open")
        claimed = (await otto.done(f"{path}/claim"))["case"]
        decision = {"version": claimed["version"], "verdict": "violation"}
        await otto.done(f"{path}/preview", **decision, measures=[measure()])
        await otto.done(f"{path}/decision", **decision, measures=[measure()])
        # The preview was told to nobody.
        assert (await events.until("case", version=claimed["version"]))["cause"] == "claimed"
        name, decided = await events.take()
        assert (name, decided["cause"], decided["by"]) == ("case", "violation_found", "otto")
        assert "ann" not in str(decided)


async def test_who_has_a_part_in_a_case_is_not_told_of_it(desk: Desk) -> None:
    """Neither the accused nor the reporter, who may be moderators as well."""
    mia, ann, bob = [await desk.signed_in(one) for one in ("mia", "ann", "bob")]
    async with mia.events() as events, ann.events() as hers, bob.events() as his:
        for one in (events, hers, his):
            await one.until("ready")
        await desk.case()
        await events.until("case", cause="opened")
        other = await desk.case(actor="carl", author="dave")
        await events.until("case", id=other["id"])
        for one in (hers, his):
            name, told = await one.take()
            assert (name, told["id"]) == ("case", other["id"])


async def test_who_comes_back_is_told_what_followed_or_to_load_anew(serve_desk: ServeDesk) -> None:
    async with serve_desk(stream_events=3) as desk:
        mia, otto = await desk.signed_in("mia"), await desk.signed_in("otto")
        case = await desk.case()
        async with mia.events() as events:
            await events.until("ready")
            await otto.done(f"/cases/{case['id']}/claim")
            await events.until("case", cause="claimed")
            last_id = events.last_id
        await otto.done(f"/cases/{case['id']}/release")
        async with otto.events() as watching:
            await watching.until("ready")
            # It is told after what came before it.
            await otto.done(f"/cases/{case['id']}/claim")
            await watching.until("case", cause="claimed")
        async with mia.events(last_id) as events:
            causes = [(await events.take())[1].get("cause") for _ in range(2)]
            assert causes == ["released", "claimed"]
            assert (await events.take())[0] == "ready"
        for _ in range(4):
            await otto.done(f"/cases/{case['id']}/claim")
        async with otto.events(last_id) as watching:
            assert (await watching.take())[0] == "reset"
        for unknown in ("another-1", f"{last_id}0000", f"{last_id}x", "x", "-"):
            async with mia.events(unknown) as events:
                assert (await events.take())[0] == "reset"


async def test_a_slow_reader_is_told_to_load_anew_and_streams_are_few(
    serve_desk: ServeDesk,
) -> None:
    async with serve_desk(streams_per_session=2) as desk:
        mia = await desk.signed_in()
        async with mia.events() as first, mia.events() as second:
            await first.until("ready")
            await second.until("ready")
            async with mia.events() as third:
                await first.ended()
                await third.until("ready")


async def test_signs_of_life_come_and_shutting_down_ends_streams(serve_desk: ServeDesk) -> None:
    async with serve_desk(heartbeat_seconds=0.05) as desk:
        mia = await desk.signed_in()
        response = await mia.http.send(mia.http.build_request("GET", "/events"), stream=True)
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-store"
        async with asyncio.timeout(PATIENCE):
            async for line in response.aiter_lines():
                if line == ": alive":
                    break
    # The desk has stopped, and did not wait for the page.
    await response.aclose()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", desk.port)


async def test_events_need_a_session(desk: Desk) -> None:
    is_refused(await desk.page().get("/events"), 401, "session_missing")
