"""The app's files, the description, and the addresses beside the API."""

import asyncio
import json
from pathlib import Path
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from desk.resources.table import OPERATIONS
from desk.structures import words
from docs.generate_desk import DOCUMENT, generate
from moderation_service.domain.shared.roles import PERMISSIONS, Role
from tests.desk.conftest import Desk, ServeDesk, is_refused
from tests.support.waiting import PATIENCE

on_sqlite = pytest.mark.parametrize("kind", ["sqlite"])


@pytest.fixture
def app(tmp_path: Path) -> Path:
    folder = tmp_path / "app"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>Desk</title>")
    (folder / "assets" / "main-1a2b.js").write_text("export {};")
    (tmp_path / "secret.txt").write_text("secret")
    return folder


@on_sqlite
async def test_the_app_is_served_under_a_strict_policy(serve_desk: ServeDesk, app: Path) -> None:
    async with serve_desk(app_folder=app, sign_in_url="https://shop.example/sign-in") as desk:
        page = desk.page()
        index = await page.get("/")
        assert index.status_code == 200
        assert index.headers["content-type"].startswith("text/html")
        policy = index.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert index.headers["x-content-type-options"] == "nosniff"
        assert index.headers["cache-control"] == "no-cache"
        tag = {"If-None-Match": index.headers["etag"]}
        assert (await page.http.get("/", headers=tag)).status_code == 304
        script = await page.get("/assets/main-1a2b.js")
        assert script.headers["content-type"].startswith("text/javascript")
        assert "immutable" in script.headers["cache-control"]
        for path in ("/../secret.txt", "/assets/../../secret.txt", "/assets/%2e%2e/secret.txt"):
            answer = await page.http.get(path)
            is_refused(answer, 404, "not_found")
        assert (await page.get("/config.json")).json() == {
            "sign_in_url": "https://shop.example/sign-in"
        }


@on_sqlite
async def test_the_description_is_served_as_it_is_written(desk: Desk) -> None:
    answer = await desk.page().get("/openapi.json")
    assert answer.json() == json.loads(DOCUMENT.read_text())
    assert (await desk.page().get("/livez")).status_code == 200
    is_refused(await desk.page().get("/"), 404, "not_found")


@on_sqlite
async def test_a_head_that_does_not_end_is_cut_off(serve_desk: ServeDesk) -> None:
    """And nobody else is kept waiting."""
    async with serve_desk(max_head_bytes=4096) as desk:
        reader, writer = await asyncio.open_connection("127.0.0.1", desk.port)
        writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 100_000)
        await writer.drain()
        async with asyncio.timeout(PATIENCE):
            answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 400 ")
        writer.close()
        assert (await desk.page().get("/livez")).status_code == 200


@on_sqlite
async def test_a_head_that_comes_slowly_is_not_waited_for(serve_desk: ServeDesk) -> None:
    """Neither at first nor after a request; a request that is answered slowly stays."""
    async with serve_desk(head_timeout_seconds=0.3) as desk:
        reader, writer = await asyncio.open_connection("127.0.0.1", desk.port)
        async with asyncio.timeout(PATIENCE):
            assert await reader.read() == b""
        writer.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", desk.port)
        writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\nGET /li")
        await writer.drain()
        async with asyncio.timeout(PATIENCE):
            assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
        writer.close()
        mia = await desk.signed_in()
        async with mia.events() as events:
            await events.until("ready")
            # Longer than a head may take.
            for _ in range(3):
                await desk.case()
                await events.until("case")


def test_the_description_is_valid_openapi() -> None:
    """By the validator of others, and each schema by that of JSON Schema."""
    document: dict[str, Any] = json.loads(generate())
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_each_operation_needs_the_roles_that_moderation_needs() -> None:
    """The desk refuses nobody whom moderation would not refuse, and the other way round."""
    assert set(get_args(words.Role)) == set(Role)
    names = {
        "list_cases": "ListCases",
        "get_case": "GetCase",
        "claim_case": "ClaimCase",
        "release_case": "ReleaseCase",
        "preview_decision": "DecideCase",
        "decide_case": "DecideCase",
        "list_appeals": "ListAppeals",
        "get_appeal": "ListAppeals",
        "decide_appeal": "DecideAppeal",
        "list_sanctions": "ListSanctions",
        "lift_sanction": "LiftSanction",
        "list_disputes": "ListDisputes",
        "decide_dispute": "DecideDispute",
        "search": "ListCases",
        "erase_user": "EraseUser",
        "list_audit": "ListAudit",
        "verify_audit": "ListAudit",
    }
    # Of anybody's own; for a desk moderation asks for the role nevertheless.
    special = {"get_dispute", "end_sessions"}
    assert {one.name for one in OPERATIONS} == names.keys() | special
    for one in OPERATIONS:
        if one.name in names:
            assert one.roles == PERMISSIONS[names[one.name]], one.name
        else:
            assert one.roles == {Role.MODERATOR}
