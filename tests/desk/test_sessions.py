"""Sessions at the desk, and everything that must not pass for one."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from desk.settings import Settings
from tests.desk.conftest import Desk, ServeDesk, is_refused
from tests.support.callers import token_of
from tests.support.waiting import eventually

DAY = 86_400
# None of this is about data.
pytestmark = pytest.mark.parametrize("kind", ["sqlite"])


async def test_a_session_is_a_cookie_that_no_script_reads(desk: Desk) -> None:
    """The token is gone from the browser; the session knows who has it, and ends on sign-out."""
    page = desk.page()
    nobody = await page.get("/session")
    is_refused(nobody, 401, "session_missing")
    assert nobody.headers["www-authenticate"] == "Bearer"
    token = token_of("mia", ["moderator", "dancer"])
    answer = await page.post("/session", token=token)
    assert answer.status_code == 200
    cookie = answer.headers["set-cookie"]
    assert cookie.split("; ")[1:] == ["Path=/", "HttpOnly", "SameSite=Strict"]
    assert token not in cookie + answer.text
    session = answer.json()
    assert (session["user"], session["roles"]) == ("mia", ["moderator"])
    page.csrf_token = session["csrf_token"]
    assert await page.seen("/session") == session
    assert (await page.get("/cases")).headers["cache-control"] == "no-store"
    kept = dict(page.http.cookies)
    ended = await page.http.delete("/session", headers={"X-CSRF-Token": page.csrf_token})
    assert ended.status_code == 204
    assert "Max-Age=0" in ended.headers["set-cookie"]
    page.http.cookies.update(kept)
    is_refused(await page.get("/cases"), 401, "session_over")


async def test_over_tls_the_cookie_is_secure_and_of_this_host_alone(serve_desk: ServeDesk) -> None:
    """The proxy ends TLS; the page's origin says so."""
    async with serve_desk(origins=("https://desk.example.com",)) as desk:
        page = desk.page()
        page.origin = "https://desk.example.com"
        answer = await page.post("/session", token=token_of("mia", ["moderator"]))
        assert answer.headers["set-cookie"].startswith("__Host-parley_desk=")
        assert "; Secure" in answer.headers["set-cookie"]
        (value,) = (one.split("=", 1)[1] for one in [answer.headers["set-cookie"].split(";")[0]])
        plain = {"Cookie": f"parley_desk={value}"}
        is_refused(await page.http.get("/session", headers=plain), 401, "session_missing")
        good = {"Cookie": f"__Host-parley_desk={value}"}
        assert (await page.http.get("/session", headers=good)).status_code == 200


async def test_a_token_that_is_none_begins_no_session(desk: Desk) -> None:
    now = int(time.time())
    elsewhere = "another-secret-of-more-than-32-bytes!"
    for token, status, reason in (
        (token_of("mia", ["moderator"], elsewhere), 401, "bad_signature"),
        (token_of("mia", ["moderator"], exp=now - DAY), 401, "expired"),
        (token_of("mia", ["moderator"], exp=None), 401, "missing_claim"),
        (token_of("mia", ["moderator"], nbf=now + DAY), 401, "not_yet_valid"),
        (token_of("mia", "moderator"), 401, "invalid_claim"),
        (token_of("mia"), 403, "role_required"),
        (token_of("mia", ["Moderator", "admin"]), 403, "role_required"),
        ("eyJhbGciOiJub25lIn0.eyJzdWIiOiJtaWEifQ.", 401, "algorithm_not_allowed"),
        ("nonsense", 401, "malformed_token"),
    ):
        answer = await desk.page().post("/session", token=token)
        is_refused(answer, status, reason)
        assert "set-cookie" not in answer.headers
        assert token not in answer.text


async def test_what_changes_something_needs_the_sessions_own_token_and_page(desk: Desk) -> None:
    """Without the header, with another session's, from a foreign page or from two: nothing."""
    case = await desk.case()
    path = f"/cases/{case['id']}/claim"
    mia, otto = await desk.signed_in("mia"), await desk.signed_in("otto")
    headers: list[dict[str, str]] = [
        {},
        {"X-CSRF-Token": ""},
        {"X-CSRF-Token": otto.csrf_token},
        {"X-CSRF-Token": mia.csrf_token[:-1]},
        {"X-CSRF-Token": "\u00fc"},
    ]
    for one in headers:
        given = [(name.encode(), value.encode()) for name, value in one.items()]
        answer = await mia.http.post(path, json={}, headers=given)
        is_refused(answer, 403, "csrf")
    good = {"X-CSRF-Token": mia.csrf_token}
    for origin in (
        "https://evil.example",
        "null",
        f"https://127.0.0.1:{desk.port}",
        f"http://127.0.0.1:{desk.port}.evil.example",
        "http://127.0.0.1",
    ):
        answer = await mia.http.post(path, json={}, headers={**good, "Origin": origin})
        is_refused(answer, 403, "origin_not_allowed")
    twice = [("X-CSRF-Token", mia.csrf_token), ("Origin", mia.origin), ("Origin", mia.origin)]
    is_refused(await mia.http.post(path, headers=twice), 403, "origin_not_allowed")
    signing_in = {"token": token_of("eve", ["moderator"])}
    foreign = {"Origin": "https://evil.example"}
    is_refused(
        await desk.page().http.post("/session", json=signing_in, headers=foreign),
        403,
        "origin_not_allowed",
    )
    form = await desk.page().http.post(
        "/session", content=b'{"token":"x"}', headers={"Content-Type": "text/plain"}
    )
    is_refused(form, 415, "not_json")
    assert (await mia.seen(f"/cases/{case['id']}"))["case"]["state"] == "open"
    assert (await mia.http.options(path, headers=foreign)).status_code == 405


async def test_a_forged_or_doubled_cookie_is_no_session(desk: Desk) -> None:
    mia = await desk.signed_in()
    value = mia.http.cookies["parley_desk"]
    stranger = httpx.AsyncClient(base_url=mia.origin)
    for cookie, reason in (
        ("parley_desk=", "session_over"),
        (f"parley_desk={value[:-1]}", "session_over"),
        (f"parley_desk={value}x", "session_over"),
        (f"parley_desk={'a' * 500}", "session_over"),
        (f"parley_desk={value}; parley_desk=other", "several_sessions"),
        (f"PARLEY_DESK={value}", "session_missing"),
    ):
        is_refused(await stranger.get("/cases", headers={"Cookie": cookie}), 401, reason)


async def test_the_role_is_checked_at_each_call(desk: Desk) -> None:
    """An auditor sees the log and no case; data protection erases and sees neither."""
    case = await desk.case()
    ada, dora = (
        await desk.signed_in("ada", "auditor"),
        await desk.signed_in("dora", "data_protection"),
    )
    assert (await ada.get("/audit")).status_code == 200
    is_refused(await ada.get("/cases"), 403, "role_required")
    is_refused(await ada.get("/events"), 403, "role_required")
    is_refused(await ada.post(f"/cases/{case['id']}/claim"), 403, "role_required")
    is_refused(await dora.get("/audit"), 403, "role_required")
    assert (await dora.done("/users/bob/erasure"))["kept"]
    mia = await desk.signed_in("mia")
    is_refused(await mia.post("/users/bob/erasure"), 403, "role_required")


async def test_a_role_that_is_taken_away_ends_the_session_and_its_events(desk: Desk) -> None:
    """To take it away is to end the sessions of the user: at once, also where nothing is asked."""
    before = time.time() - 60
    mia, otto = await desk.signed_in("mia", iat=before), await desk.signed_in("otto")
    async with mia.events() as events:
        await events.until("ready")
        await otto.done("/users/mia/session-end")
        await events.ended()
    is_refused(await mia.get("/cases"), 401, "session_over")
    again = await desk.page().post(
        "/session", token=token_of("mia", ["moderator"], iat=time.time() - 60)
    )
    is_refused(again, 401, "token_revoked")
    assert (await otto.get("/cases")).status_code == 200


async def test_a_key_that_is_replaced_ends_what_it_has_signed(
    serve_desk: ServeDesk, desk_settings: Settings, tmp_path: Path
) -> None:
    """Also where nothing is asked of the moderation service."""
    key = tmp_path / "own.key"
    key.write_bytes(desk_settings.token_secret_file[0].read_bytes())
    async with serve_desk(token_secret_file=(key,)) as desk:
        mia = await desk.signed_in()
        async with mia.events() as events:
            await events.until("ready")
            key.write_text("another-secret-of-more-than-32-bytes!")
            await events.ended()
        is_refused(await mia.get("/session"), 401, "session_over")


async def test_who_signs_in_again_has_one_session(desk: Desk) -> None:
    """The one before is over, as is its name; a HEAD of the stream does not stay."""
    mia = await desk.signed_in("mia")
    before = {"Cookie": f"parley_desk={mia.http.cookies['parley_desk']}"}
    await mia.sign_in("otto")
    stranger = desk.page().http
    is_refused(await stranger.get("/session", headers=before), 401, "session_over")
    assert (await mia.seen("/session"))["user"] == "otto"
    assert (await mia.http.head("/events")).status_code == 405
    assert (await mia.http.head("/cases")).status_code == 200


async def test_a_session_ends_with_its_token_and_when_idle(
    serve_desk: ServeDesk,
) -> None:
    async with serve_desk(idle_seconds=1) as desk:
        idle = await desk.signed_in()
        async with idle.events() as events:
            await events.until("ready")
            await events.ended()
        is_refused(await idle.get("/session"), 401, "session_over")
    async with serve_desk(token_leeway_seconds=0) as desk:
        expiring = await desk.signed_in("mia", exp=time.time() + 1.5)
        async with expiring.events() as events:
            await events.ended()
        is_refused(await expiring.get("/session"), 401, "session_over")


async def test_sessions_attempts_and_requests_have_limits(serve_desk: ServeDesk) -> None:
    async with serve_desk(
        sessions=2, sessions_per_user=1, requests_burst=3, requests_per_second=0.01
    ) as desk:
        first, second = await desk.signed_in("mia"), await desk.signed_in("mia")
        is_refused(await first.get("/session"), 401, "session_over")
        await desk.signed_in("otto")
        full = await desk.page().post("/session", token=token_of("olga", ["moderator"]))
        is_refused(full, 503, "too_many_sessions")
        for _ in range(3):
            assert (await second.get("/session")).status_code == 200
        much = await second.get("/session")
        is_refused(much, 429, "rate_limited")
        assert int(much.headers["retry-after"]) >= 1
    async with serve_desk(open_requests=1) as desk:
        mia = await desk.signed_in()
        async with mia.events() as events:
            await events.until("ready")
            over = await mia.get("/cases")
            assert int(is_refused(over, 503, "overloaded")["retry_after_ms"]) > 0
        await eventually(lambda: mia.get("/session"), lambda answer: answer.status_code == 200)
    async with serve_desk(sign_ins_burst=1, sign_ins_per_second=0.01) as desk:
        await desk.page().post("/session", token="x")
        is_refused(await desk.page().post("/session", token="x"), 429, "rate_limited")


async def test_bodies_are_bounded_and_exact(serve_desk: ServeDesk) -> None:
    """Too large, too slow, no JSON, unknown names, names twice, numbers that are too large."""
    async with serve_desk(max_body_bytes=1000, body_timeout_seconds=0.3) as desk:
        mia = await desk.signed_in()
        path = "/cases/c1/decision"
        large = await mia.post(path, version=1, verdict="no_violation", note="x" * 1000)
        is_refused(large, 413, "too_large")
        headers = {"X-CSRF-Token": mia.csrf_token, "Content-Type": "application/json"}

        async def slowly() -> Any:
            yield b"{"
            await asyncio.sleep(5)

        slow = await mia.http.post(path, content=slowly(), headers=headers)
        is_refused(slow, 408, "too_slow")
        for body in (b"", b"null", b"[]", b"{", b"\xff", b"[" * 900):
            bad = await mia.http.post(path, content=body, headers=headers)
            is_refused(bad, 400, "invalid_argument")
        said = {"version": 1, "verdict": "no_violation"}
        for change in (
            {"version": 0},
            {"version": 2**63},
            {"version": 2**70},
            {"version": "1"},
            {"verdict": "guilty"},
            {"nonsense": 1},
            {"measures": [{"kind": "banned"}]},
            {"note": "\ud800"},
            {
                "measures": [
                    {
                        "kind": "muted",
                        "facts": "f",
                        "rule": "r",
                        "until_time": "9999-12-31T23:59:59-10:00",
                    }
                ]
            },
        ):
            raw = json.dumps({**said, **change}).encode()
            bad = await mia.http.post(path, content=raw, headers=headers)
            is_refused(bad, 400, "invalid_argument")
        for query in (
            "state=lost",
            "state=open&state=open",
            "page_size=0",
            "page_size=x",
            "colour=red",
        ):
            is_refused(await mia.http.get(f"/cases?{query}"), 400, "invalid_argument")
        for name in ("x" * 200, "%00", "%ff", "..%2f..", "a%0db"):
            answer = await mia.http.get(f"/cases/{name}")
            assert answer.status_code in {400, 404}, answer.text
        is_refused(await mia.get("/nowhere"), 404, "not_found")
        is_refused(await mia.http.put("/cases"), 405, "method_not_allowed")
