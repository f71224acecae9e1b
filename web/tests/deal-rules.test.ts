import type { DealView, ServiceEvent } from "@parley/client";
import { describe, expect, it } from "vitest";
import { differencesOf, offerBefore } from "../src/people/deal/differences.ts";
import { offeredSteps, stepNow, stepOf } from "../src/people/deal/steps.ts";

const price = (amount_minor: number) => ({ amount_minor, currency: "EUR" });

function offer(number: number, amount: number, note?: string) {
  const told = { service: "s", number, price: price(amount), by: "ann", created_at: `t${number}` };
  return note === undefined ? told : { ...told, note };
}

const deal: DealView = {
  service: "s",
  conversation: "c",
  provider: "ann",
  client: "bob",
  title: "Roof",
  state: "offered",
  currency: "EUR",
  exponent: 2,
  deadlines: {},
  allowed_actions: ["accept"],
  created_at: "t0",
  version: 1,
  offer: offer(1, 12_000),
};

describe("the first step", () => {
  it.each([
    [["counter", "accept", "decline"], "accept"],
    [["revise", "withdraw"], "revise"],
    [["propose_amendment", "deliver", "request_cancellation", "open_dispute"], "deliver"],
    [["propose_amendment", "request_cancellation"], "propose_amendment"],
    [["accept", "counter", "decline", "deliver", "request_cancellation"], "accept"],
    [["complete", "reopen", "request_cancellation", "open_dispute"], "complete"],
    [["deliver", "confirm_cancellation"], "deliver"],
    [["propose_amendment", "confirm_cancellation"], "confirm_cancellation"],
    [["submit_note", "open_dispute"], "submit_note"],
    // Who is restricted ends things; none of that is put forward.
    [["decline", "request_cancellation"], undefined],
    [["open_dispute"], undefined],
    [["something_of_tomorrow"], undefined],
    [[], undefined],
  ])("of %j is %s, and all others are offered once", (allowed, primary) => {
    const steps = offeredSteps(allowed);
    expect(steps.primary).toBe(primary);
    const all = [steps.primary, ...steps.others].filter((step) => step !== undefined);
    const known = allowed.filter((one) => one !== "open_dispute" && !one.startsWith("something"));
    expect(all.toSorted()).toEqual(known.toSorted());
  });
});

describe("what differs", () => {
  it("is nothing while only time goes by", () => {
    const later = { ...deal, version: 2, deadlines: { offer: "t" }, allowed_actions: [] };
    expect(differencesOf(deal, later)).toEqual([]);
  });

  it("is named by field, with old and new", () => {
    const next = { ...deal, title: "Roof and gutter", offer: offer(2, 13_000, "More work") };
    expect(differencesOf(deal, next)).toEqual([
      { field: "title", before: "Roof", after: "Roof and gutter" },
      {
        field: "offer",
        before: { number: 1, by: "ann", created_at: "t1" },
        after: { number: 2, by: "ann", created_at: "t2" },
      },
      { field: "price", before: price(12_000), after: price(13_000) },
      { field: "note", before: undefined, after: "More work" },
    ]);
  });

  it("is another offer also where its price is the same", () => {
    const fields = differencesOf(deal, { ...deal, offer: offer(2, 12_000) });
    expect(fields.map(({ field }) => field)).toEqual(["offer"]);
  });

  it("is the state, the hold, a request to cancel, and what was agreed", () => {
    const { offer: _, ...rest } = deal;
    const next: DealView = {
      ...rest,
      state: "agreed",
      agreed: { price: price(12_000), version: 1, offer: 1, at: "t2" },
      cancellation: { by: "bob", at: "t3" },
      hold: { dispute: "d", opened_by: "bob", since: "t4" },
    };
    const fields = differencesOf(deal, next).map(({ field }) => field);
    expect(fields).toEqual(["state", "offer", "price", "agreed", "cancellation", "hold"]);
  });
});

describe("the offer before", () => {
  const event = (cause: string, number?: number, amount = 0, reason?: string): ServiceEvent => ({
    service: "s",
    number: 0,
    cause,
    state: "offered",
    title: "Roof",
    at: "t",
    ...(number && { offer: number, price: price(amount) }),
    ...(reason && { reason }),
  });
  const before = (live: number, ...events: ServiceEvent[]) =>
    offerBefore({ ...deal, offer: offer(live, 0) }, events)?.number;
  const talks = [event("created", 1, 100), event("countered", 2, 90), event("revised", 3, 95)];

  it("is the one that was answered", () => {
    expect(before(1, ...talks)).toBeUndefined();
    expect(before(2, ...talks)).toBe(1);
    expect(before(3, ...talks)).toBe(2);
  });

  it("of a price after the agreement is what was agreed, until another such price stands", () => {
    const agreed = [...talks, event("agreed", 3, 95)];
    const first = [...agreed, event("amendment_proposed", 4, 99)];
    expect(before(4, ...first)).toBe(3);
    const second = event("amendment_proposed", 5, 98);
    expect(before(5, ...first, second)).toBe(4);
    expect(before(5, ...first, event("amendment_declined", 4, 99), second)).toBe(3);
    expect(before(5, ...first, event("amended", 4, 99), second)).toBe(4);
  });

  it("is not known before the history is", () => {
    expect(before(3)).toBeUndefined();
  });
});

describe("a command of the outbox", () => {
  it.each([
    [225, { title: "Roof" }, "propose"],
    [226, { score: 5 }, "submit_note"],
    [228, { outcome: "delivered" }, "deliver"],
    [228, { outcome: "cancelled" }, "request_cancellation"],
    [229, { base_offer: 2 }, "counter"],
    [229, { base_offer: 0 }, "propose_amendment"],
    [230, { outcome: "agreed" }, "accept"],
    [230, { outcome: "of tomorrow" }, undefined],
    // A dispute has a place of its own.
    [227, { reason: "quality" }, undefined],
    [7, { text: "Hello" }, undefined],
  ])("%i %j is the step %s", (op, payload, step) => {
    expect(stepOf({ op, payload })).toBe(step);
  });

  it("is taken as the deal allows it now", () => {
    const allowing = (...allowed_actions: string[]) => ({ ...deal, allowed_actions });
    expect(stepNow("counter", allowing("revise", "withdraw"))).toBe("revise");
    expect(stepNow("request_cancellation", allowing("confirm_cancellation"))).toBe(
      "confirm_cancellation",
    );
    expect(stepNow("accept", allowing("revise"))).toBeUndefined();
  });
});
