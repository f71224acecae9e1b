"""The reasons and the appeal over HTTP, as apps, pages of browsers and strangers ask for them."""

import asyncio
import json
from typing import Any

import pytest

from tests.support.inbox import Packet
from tests.support.system import System
from tests.system.conftest import ORIGIN

PATHS = [("GET", "/standing"), ("POST", "/appeals"), ("GET", "/services"), ("GET", "/disputes")]
APPEAL = {"decision": "019376a0-0000-7000-8000-000000000000", "text": "It was not me."}


async def request(
    system: System, method: str, path: str, headers: dict[str, str], body: bytes | None = None
) -> tuple[int, dict[str, str], Packet]:
    """Status, headers in lower case, and body of an answer."""
    status, given, answer = await asyncio.to_thread(
        lambda: system.request(method, path, body=body, headers=headers)
    )
    found: Packet = json.loads(answer) if answer else {}
    return status, {name.lower(): value for name, value in given.items()}, found


async def ask_over_http(
    system: System, method: str, path: str, user: str, payload: Any = None
) -> tuple[int, Packet]:
    """Status and body of what somebody asks with their token, as an app does."""
    headers = {"Authorization": f"Bearer {system.token(user)}"}
    if payload is not None:
        headers["Content-Type"] = "application/json"
    body = None if payload is None else json.dumps(payload).encode()
    status, _, found = await request(system, method, path, headers, body)
    return status, found


async def test_whoever_is_not_restricted_has_a_standing_too(
    moderated_system: System, alice: str
) -> None:
    """It is the same for everybody, and nothing keeps it."""
    headers = {"Authorization": f"Bearer {moderated_system.token(alice)}"}
    status, given, body = await request(moderated_system, "GET", "/standing", headers)
    assert (status, body) == (200, {"user": alice, "banned": False, "sanctions": []})
    assert given["cache-control"] == "no-store"


@pytest.mark.parametrize(("method", "path"), PATHS)
async def test_the_token_is_that_of_the_socket(
    moderated_system: System, alice: str, method: str, path: str
) -> None:
    """In the header or the cookie, not in the address; the refusal says what is wrong with it."""
    system, good = moderated_system, moderated_system.token(alice)
    bodied = {"Content-Type": "application/json"}
    body = json.dumps(APPEAL).encode() if method == "POST" else None
    expected = 200 if method == "GET" else 404
    for headers in ({"Authorization": f"Bearer {good}"}, {"Cookie": f"token={good}"}):
        assert (await request(system, method, path, {**bodied, **headers}, body))[0] == expected
    expired = system.token(alice, expires_in=-60)
    for address, headers, reason in (
        (path, {}, "missing_token"),
        (f"{path}?token={good}", {}, "missing_token"),
        (path, {"Authorization": f"Bearer {expired}"}, "expired"),
        (path, {"Authorization": f"Bearer {good}x"}, "bad_signature"),
        (path, {"Authorization": f"Bearer {expired}", "Cookie": f"token={good}"}, "expired"),
    ):
        status, given, problem = await request(system, method, address, {**bodied, **headers}, body)
        assert (status, problem["reason"]) == (401, reason)
        assert given["content-type"] == "application/problem+json"
        assert given["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(("method", "path"), PATHS)
async def test_only_pages_of_the_list_may_ask(
    moderated_system: System, alice: str, method: str, path: str
) -> None:
    """A browser asks first, is told for whom, and sends the cookie; another page learns nothing."""
    asked = {"Access-Control-Request-Method": method}
    status, given, _ = await request(moderated_system, "OPTIONS", path, {"Origin": ORIGIN, **asked})
    assert status == 204
    assert given["access-control-allow-origin"] == ORIGIN
    assert given["access-control-allow-credentials"] == "true"
    assert given["access-control-allow-methods"] == method
    assert "content-type" in given["access-control-allow-headers"].lower()
    cookie = {"Cookie": f"token={moderated_system.token(alice)}"}
    bodied = {"Content-Type": "application/json"}
    body = json.dumps(APPEAL).encode() if method == "POST" else None
    _, given, _ = await request(
        moderated_system, method, path, {"Origin": ORIGIN, **cookie, **bodied}, body
    )
    assert given["access-control-allow-origin"] == ORIGIN
    assert given["vary"] == "Origin"
    for origin in ("https://evil.example", "null", f"{ORIGIN}.evil.example", "http://app.example"):
        status, given, _ = await request(
            moderated_system, "OPTIONS", path, {"Origin": origin, **asked}
        )
        assert status == 403
        assert "access-control-allow-origin" not in given
        status, given, problem = await request(
            moderated_system, method, path, {"Origin": origin, **cookie, **bodied}, body
        )
        assert (status, problem["reason"]) == (403, "origin_not_allowed")
        assert "access-control-allow-origin" not in given


@pytest.mark.parametrize(
    ("body", "kind", "status", "reason", "field"),
    [
        (json.dumps(APPEAL), "text/plain", 415, "not_json", None),
        (json.dumps(APPEAL), "application/x-www-form-urlencoded", 415, "not_json", None),
        (json.dumps(APPEAL), "application/json; charset=utf-8", 404, "not_found", None),
        ("", "application/json", 400, "invalid_argument", ""),
        ("{", "application/json", 400, "invalid_argument", ""),
        ("[]", "application/json", 400, "invalid_argument", ""),
        ('{"text": "x"}', "application/json", 400, "invalid_argument", ""),
        ('{"decision": 7, "text": "x"}', "application/json", 400, "invalid_argument", "decision"),
        (json.dumps({**APPEAL, "text": " "}), "application/json", 400, "invalid_argument", "text"),
        (
            json.dumps({**APPEAL, "text": "x" * 4001}),
            "application/json",
            400,
            "invalid_argument",
            "text",
        ),
        (
            json.dumps({**APPEAL, "idempotency_key": "k" * 65}),
            "application/json",
            400,
            "invalid_argument",
            "idempotency_key",
        ),
        (json.dumps({**APPEAL, "text": "x" * 70_000}), "application/json", 413, "too_large", None),
    ],
)
async def test_a_body_at_fault_is_told_so(
    moderated_system: System,
    alice: str,
    body: str,
    kind: str,
    status: int,
    reason: str,
    field: str | None,
) -> None:
    """By a stable word, and by the field where there is one; nothing of it is shown again."""
    headers = {
        "Authorization": f"Bearer {moderated_system.token(alice)}",
        "Content-Type": kind,
    }
    found, given, problem = await request(
        moderated_system, "POST", "/appeals", headers, body.encode()
    )
    assert (found, problem["reason"]) == (status, reason), problem
    assert given["content-type"] == "application/problem+json"
    if field is not None:
        assert [one["field"] for one in problem["fields"]] == [field]


async def test_each_user_may_ask_so_often(moderated_system: System, alice: str, bob: str) -> None:
    """Beyond a burst it is told when to come back; others are not held up."""
    found = [
        await request(
            moderated_system,
            "GET",
            "/standing",
            {"Authorization": f"Bearer {moderated_system.token(alice)}"},
        )
        for _ in range(30)
    ]
    assert [status for status, _, _ in found[:10]] == [200] * 10
    limited = [one for one in found if one[0] == 429]
    assert limited
    for _, given, problem in limited:
        assert problem["reason"] == "rate_limited"
        assert problem["retry_after_ms"] > 0
        assert int(given["retry-after"]) >= 1
    assert (await ask_over_http(moderated_system, "GET", "/standing", bob))[0] == 200


async def test_other_methods_are_not_taken(moderated_system: System) -> None:
    """And say which are."""
    for method, path, taken in (
        ("DELETE", "/standing", {"GET", "HEAD", "OPTIONS"}),
        ("GET", "/appeals", {"POST", "OPTIONS"}),
    ):
        status, given, _ = await asyncio.to_thread(moderated_system.request, method, path)
        assert (status, set(given["allow"].split(", "))) == (405, taken)


async def test_without_moderation_there_are_no_reasons(shared_system: System, alice: str) -> None:
    """The edge says that the service is not deployed, and lets everybody in."""
    status, problem = await ask_over_http(shared_system, "GET", "/standing", alice)
    assert (status, problem["reason"]) == (503, "unavailable")
