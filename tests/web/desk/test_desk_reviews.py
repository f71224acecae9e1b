"""Appeals, sanctions, disputes and the search at the desk."""

import asyncio
from uuid import uuid4

import pytest
from parley.moderation.v1 import moderation_pb2 as pb
from playwright.async_api import expect

from parley_client import Price
from parley_protocol.payloads.fields import Settlement
from tests.web.desk.conftest import Desk, Enter, Quarrel, at_terminal, disputed, talking

pytestmark = pytest.mark.xdist_group("desk")


async def test_another_moderator_rules_on_an_appeal_and_lifts_a_sanction(
    moderator: Enter, quarrel: Quarrel
) -> None:
    talk, mia = await asyncio.gather(quarrel(), moderator("mia", language="fr"))
    await mia.sign_in("appeals?mine=1")
    page = mia.page
    async with at_terminal(mia.desk, "otto") as otto, talking(mia.desk, talk.bob) as (bob,):
        decided = await otto.decide(talk.bob, "muted", "conversation_locked")
        await bob.appeal(decided.decisions[0].id, "I was <i>quoting</i>.")
        # It comes by itself.
        line = page.locator(".line", has_text=talk.bob)
        await line.click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text(talk.bob)
        await expect(page.locator(".case")).to_contain_text("I was <i>quoting</i>.")
        await expect(page.locator(".case")).to_contain_text("otto a constaté une infraction")
        answer = page.get_by_label("Réponse", exact=True)
        await page.get_by_role("button", name="Annuler la décision").click()
        await expect(page.locator(".field-error")).to_have_text("Écrivez une réponse.")
        await answer.fill(f"{talk.ann} était cité.")
        await page.get_by_role("button", name="Annuler la décision").click()
        await expect(page.locator(".field-error")).to_contain_text("nomme l\u2019auteur")
        await answer.fill("C\u2019était une citation.")
        await mia.check("appeal-fr")

        # Meanwhile a colleague lifts one of the two measures: that has to be looked at.
        locked = next(
            one
            for one in decided.decisions[0].sanctions
            if one.kind == pb.SANCTION_KIND_CONVERSATION_LOCKED
        )
        await otto.call(
            "LiftSanction", pb.LiftSanctionRequest(sanction_id=locked.id, reason="They agree.")
        )
        news = page.locator(".banner", has=page.locator(".news"))
        await expect(news).to_contain_text("otto : sanction levée")
        await expect(answer).to_have_value("C\u2019était une citation.")
        await news.get_by_role("button").click()
        await page.get_by_role("button", name="Annuler la décision").click()
    await expect(page.locator(".case-head")).to_contain_text("Décision annulée")
    await expect(page.locator(".notice")).to_contain_text("Le recours est tranché.")

    # The search finds what is decided, and the sanction that was lifted with the decision.
    await mia.press("g", "f")
    field = page.get_by_role("searchbox")
    await expect(field).to_be_visible()
    await mia.press("/")
    await expect(field).to_be_focused()
    await page.keyboard.type(talk.bob)
    await mia.press("Enter")
    await expect(page.get_by_role("status").filter(has_text="éléments trouvés")).to_be_visible()
    await expect(mia.row(talk.case)).to_contain_text("Décidé")
    await expect(page.locator(".sanction", has_text="Mise en silence")).to_contain_text("levée")
    await mia.check("search-fr")


async def test_a_sanction_is_lifted_with_a_reason(moderator: Enter, quarrel: Quarrel) -> None:
    talk, mia = await asyncio.gather(quarrel(), moderator("mia", theme="dark", width=320))
    async with at_terminal(mia.desk, "otto") as otto:
        await otto.decide(talk.bob, "suspended")
    await mia.sign_in(f"sanctions?user={talk.bob}&in_force=1")
    page = mia.page
    sanction = page.locator(".line", has_text=f"Suspension of {talk.bob}")
    await sanction.locator("summary").click()
    await expect(sanction).to_contain_text("Your account is suspended")
    await mia.check("sanctions-320-dark")
    await sanction.get_by_role("button", name="Lift").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Lift").click()
    await expect(dialog).to_contain_text("Say why.")
    await dialog.get_by_label("Why it is lifted").fill("He has apologised.")
    await mia.check("lift-320-dark")
    await dialog.get_by_role("button", name="Lift").click()
    await expect(page.locator(".notice")).to_have_text("Lifted.")
    await expect(page.locator(".line")).to_have_count(0)


async def test_a_dispute_is_decided_as_it_stands(moderator: Enter) -> None:
    mia = await moderator("mia")
    mark = uuid4().hex[:6]
    ann, bob = f"ann-{mark}", f"bob-{mark}"
    await mia.sign_in("disputes")
    page = mia.page
    async with talking(mia.desk, ann, bob) as (first, second):
        theirs = first.conversation_with(bob, subject="Sink")
        await theirs.send("The sink, please.")
        deal = await theirs.propose(role="client", title="Sink", price=Price(12_050, "EUR", 2))
        back = second.conversation_with(ann, subject="Sink")
        assert deal.live_offer is not None
        await back.deal.accept(deal.live_offer)
        dispute = await theirs.deal.open_dispute("quality", "Half of it is dirty.")
        # The time for statements ends by itself, and the list moves.
        await page.locator(".line", has_text=f"{ann} against {bob}").click()
        await expect(page.locator(".timeline")).to_contain_text("Half of it is dirty.")
        await expect(page.locator(".facts")).to_contain_text("€120.50")
        await page.get_by_label("The price is split").check()
        await page.get_by_label(f"To the provider, {bob}").fill("80")
        await page.get_by_label(f"To the client, {ann}").fill("40,50")
        await page.get_by_label("Facts").fill("Half was done.")
        await page.get_by_label("Rule").fill("Terms 7.1")
        await page.get_by_role("button", name="Preview").click()
        await expect(page.locator(".field-error")).to_contain_text("together are €120.50")
        await mia.check("dispute")
        await page.get_by_label(f"To the client, {ann}").fill("40.50")

        # A party offers a settlement meanwhile.
        await second.dispute(dispute.dispute).propose(Settlement(10_000, 2_050))
        news = page.locator(".banner", has=page.locator(".news"))
        await expect(news).to_contain_text("settlement offered")
        await page.get_by_role("button", name="Preview").click()
        await expect(page.get_by_role("dialog")).to_have_count(0)
        await expect(page.locator(".timeline")).to_contain_text(
            "€100.00 for the provider, €20.50 for the client"
        )
        await news.get_by_role("button").click()
        await page.get_by_role("button", name="Preview").click()
        dialog = page.get_by_role("dialog")
        await expect(dialog).to_contain_text("€80.00 for the provider, €40.50 for the client")
        await dialog.get_by_role("button", name="Decide").click()
        await expect(page.locator(".case-state")).to_contain_text("Resolved")
        await expect(page.locator(".timeline")).to_contain_text("Half was done.")
        await mia.check("dispute-decided")


async def test_two_moderators_decide_one_dispute_once(desk: Desk, moderator: Enter) -> None:
    """Both are about to; who comes second is told, and keeps the words."""
    argument, mia, otto = await asyncio.gather(
        disputed(desk, "Sink", "Half of it is dirty."),
        moderator("mia"),
        moderator("otto", language="fr", theme="dark"),
    )
    place = f"dispute/{argument.dispute}"
    await asyncio.gather(mia.sign_in(place), otto.sign_in(place))
    page, other = mia.page, otto.page
    # It is theirs to decide when the time for statements is over.
    await page.get_by_label("The deal is completed").check()
    await page.get_by_label("Facts").fill("It is as agreed.")
    await page.get_by_label("Rule").fill("Terms 7.2")
    await page.get_by_role("button", name="Preview").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text(f"To {argument.bob}")
    await other.get_by_label("La transaction est annulée").check()
    await other.get_by_label("Faits").fill("Rien n\u2019était propre.")
    await other.get_by_label("Règle").fill("Conditions 7.1")
    await other.get_by_role("button", name="Aperçu").click()
    await other.get_by_role("dialog").get_by_role("button", name="Décider").click()
    await expect(other.locator(".notice")).to_have_text("Le litige est tranché.")
    # She sees it without doing anything, and what she has written is not lost.
    await expect(page.locator(".news")).to_contain_text(f"{otto.user}: decided by moderation")
    await dialog.get_by_role("button", name="Decide").click()
    await expect(dialog).to_have_count(0)
    own = page.get_by_role("textbox", name="What you had written")
    await expect(own).to_have_value("It is as agreed.\n\nTerms 7.2")
    await expect(page.locator(".case-state")).to_contain_text("Resolved")
    await expect(page.get_by_role("button", name="Preview")).to_have_count(0)
    await mia.check("dispute-decided-by-another")
    async with talking(desk, argument.ann) as (ann,):
        decided = await ann.dispute(argument.dispute).load()
    assert decided.resolution is not None
    assert decided.resolution.outcome == "cancelled"
