// @vitest-environment happy-dom
import { type Appeal, type Client, NotFound, type OutboxEntry } from "@parley/client";
import { h, render } from "preact";
import { act } from "preact/test-utils";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { AppealPart } from "../src/people/sanction/AppealPart.tsx";
import { type Session, SessionProvider } from "../src/people/session.ts";
import { chooseLanguage } from "../src/shared/language.ts";

const send = vi.fn<(decision: string, text: string, key: string) => Promise<Appeal>>();
const APPEAL: Appeal = {
  appeal: "a",
  decision: "d",
  status: "open",
  text: "It was not me.",
  created_at: "2026-01-01T00:00:00Z",
  version: 1,
};

let box: HTMLElement;

/** Show the appeal of ann against a decision. */
function show(
  props: Partial<Parameters<typeof AppealPart>[0]>,
  entries: readonly OutboxEntry[] = [],
) {
  const watched = <Value>(value: Value) => ({
    subscribe: () => () => {},
    getSnapshot: () => value,
  });
  const client = {
    pending: watched(entries),
    connection: watched({ state: "live" }),
    outbox: { discard: () => false, entries: () => entries },
  } as unknown as Client;
  const session = { client, user: "ann", server: "ws://here/ws" } as Session;
  const part = h(AppealPart, {
    decision: "d",
    appeal: undefined,
    isOpen: true,
    until: "2026-02-01T00:00:00Z",
    send,
    ...props,
  });
  return act(() => render(h(SessionProvider, { value: session }, part), box));
}

const press = (name: string) =>
  act(async () => {
    const found = [...box.querySelectorAll("button")].find((one) => one.textContent === name);
    found?.click();
    found?.form?.dispatchEvent(new Event("submit", { cancelable: true }));
  });

const write = (text: string) =>
  act(() => {
    const field = box.querySelector("textarea") as HTMLTextAreaElement;
    field.value = text;
    field.dispatchEvent(new Event("input"));
  });

beforeEach(() => {
  send.mockReset();
  localStorage.clear();
  chooseLanguage("en");
  box = document.createElement("div");
  document.body.replaceChildren(box);
});

describe("an appeal", () => {
  it("is offered where it is open, and nowhere else", async () => {
    await show({});
    expect(box.textContent).toBe("Appeal");
    await show({ isOpen: false });
    expect(box.textContent).toBe("");
    await show({ decision: undefined });
    expect(box.textContent).toBe("");
  });

  it("shows what became of it, whichever was told last", async () => {
    await show({ appeal: APPEAL });
    expect(box.textContent).toContain("being looked at by another moderator");
    const overturned = { ...APPEAL, status: "overturned", answer: "Sorry." } as const;
    await show({ appeal: overturned });
    expect(box.textContent).toContain("Your appeal was granted");
    expect(box.textContent).toContain("Sorry.");
    await show({ appeal: { ...APPEAL, status: "upheld", answer: "It was you." } });
    expect(box.textContent).toContain("Your appeal was turned down");
  });

  it("that is refused keeps its words, in the form and beyond the page", async () => {
    send.mockRejectedValue(new NotFound({ code: "NOT_FOUND", message: "" }));
    await show({});
    await press("Appeal");
    await write("It was not me.");
    await press("Send the appeal");
    expect(send).toHaveBeenCalledWith("d", "It was not me.", expect.any(String));
    expect(box.querySelector("[role=alert]")?.textContent).toContain("Not done");
    expect(box.querySelector("textarea")?.value).toBe("It was not me.");
    // The page is loaded anew.
    await act(() => render(null, box));
    await show({});
    expect(box.querySelector("textarea")?.value).toBe("It was not me.");
  });

  it("takes the place of the form when it was made", async () => {
    send.mockResolvedValue(APPEAL);
    await show({});
    await press("Appeal");
    await write("It was not me.");
    await press("Send the appeal");
    expect(box.querySelector("form")).toBeNull();
    expect(box.textContent).toContain("being looked at by another moderator");
    expect(localStorage.length).toBe(1);
  });

  it("of a visit of before waits, or says why it was refused", async () => {
    const payload = { decision: "d", text: "It was not me." };
    const entry = { key: "k", op: 251, payload, state: "queued" } as unknown as OutboxEntry;
    await show({}, [entry]);
    expect(box.textContent).toContain("Not sent yet");
    expect(box.textContent).toContain("It was not me.");
    const d = { code: "INVALID_STATE", reason: "ALREADY_APPEALED" };
    const error = { name: "InvalidState", code: "INVALID_STATE", message: "", d };
    await act(() => render(null, box));
    await show({}, [{ ...entry, state: "failed", error }]);
    expect(box.textContent).toContain("you have appealed against this decision already");
    expect([...box.querySelectorAll("button")].map((one) => one.textContent)).toEqual([
      "Send again",
      "Discard",
    ]);
  });
});
