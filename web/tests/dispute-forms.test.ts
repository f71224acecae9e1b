// @vitest-environment happy-dom
import {
  type Client,
  type DealView,
  type DisputeView,
  InvalidState,
  type OutboxEntry,
  type ShownSettlement,
} from "@parley/client";
import { h, render } from "preact";
import { act } from "preact/test-utils";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { AcceptSettlement } from "../src/people/dispute/AcceptSettlement.tsx";
import type { Acts, PartProps } from "../src/people/dispute/Dispute.tsx";
import { OpenDispute } from "../src/people/dispute/OpenDispute.tsx";
import { divide } from "../src/people/dispute/rules.ts";
import { StatementForm } from "../src/people/dispute/StatementForm.tsx";
import { waitingKey } from "../src/people/forms/Waiting.tsx";
import { type Session, SessionProvider } from "../src/people/session.ts";
import { chooseLanguage } from "../src/shared/language.ts";

const PRICE = { amount_minor: 12_000, currency: "EUR" };

/** An outbox and a connection whose content a test sets. */
function parts() {
  let entries: OutboxEntry[] = [];
  const listeners = new Set<() => void>();
  const discard = vi.fn();
  const watched = <Value>(get: () => Value) => ({
    subscribe: (listener: () => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    getSnapshot: get,
  });
  const state = { state: "live" };
  const client = {
    pending: watched(() => entries),
    connection: watched(() => state),
    outbox: { discard, entries: () => entries },
  } as unknown as Client;
  const session = { client, user: "ann", server: "ws://here/ws" } as unknown as Session;
  const keep = (key: string) => {
    entries = [{ key, state: "queued" } as OutboxEntry];
    for (const listener of listeners) listener();
  };
  return { session, keep, discard };
}

function offer(number: number, client_minor: number, by = "bob"): ShownSettlement {
  const settlement = divide(PRICE, client_minor);
  return { dispute: "d", number, by, settlement, created_at: "2026-01-01T00:00:00Z" };
}

function disputeWith(more: Partial<DisputeView>): DisputeView {
  return {
    dispute: "d",
    service: "s",
    conversation: "c",
    provider: "bob",
    client: "ann",
    opened_by: "ann",
    reason: "quality",
    state: "open",
    allowed_actions: ["state", "accept"],
    created_at: "2026-01-01T00:00:00Z",
    version: 1,
    price: PRICE,
    ...more,
  };
}

const accept = vi.fn<Acts["accept"]>();
const state = vi.fn<Acts["state"]>();
const acts = { accept, state } as unknown as Acts;

/** Show a part of a dispute to ann. */
function shower(part: (props: PartProps) => ReturnType<typeof AcceptSettlement>) {
  const box = document.createElement("div");
  document.body.replaceChildren(box);
  const { session, keep, discard } = parts();
  const show = (more: Partial<DisputeView>) =>
    act(() =>
      render(
        h(
          SessionProvider,
          { value: session },
          h(part, { dispute: disputeWith(more), exponent: 2, acts, onDone: () => {} }),
        ),
        box,
      ),
    );
  const buttons = () => [...box.querySelectorAll("button")].map((one) => one.textContent);
  const press = (name: string) =>
    act(async () => {
      const found = [...box.querySelectorAll("button")].find((one) =>
        one.textContent?.startsWith(name),
      );
      if (!found) throw new Error(`no ${name} among ${buttons()}`);
      found.click();
    });
  return { box, show, press, buttons, keep, discard };
}

function dealAt(amount_minor: number, more: Partial<DealView> = {}): DealView {
  return {
    service: "s",
    conversation: "c",
    provider: "bob",
    client: "ann",
    title: "Roof",
    state: "agreed",
    currency: "EUR",
    exponent: 2,
    deadlines: {},
    allowed_actions: ["open_dispute"],
    created_at: "2026-01-01T00:00:00Z",
    version: 1,
    agreed: {
      price: { amount_minor, currency: "EUR" },
      version: 1,
      offer: 1,
      at: "2026-01-01T00:00:00Z",
    },
    ...more,
  };
}

beforeEach(() => {
  accept.mockReset();
  state.mockReset();
  localStorage.clear();
  chooseLanguage("en");
});

describe("a settlement", () => {
  it("is accepted with the number and the amounts that were looked at", async () => {
    const { show, press } = shower(AcceptSettlement);
    accept.mockReturnValue(new Promise(() => {}));
    await show({ offers: [offer(1, 2_000)] });
    await press("Accept…");
    await press("Accept: €20.00 for you");
    expect(accept).toHaveBeenCalledExactlyOnceWith(offer(1, 2_000), { key: expect.any(String) });
    // Pressed again while it is under way, nothing happens.
    await press("Accept: €20.00 for you");
    expect(accept).toHaveBeenCalledTimes(1);
  });

  it("that changes while it is looked at is shown old and new, and has to be looked at again", async () => {
    const { box, show, press, buttons } = shower(AcceptSettlement);
    await show({ offers: [offer(1, 2_000)] });
    await press("Accept…");
    await show({ offers: [offer(1, 2_000), offer(2, 1_000)] });
    expect(box.querySelector(".old")?.textContent).toContain("€20.00 for you");
    expect(box.querySelector(".new")?.textContent).toContain("€10.00 for you");
    expect(buttons()).toEqual(["Look at the new proposal", "Cancel"]);
    await press("Look at the new proposal");
    // Once more, before it is accepted.
    await show({ offers: [offer(1, 2_000), offer(2, 1_000), offer(3, 500)] });
    expect(box.querySelector(".old")?.textContent).toContain("€10.00 for you");
    expect(box.querySelector(".new")?.textContent).toContain("€5.00 for you");
    expect(accept).not.toHaveBeenCalled();
  });

  it("that the server refuses as old says so, and is not accepted in its new form", async () => {
    const { box, show, press, buttons } = shower(AcceptSettlement);
    const stale = { code: "INVALID_STATE", reason: "STALE_SETTLEMENT", message: "" };
    accept.mockRejectedValue(new InvalidState(stale));
    await show({ offers: [offer(1, 2_000)] });
    await press("Accept…");
    await press("Accept: €20.00 for you");
    expect(box.textContent).toContain("Nothing was accepted: the proposal has changed.");
    await show({ offers: [offer(1, 2_000), offer(2, 1_000)] });
    expect(buttons()).toEqual(["Look at the new proposal", "Cancel"]);
    expect(accept).toHaveBeenCalledTimes(1);
  });

  it("of this person is not theirs to accept, nor one that is over", async () => {
    const { box, show, press, buttons } = shower(AcceptSettlement);
    await show({ offers: [offer(1, 2_000, "ann")] });
    expect(buttons()).toEqual([]);
    await show({ offers: [offer(1, 2_000)] });
    await press("Accept…");
    await show({ offers: [offer(1, 2_000)], state: "resolved", allowed_actions: [] });
    expect(box.textContent).toContain(
      "The dispute has ended meanwhile. You have accepted nothing.",
    );
    expect(buttons()).toEqual(["Cancel"]);
  });
});

describe("a statement", () => {
  const write = (box: HTMLElement, text: string) =>
    act(() => {
      const field = box.querySelector("textarea") as HTMLTextAreaElement;
      field.value = text;
      field.dispatchEvent(new Event("input", { bubbles: true }));
    });
  const send = (box: HTMLElement) =>
    act(async () => {
      box.querySelector("form")?.dispatchEvent(new Event("submit", { cancelable: true }));
    });
  const text = (box: HTMLElement) => box.querySelector("textarea")?.value;

  it("is kept by the form until the outbox has it, and then the form is free for the next", async () => {
    const { box, show, keep } = shower(StatementForm);
    state.mockReturnValue(new Promise(() => {}));
    await show({});
    await write(box, "It leaks.");
    await send(box);
    expect(text(box)).toBe("It leaks.");
    const key = state.mock.calls[0]?.[1]?.key ?? "";
    await act(() => keep(key));
    expect(text(box)).toBe("");
    await write(box, "Still.");
    await send(box);
    expect(state.mock.calls.map(([said]) => said)).toEqual(["It leaks.", "Still."]);
  });

  it("leaves the form to the next, also when it is answered while that is typed", async () => {
    const { box, show, keep } = shower(StatementForm);
    let answer = (_: DisputeView) => {};
    state.mockReturnValue(
      new Promise((resolve) => {
        answer = resolve;
      }),
    );
    await show({});
    await write(box, "It leaks.");
    await send(box);
    await act(() => keep(state.mock.calls[0]?.[1]?.key ?? ""));
    await write(box, "Still.");
    await act(async () => answer(disputeWith({})));
    expect(text(box)).toBe("Still.");
  });

  it("is taken from the form though another waits in the outbox", async () => {
    const { box, show, keep } = shower(StatementForm);
    state.mockReturnValue(new Promise(() => {}));
    await show({});
    for (const [number, words] of ["It leaks.", "Still."].entries()) {
      await write(box, words);
      // The outbox has it before the form is shown again.
      state.mockImplementationOnce((_, options) => {
        keep(options?.key ?? "");
        return new Promise(() => {});
      });
      await send(box);
      expect(state).toHaveBeenCalledTimes(number + 1);
      expect(text(box)).toBe("");
    }
  });

  it("leaves what was typed while nobody had it yet", async () => {
    const { box, show, keep } = shower(StatementForm);
    state.mockReturnValue(new Promise(() => {}));
    await show({});
    await write(box, "It leaks.");
    await send(box);
    await write(box, "It leaks. Still.");
    await act(() => keep(state.mock.calls[0]?.[1]?.key ?? ""));
    expect(text(box)).toBe("It leaks. Still.");
  });

  it("that is not taken at all stays where it was typed, with the reason", async () => {
    const { box, show } = shower(StatementForm);
    state.mockRejectedValue(Object.assign(new Error("full"), { code: "OUTBOX_FULL" }));
    await show({});
    await write(box, "It leaks.");
    await send(box);
    expect(text(box)).toBe("It leaks.");
    expect(box.textContent).toContain("Too much waits to be sent already.");
    expect(localStorage.length).toBeGreaterThan(0);
  });

  it("that is refused after the outbox had it has a row that says why, and the form says nothing", async () => {
    const { box, show, keep, discard } = shower(StatementForm);
    let refuse = (_: Error) => {};
    state.mockReturnValue(
      new Promise((_, reject) => {
        refuse = reject;
      }),
    );
    await show({});
    await write(box, "It leaks.");
    await send(box);
    await act(() => keep(state.mock.calls[0]?.[1]?.key ?? ""));
    await write(box, "More words");
    await act(async () => refuse(new InvalidState({ code: "INVALID_STATE", message: "" })));
    expect(text(box)).toBe("More words");
    expect(box.querySelector("[role=alert]")).toBeNull();
    expect(discard).not.toHaveBeenCalled();
  });

  it("that can be said no more is still there", async () => {
    const { box, show, buttons } = shower(StatementForm);
    await show({});
    await write(box, "It leaks.");
    await show({ state: "resolved", allowed_actions: [] });
    expect(text(box)).toBe("It leaks.");
    expect(box.textContent).toContain("This can be sent no more.");
    expect(buttons()).toEqual([]);
  });

  it("has a length, in characters", async () => {
    const { box, show } = shower(StatementForm);
    await show({});
    await write(box, "🦜".repeat(4_001));
    await send(box);
    expect(box.textContent).toContain("4,001 characters; at most 4,000");
    expect(state).not.toHaveBeenCalled();
  });
});

describe("the form that opens a dispute", () => {
  it("shows old and new when the deal changes, keeps what is typed, and says when it is too late", async () => {
    const box = document.createElement("div");
    document.body.replaceChildren(box);
    const { session } = parts();
    const open = vi.fn(() => new Promise<DisputeView>(() => {}));
    const show = (deal: DealView) =>
      act(() =>
        render(
          h(SessionProvider, { value: session }, h(OpenDispute, { deal, open, onClose: () => {} })),
          box,
        ),
      );
    const fill = (selector: string, value: string) =>
      act(() => {
        const field = box.querySelector(selector) as HTMLInputElement;
        field.value = value;
        field.dispatchEvent(new Event(selector === "select" ? "change" : "input"));
      });
    const send = () =>
      act(() => {
        box.querySelector("form")?.dispatchEvent(new Event("submit", { cancelable: true }));
      });
    await show(dealAt(12_000));
    await fill("select", "quality");
    await fill("textarea", "It leaks.");
    await fill("input", "110.00");
    await show(dealAt(10_000));
    expect(box.textContent).toContain("Before: Agreed: €120.00");
    expect(box.textContent).toContain("Now: Agreed: €100.00");
    await send();
    // More than the price as it is now.
    expect(box.textContent).toContain("more than the agreed price, €100.00");
    expect(open).not.toHaveBeenCalled();
    await fill("input", "90.00");
    await send();
    expect(open).toHaveBeenCalledWith(
      expect.objectContaining({
        reason: "quality",
        statement: "It leaks.",
        refund: { amount_minor: 9_000, currency: "EUR" },
      }),
    );
    await show(dealAt(10_000, { state: "cancelled", allowed_actions: [] }));
    expect(box.querySelector("textarea")?.value).toBe("It leaks.");
  });
});

describe("a command on its way", () => {
  it.each([
    ["kept", false, "live", "waiting.sent"],
    ["kept", true, "live", "waiting.late"],
    ["kept", true, "waiting", "waiting.offline"],
    ["sending", false, "waiting", "waiting.offline_page"],
    ["sending", true, "live", "waiting.late"],
    // Over HTTP.
    ["sending", true, "refused", "waiting.sent"],
  ] as const)("%s, late: %s, %s: %s", (progress, isLate, state, key) => {
    expect(waitingKey({ progress, isLate }, state)).toBe(key);
  });
});
