"""The desk in trouble: sessions that end, roles taken away, moderation away; and other roles."""

import asyncio
import time

import pytest
from playwright.async_api import Route, expect

from tests.web.desk.conftest import Enter, Quarrel, at_terminal

pytestmark = pytest.mark.xdist_group("desk")


async def test_a_session_that_ends_loses_no_word(moderator: Enter, quarrel: Quarrel) -> None:
    talk, mia = await asyncio.gather(quarrel(), moderator("mia"))
    await mia.sign_in(f"case/{talk.case}")
    page = mia.page
    await page.get_by_role("button", name="Claim", exact=True).click()
    await page.get_by_label("No violation").check()
    await page.get_by_label("Note").fill("Both were joking.")
    async with at_terminal(mia.desk, "otto") as otto:
        # Tokens that do not say when they were issued may be of any time before.
        await otto.end_sessions(mia.user, before=time.time() - 1)
        again = page.get_by_role("dialog", name="Your session has ended")
        await expect(again).to_be_visible()
        await mia.check("session-ended")
        # Not by Escape: behind it nothing could be done.
        await mia.press("Escape", "Escape", "Escape")
        await expect(again).to_be_visible()
        await again.get_by_label("Token").fill(mia.token())
        await again.get_by_role("button", name="Sign in").click()
        await expect(again.get_by_role("alert")).to_contain_text("revoked")
        await again.get_by_label("Token").fill(mia.token(iat=int(time.time())))
        await again.get_by_role("button", name="Sign in").click()
        await expect(again).to_have_count(0)
        await mia.live()
        await expect(page.get_by_label("Note")).to_have_value("Both were joking.")
        await page.get_by_role("button", name="Preview").click()
        await page.get_by_role("button", name="Decide", exact=True).click()
        await expect(page.locator(".case-state")).to_have_text("Decided")

        # The role is taken away: the marketplace gives a token without it from now on.
        await otto.end_sessions(mia.user)
    await mia.press("g", "q")
    await again.get_by_label("Token").fill(mia.token(iat=int(time.time()) + 1, roles=[]))
    await again.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("alert")).to_contain_text("Your role was taken away")
    await expect(page.locator(".desk")).to_have_count(0)
    await mia.check("role-gone")
    await page.reload()
    await expect(page.get_by_label("Token")).to_be_visible()
    await page.goto(f"{mia.desk.address}/#token={mia.token(expires_in=-60)}")
    await expect(page.get_by_role("alert")).to_contain_text("has expired. Ask for a new one.")


async def test_who_signs_in_by_another_tab_goes_on(moderator: Enter, quarrel: Quarrel) -> None:
    """The page learns of it by itself, with what was written on it."""
    talk, mia = await asyncio.gather(quarrel(), moderator("mia"))
    await mia.sign_in(f"case/{talk.case}")
    page = mia.page
    await page.get_by_role("button", name="Claim", exact=True).click()
    await page.get_by_label("Note").fill("Both were joking.")
    async with at_terminal(mia.desk, "otto") as otto:
        await otto.end_sessions(mia.user, before=time.time() - 1)
    again = page.get_by_role("dialog", name="Your session has ended")
    await expect(again).to_be_visible()
    other = await mia.context.new_page()
    await other.goto(f"{mia.desk.address}/#token={mia.token(iat=int(time.time()))}")
    await expect(other.locator(".me")).to_have_text(mia.user)
    await expect(again).to_have_count(0)
    await mia.live()
    await expect(page.get_by_label("Note")).to_have_value("Both were joking.")


async def test_without_moderation_what_is_shown_says_how_old_it_is(
    moderator: Enter, quarrel: Quarrel
) -> None:
    talk, mia = await asyncio.gather(quarrel(), moderator("mia", language="fr", width=320))
    await mia.sign_in(f"case/{talk.case}?accused={talk.bob}")
    page = mia.page
    await page.get_by_role("button", name="Prendre en charge").click()
    await page.get_by_label("Aucune infraction").check()
    await page.get_by_label("Note", exact=True).fill("Ils plaisantaient.")
    moderation = mia.desk.system.services["moderation"]
    moderation.end()
    try:
        await expect(page.locator(".liveness")).to_contain_text("La modération est injoignable")
        await page.get_by_role("button", name="Aperçu").click()
        refused = page.locator(".decision").get_by_role("alert")
        await expect(refused).to_contain_text("Rien de ce que vous avez écrit n\u2019est perdu")
        await mia.check("away-fr-320")
        await page.get_by_role("link", name="Retour à la file").click()
        await expect(page.locator(".banner.warning")).to_contain_text("La modération ne répond pas")
    finally:
        moderation.start()
    # It comes back without anybody doing anything, and so does what was written.
    await mia.live()
    await mia.row(talk.case).click()
    await expect(page.get_by_label("Note", exact=True)).to_have_value("Ils plaisantaient.")
    await page.get_by_role("button", name="Aperçu").click()
    # The answer to the decision is lost: the same is sent again, and was done once.
    keys: list[str] = []

    async def lose(route: Route) -> None:
        keys.append(route.request.headers["idempotency-key"])
        answer = await route.fetch()
        if len(keys) == 1:
            await route.abort()
        else:
            assert (await answer.json())["duplicate"]
            await route.fulfill(response=answer)

    await page.route("**/decision", lose)
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Décider", exact=True).click()
    await expect(dialog.get_by_role("alert")).to_contain_text("Le bureau ne répond pas")
    await dialog.get_by_role("button", name="Décider", exact=True).click()
    await expect(dialog).to_have_count(0)
    await expect(page.locator(".case-state")).to_have_text("Décidé")
    assert len(keys) == 2
    assert len(set(keys)) == 1


async def test_auditors_and_data_protection_have_their_own_screens(
    moderator: Enter, quarrel: Quarrel
) -> None:
    talk, ada, dora, mia = await asyncio.gather(
        quarrel(), moderator("ada", theme="dark"), moderator("dora", width=320), moderator("mia")
    )
    await asyncio.gather(
        ada.sign_in(f"audit?target={talk.case}", roles=["auditor"]),
        dora.sign_in("people", roles=["data_protection"]),
        mia.sign_in("people"),
    )
    page = ada.page
    await expect(page.locator(".nav")).to_have_text("Audit logSettings")
    await expect(page.locator(".line")).to_have_count(1)
    await expect(page.locator(".line")).to_contain_text("opened (reporter)")
    await page.get_by_role("button", name="Verify the whole log").click()
    await expect(page.get_by_text("The log is intact up to entry")).to_be_visible()
    await page.get_by_label("Head that was noted before").fill(f"1:{'0' * 64}")
    await page.get_by_role("button", name="Verify the whole log").click()
    await expect(page.get_by_role("alert")).to_contain_text("The log is broken at entry 1")
    await ada.check("audit-dark")
    await ada.go("queue")
    await expect(page.locator(".banner")).to_contain_text("nothing that your role may see")

    page = dora.page
    await page.get_by_label("User").fill(talk.bob)
    await page.get_by_role("button", name="Erase").click()
    await page.get_by_role("dialog").get_by_role("button", name="Erase").click()
    await expect(page.get_by_role("status").filter(has_text="Kept")).to_contain_text(
        "the case is not decided"
    )
    await dora.check("erasure-320")

    page = mia.page
    await page.get_by_label("User").fill(talk.bob)
    await page.get_by_role("button", name="End the sessions").click()
    await page.get_by_role("dialog").get_by_role("button", name="End the sessions").click()
    await expect(page.locator(".notice")).to_contain_text(f"The sessions of {talk.bob} are ended.")
    # Somebody else signs in, in another tab of the same browser: nothing of hers is theirs.
    await mia.go(f"case/{talk.case}")
    await page.get_by_role("button", name="Claim", exact=True).click()
    await page.get_by_label("Note").fill("Between us.")
    other = await mia.context.new_page()
    token = mia.desk.system.token("otto", roles=["moderator"])
    await other.goto(f"{mia.desk.address}/#token={token}")
    await expect(other.locator(".me")).to_have_text("otto")
    await page.get_by_role("button", name="Release").click()
    await expect(page.locator(".me")).to_have_text("otto")
    await expect(page.locator(".case-state")).to_contain_text(f"Claimed by {mia.user}")
    await expect(page.get_by_text("Between us.")).to_have_count(0)
    await mia.go("settings")
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_label("Token")).to_be_visible()
    await page.reload()
    await expect(page.get_by_label("Token")).to_be_visible()
