"""Settings of the browser: notifications, language and colours."""

from playwright.async_api import Page, expect

from tests.web.conftest import Visit, conversing

# Notifications are kept where the test can read them; and a page is hidden when the test says so.
_WATCH = """
globalThis.notified = [];
globalThis.asked = 0;
globalThis.Notification = class {
  static permission = sessionStorage.getItem("permission") ?? "default";
  static async requestPermission() {
    asked += 1;
    sessionStorage.setItem("permission", "granted");
    return (Notification.permission = "granted");
  }
  constructor(title, options) { notified.push({ title, ...options }); }
};
let isHidden = false;
Object.defineProperty(document, "hidden", { get: () => isHidden });
globalThis.hide = (hidden) => {
  isHidden = hidden;
  document.dispatchEvent(new Event("visibilitychange"));
};
"""

_UNTIL = """async (count) => {
  while (notified.length < count) await new Promise(requestAnimationFrame);
  return notified;
}"""


async def _notified(page: Page, count: int) -> list[dict[str, str]]:
    found: list[dict[str, str]] = await page.evaluate(_UNTIL, count)
    return found


async def test_notifications_are_asked_for_by_a_click_and_come_while_the_page_is_hidden(
    visit: Visit,
) -> None:
    ann, bob = await visit("ann"), await visit("bob")
    await ann.context.add_init_script(_WATCH)
    await conversing(bob, ann)
    assert await ann.page.evaluate("() => asked") == 0
    await ann.page.evaluate("() => hide(true)")
    await bob.say("Nobody is told of this")
    await ann.sees("Nobody is told of this")
    await ann.page.evaluate("() => hide(false)")
    await ann.go("settings")
    await ann.page.get_by_role("button", name="Turn on").click()
    await expect(ann.page.get_by_text("On: you are notified")).to_be_visible()
    await ann.check("settings")
    await bob.say("She looks at the page")
    await expect(ann.page.locator(".line-last")).to_have_text("She looks at the page")
    await ann.page.evaluate("() => hide(true)")
    await bob.say("Are you\nthere? \u202e")
    found = await _notified(ann.page, 1)
    assert [(one["title"], one["body"]) for one in found] == [(bob.user, "Are you there? [U+202E]")]
    await ann.page.evaluate("() => hide(false)")
    await ann.page.get_by_role("button", name="Turn off").click()
    await ann.page.evaluate("() => hide(true)")
    await bob.say("Off again")
    await expect(ann.page.locator(".line-last")).to_have_text("Off again")
    assert len(await _notified(ann.page, 1)) == 1


async def test_what_was_chosen_outlasts_the_page(visit: Visit) -> None:
    ann = await visit("ann", width=320, height=640)
    await ann.sign_in()
    await ann.go("settings")
    await expect(ann.page).to_have_title("Parley \u2013 Settings")
    await ann.page.get_by_label("Language").select_option("fr")
    await ann.page.get_by_label("Couleurs").select_option("dark")
    await ann.page.reload()
    await ann.connected()
    await expect(ann.page.get_by_role("heading", name="R\u00e9glages")).to_be_visible()
    root = ann.page.locator("html")
    await expect(root).to_have_attribute("lang", "fr")
    await expect(root).to_have_css("color-scheme", "dark")
    await ann.check("settings-320-fr-dark")
