"""What is built: small, and content with a strict policy."""

import gzip

from playwright.async_api import ConsoleMessage, Route, expect

from tests.support.node import built_web
from tests.web.conftest import Visit

# Bytes of all scripts and styles that a first visit loads, as they are sent.
_LARGEST = 72 * 1024
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; worker-src 'self';"
    " connect-src 'self' ws://127.0.0.1:*; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'; require-trusted-types-for 'script'"
)


def test_what_a_first_visit_loads_is_small() -> None:
    files = [*built_web().glob("assets/*.js"), *built_web().glob("assets/*.css")]
    assert {file.suffix for file in files} == {".js", ".css"}
    assert sum(len(gzip.compress(file.read_bytes())) for file in files) < _LARGEST


async def test_the_app_works_under_a_strict_policy(visit: Visit) -> None:
    ann, bob = await visit("ann"), await visit("bob")
    refused: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            refused.append(message.text)

    async def add_policy(route: Route) -> None:
        answer = await route.fetch()
        headers = {**answer.headers, "content-security-policy": _POLICY}
        await route.fulfill(response=answer, headers=headers)

    ann.page.on("console", note)
    await ann.context.route("**/index.html", add_policy)
    await ann.sign_in()
    # It holds: what it forbids does not run.
    assert (
        await ann.page.evaluate(
            "() => { document.body.append(Object.assign(document.createElement('style'),"
            " { textContent: 'body { display: none }' }));"
            " return getComputedStyle(document.body).display }"
        )
        == "block"
    )
    assert refused
    refused.clear()
    await ann.begin(bob)
    await ann.say("Hello")
    await expect(ann.page.locator(".row.own .mark")).to_have_text("Sent")
    await ann.go("settings")
    await expect(ann.page.get_by_role("heading", name="Settings")).to_be_visible()
    assert not refused
