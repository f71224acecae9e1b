"""Cases at the desk: found, claimed and decided by two moderators at once."""

import asyncio

import pytest
from playwright.async_api import expect

from tests.web.desk.conftest import Enter, Quarrel, at_terminal, talking

pytestmark = pytest.mark.xdist_group("desk")


async def test_two_moderators_see_each_other_and_decide_one_case_once(
    moderator: Enter, quarrel: Quarrel
) -> None:
    talk, mia, otto = await asyncio.gather(
        quarrel("You <b>fool</b>. Pay in cash: https://evil.example/ \u202egpj.exe"),
        moderator("mia"),
        moderator("otto", language="fr", theme="dark"),
    )
    queue = f"queue?accused={talk.bob}"
    await asyncio.gather(mia.sign_in(queue), otto.sign_in(queue))
    assert "token" not in mia.page.url
    await expect(mia.row(talk.case)).to_contain_text(f"Against {talk.bob}")
    await expect(mia.row(talk.case)).to_contain_text("Harassment")
    await asyncio.gather(mia.check("queue"), otto.check("queue-fr-dark"))

    # One claims it, and the other sees that without doing anything.
    await mia.row(talk.case).click()
    await expect(mia.page.get_by_role("heading", level=1)).to_contain_text(talk.bob)
    timeline = mia.page.locator(".timeline")
    await expect(timeline.locator(".entry.reported")).to_contain_text("You <b>fool</b>.")
    await expect(timeline.locator(".entry.reported code")).to_have_text("U+202E")
    await expect(timeline).to_contain_text("has proposed: “Repair the tap”, €100.00")
    await expect(timeline).to_contain_text("has reported: Harassment")
    await expect(timeline).to_contain_text("Evidence taken: messages intact")
    await mia.page.get_by_role("button", name="Claim", exact=True).click()
    await expect(mia.page.locator(".case-state")).to_contain_text("Claimed by you")
    await expect(otto.row(talk.case)).to_contain_text(f"Pris en charge par {mia.user}")
    await expect(otto.page.locator(".notice")).to_contain_text(f"{mia.user} : pris en charge")
    await otto.row(talk.case).click()
    await expect(otto.page.locator(".case-decision")).to_contain_text(
        f"Pris en charge par {mia.user}"
    )
    await expect(otto.page.get_by_role("button", name="Prendre en charge")).to_have_count(0)

    # She writes a decision, lets go of the case, and he takes it and decides it.
    written = f"Mute {talk.bob} 7 days\n\nThreatened the other in a message.\n\nTerms 4.2"
    form = mia.page.locator(".decision")
    await form.get_by_label("Violation", exact=True).check()
    await form.get_by_label("Kind of measure").select_option(label="Mute")
    await form.get_by_role("button", name="Add the measure").click()
    await form.get_by_label("Facts").fill("Threatened the other in a message.")
    await form.get_by_label("Rule").fill("Terms 4.2")
    await mia.check("case")
    await mia.page.get_by_role("button", name="Release").click()
    await expect(mia.page.locator(".own-words textarea")).to_have_value(written)
    await otto.page.get_by_role("button", name="Prendre en charge").click()
    await expect(otto.page.locator(".case-state")).to_contain_text("Pris en charge par vous")
    await otto.page.get_by_label("Aucune infraction").check()
    await otto.page.get_by_role("button", name="Aperçu").click()
    await expect(otto.page.get_by_role("dialog")).to_contain_text("Personne n\u2019est sanctionné")
    await otto.check("preview-none-fr-dark")
    await otto.page.get_by_role("button", name="Décider", exact=True).click()
    await expect(otto.page.locator(".case-state")).to_have_text("Décidé")

    # She sees who decided what, the case as it stands, and still what she had written.
    news = mia.page.locator(".banner", has=mia.page.locator(".news"))
    await expect(news).to_contain_text(f"{otto.user}: decided: no violation")
    await expect(mia.page.locator(".case-state")).to_have_text("Decided")
    await expect(mia.page.locator(".own-words textarea")).to_have_value(written)
    await mia.check("decided-by-another")


async def test_what_happens_while_one_writes_has_to_be_looked_at_first(
    moderator: Enter, quarrel: Quarrel
) -> None:
    talk, mia = await asyncio.gather(quarrel(), moderator("mia", width=320, height=700))
    await mia.sign_in(f"case/{talk.case}")
    await mia.page.get_by_role("button", name="Claim", exact=True).press("Enter")
    # The button is gone, and the focus is where one goes on.
    await expect(mia.page.get_by_role("heading", name="Decision")).to_be_focused()
    form = mia.page.locator(".decision")
    await form.get_by_label("Violation", exact=True).check()
    await form.get_by_role("button", name="Preview").click()
    await expect(form).to_contain_text("Add at least one measure.")
    await form.get_by_label("Kind of measure").select_option(label="Suspension")
    await form.get_by_role("button", name="Add the measure").click()
    await form.get_by_label("Facts").fill(f"{talk.ann} says that he threatened.")
    await form.get_by_label("Rule").fill("Terms 4.2")
    await mia.check("form-320")
    # Moderation refuses what would name a reporter, and says where.
    await form.get_by_role("button", name="Preview").click()
    await expect(form.locator(".field", has_text="Facts").locator(".field-error")).to_be_visible()
    await form.get_by_label("Facts").fill("He threatened.")

    async with at_terminal(mia.desk, "otto") as otto:
        await otto.report(talk.message, talk.ann)
    news = mia.page.locator(".banner", has=mia.page.locator(".news"))
    await expect(news).to_contain_text("another report")
    await form.get_by_role("button", name="Preview").click()
    await expect(form).to_contain_text("Look first at what has happened meanwhile.")
    await expect(mia.page.get_by_role("dialog")).to_have_count(0)
    await news.get_by_role("button", name="I have looked at it").click()
    await form.get_by_role("button", name="Preview").click()
    dialog = mia.page.get_by_role("dialog")
    await expect(dialog).to_contain_text(f"To {talk.bob}")
    await expect(dialog).to_contain_text("Your account is suspended")
    await dialog.get_by_label("Language of the reader").select_option("fr")
    await expect(dialog).to_contain_text("Votre compte est suspendu")
    await expect(dialog).to_contain_text("He threatened.")
    await mia.check("preview-320")
    # Another report at the last moment: nothing is decided, and what was written is still there.
    async with talking(mia.desk, talk.ann) as (ann,):
        theirs = ann.conversation_with(talk.bob, subject="Kitchen tap")
        await theirs.report_message(talk.message, "scam")
    await dialog.get_by_role("button", name="Decide", exact=True).click()
    await expect(dialog).to_have_count(0)
    await expect(mia.page.locator(".case-decision")).to_contain_text(
        "The case has changed since you saw it: nothing was decided."
    )
    await expect(news).to_contain_text("another report")
    await expect(form.get_by_label("Facts")).to_have_value("He threatened.")
    await news.get_by_role("button", name="I have looked at it").click()
    await form.get_by_role("button", name="Preview").click()
    await dialog.get_by_role("button", name="Decide", exact=True).click()
    await expect(mia.page.locator(".case-state")).to_have_text("Decided")
    await expect(mia.page.locator(".timeline")).to_contain_text("found a violation")
    await mia.check("decided-320")
