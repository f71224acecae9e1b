// @vitest-environment happy-dom
import type { Client, DealView } from "@parley/client";
import { h, render } from "preact";
import { act } from "preact/test-utils";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { DealCard } from "../src/people/deal/DealCard.tsx";
import { type Session, SessionProvider } from "../src/people/session.ts";
import { chooseLanguage } from "../src/shared/language.ts";

const HOUR = 3_600_000;
const price = { amount_minor: 123_450, currency: "EUR" };
const reload = vi.fn();
const store = { reload, history: async function* () {} };
const session = { client: { deal: () => store } as unknown as Client, user: "ann" };

function dealWith(more: Partial<DealView>): DealView {
  return {
    service: "s",
    conversation: "c",
    provider: "ann",
    client: "bob",
    title: "Roof",
    state: "offered",
    currency: "EUR",
    exponent: 2,
    deadlines: {},
    allowed_actions: [],
    created_at: "2026-01-01T00:00:00Z",
    version: 1,
    ...more,
  };
}

/** Show a deal to ann; give the element in which it is. */
async function shown(more: Partial<DealView>): Promise<HTMLElement> {
  const box = document.createElement("div");
  const card = h(DealCard, { deal: dealWith(more), isBusy: false, onStep: () => {} });
  await act(() => render(h(SessionProvider, { value: session as Session }, card), box));
  return box;
}

const later = (ms: number) => new Date(Date.now() + ms).toISOString();
const offer = (by: string, expires_at: string) => ({
  service: "s",
  number: 1,
  price,
  by,
  created_at: "2026-01-01T00:00:00Z",
  expires_at,
});

beforeEach(() => {
  reload.mockReset();
  chooseLanguage("en");
});

describe("the card of a deal", () => {
  it.each([
    [["accept", "counter", "decline"], "Accept"],
    [["revise", "withdraw"], "Change my offer"],
    [["deliver", "propose_amendment", "request_cancellation", "open_dispute"], "Say that it"],
    [["complete", "reopen", "request_cancellation"], "Confirm completion"],
    [["submit_note"], "Write a note"],
  ])("puts one step of %j forward: %s", async (allowed_actions, words) => {
    const box = await shown({ allowed_actions });
    const primary = [...box.querySelectorAll(".button.primary")];
    expect(primary.map(({ textContent }) => textContent)).toEqual([expect.stringContaining(words)]);
    const steps = allowed_actions.filter((one) => one !== "open_dispute");
    expect(box.querySelectorAll("[data-step]")).toHaveLength(steps.length);
  });

  it("tells until when the offer holds, in the language of the page", async () => {
    const live = { offer: offer("bob", later(5 * HOUR + 60_000)) };
    expect((await shown(live)).textContent).toContain("The offer ends in 5 hours");
    expect((await shown(live)).textContent).toContain("€1,234.50");
    chooseLanguage("fr");
    expect((await shown(live)).textContent).toContain("L’offre expire dans 5 heures");
    expect((await shown(live)).textContent).toMatch(/1\s234,50\s€/);
    expect(reload).not.toHaveBeenCalled();
  });

  it("asks how the deal stands when a time is over, once", async () => {
    const box = await shown({ offer: offer("bob", later(-1_000)) });
    expect(box.textContent).toContain("The time was over");
    expect(reload).toHaveBeenCalledTimes(1);
  });

  it("shows no clock while a dispute holds it", async () => {
    const hold = { dispute: "d", opened_by: "bob", since: "2026-01-01T00:00:00Z" };
    const box = await shown({ state: "agreed", hold });
    expect(box.querySelectorAll("[data-clock]")).toHaveLength(0);
    expect(box.textContent).toContain("On hold because of a dispute");
  });

  it("says that an own note is sealed, and shows both once they are open", async () => {
    const mine = { score: 4, at: "2026-01-02T00:00:00Z", comment: "Paid at once" };
    const deadlines = { notes: later(24 * HOUR) };
    const sealed = await shown({ state: "completed", deadlines, notes: { mine } });
    expect(sealed.textContent).toContain("Sealed");
    expect(sealed.textContent).toContain("4 of 5");
    const theirs = { score: 2, at: mine.at };
    const revealed_at = "2026-01-03T00:00:00Z";
    const open = await shown({ state: "completed", notes: { mine, theirs, revealed_at } });
    expect(open.textContent).toContain("2 of 5");
    expect(open.textContent).not.toContain("Sealed");
    const alone = await shown({ state: "completed", notes: { mine, revealed_at } });
    expect(alone.textContent).toContain("bob has given no note");
  });

  it("shows what was written as text, and what is hidden in it", async () => {
    const box = await shown({ description: "<img src=x onerror=alert(1)> a\u202eb" });
    expect(box.querySelector("img")).toBeNull();
    expect(box.textContent).toContain("<img src=x");
    expect(box.textContent).toContain("U+202E");
  });
});
