import type { DisputeView, ShownSettlement } from "@parley/client";
import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { divide, newestOffer, readPart, sinceShown, turnsOf } from "../src/people/dispute/rules.ts";
import {
  disputeLine,
  outcomeWords,
  partProblem,
  refusalOf,
  splitWords,
} from "../src/people/dispute/words.ts";
import { chooseLanguage } from "../src/shared/language.ts";

const PRICE = { amount_minor: 12_000, currency: "EUR" };

function offer(number: number, client_minor: number, by = "bob"): ShownSettlement {
  const settlement = divide(PRICE, client_minor);
  return { dispute: "d", number, by, settlement, created_at: `2026-01-01T00:0${number}:00Z` };
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
    allowed_actions: [],
    created_at: "2026-01-01T00:00:00Z",
    version: 1,
    price: PRICE,
    ...more,
  };
}

beforeEach(() => chooseLanguage("en"));

describe("what both have said", () => {
  it("stands in the order of time, words before the offer that they go with", () => {
    const at = "2026-01-01T00:01:00Z";
    const statements = [
      { by: "ann", text: "first", at: "2026-01-01T00:00:00Z", number: 1 },
      { by: "bob", text: "with the offer", at, number: 2 },
      { by: "ann", text: "last", at: "2026-01-01T00:09:00Z", number: 3 },
    ];
    const turns = turnsOf(disputeWith({ statements, offers: [offer(1, 10), offer(2, 20)] }));
    expect(
      turns.map((one) => (one.kind === "offer" ? one.offer.number : one.statement.text)),
    ).toEqual(["first", "with the offer", 1, 2, "last"]);
  });

  it("may have been cut off", () => {
    expect(turnsOf(disputeWith({ truncated: true }))).toEqual([]);
    expect(newestOffer(disputeWith({ truncated: true }))).toBeUndefined();
  });
});

describe("a settlement that was shown", () => {
  const shown = offer(1, 2_000);

  it("is the same as long as it is the newest", () => {
    expect(sinceShown(shown, disputeWith({ offers: [shown] }))).toEqual({ kind: "same" });
    const shuffled = disputeWith({ offers: [offer(2, 10), offer(1, 2_000)] });
    expect(sinceShown(offer(2, 10), shuffled)).toEqual({ kind: "same" });
  });

  it.each([
    ["another has come", offer(2, 1_000)],
    ["another with the same amounts has come", offer(2, 2_000)],
    ["one of this person has come", offer(2, 1_000, "ann")],
    ["the server shows other amounts under its number", offer(1, 1_999)],
  ])("has changed when %s", (_, now) => {
    const offers = now.number === 1 ? [now] : [shown, now];
    expect(sinceShown(shown, disputeWith({ offers }))).toEqual({ kind: "changed", now });
  });

  it.each(["resolved", "resolved_pending", "refused"] as const)("is over in %s", (state) => {
    expect(sinceShown(shown, disputeWith({ state, offers: [shown] }))).toEqual({ kind: "over" });
  });
});

describe("a part of the price", () => {
  it.each([
    ["20", "en", 2_000],
    ["20.00", "en", 2_000],
    ["20,00", "fr", 2_000],
    ["0", "fr", 0],
    ["120", "en", 12_000],
  ])("%s in %s is %i", (typed, locale, minor) => {
    expect(readPart(typed, PRICE, 2, locale)).toEqual({ minor });
  });

  it.each([
    ["120.01", "above_price"],
    ["12O", "no_amount"],
    ["-1", "no_amount"],
    ["1.234", "ambiguous"],
    ["", "empty"],
  ])("%s is refused as %s, in words", (typed, problem) => {
    expect(readPart(typed, PRICE, 2, "fr")).toEqual({ problem });
    const words = partProblem(problem as "empty", { most: "€120.00" });
    expect(words).toContain("€120.00");
  });

  it("leaves the rest to the provider, whatever it is", () => {
    fc.assert(
      fc.property(
        fc.bigInt(0n, 10n ** 12n),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (all, part) => {
          const price = { amount_minor: Number(all), currency: "EUR" };
          const client = Math.floor(Number(all) * part);
          const { client_minor, provider_minor } = divide(price, client);
          expect(BigInt(client_minor) + BigInt(provider_minor)).toBe(all);
          expect(client_minor).toBe(client);
        },
      ),
    );
  });

  it("is written for each of the two from their own side, by the exponent of the deal", () => {
    const split = divide({ amount_minor: 12_000, currency: "KWD" }, 2_001);
    const dispute = disputeWith({ price: { amount_minor: 12_000, currency: "KWD" } });
    expect(splitWords(split, dispute, "ann", 3)).toMatch(
      /^KWD\s2\.001 for you, KWD\s9\.999 for bob$/,
    );
    expect(splitWords(split, dispute, "bob", 3)).toMatch(
      /^KWD\s9\.999 for you, KWD\s2\.001 for ann$/,
    );
    expect(splitWords(divide(PRICE, 2_000), disputeWith({}), "ann")).toContain("€20.00 for you");
  });
});

describe("the end of a dispute", () => {
  const at = "2026-01-02T00:00:00Z";

  it.each([
    ["decided", "cancelled", "Moderators have decided. The deal is cancelled"],
    ["decided", "completed", "Moderators have decided. The deal is completed"],
    ["withdrawn", "resume", "taken it back. The deal goes on."],
    ["respondent_silent", "completed", "has not answered in time. The deal is completed"],
    ["moderators_silent", "resume", "is over. The deal goes on."],
    ["something_new", "cancelled", "The deal is cancelled"],
  ] as const)("%s with %s is told", (cause, outcome, words) => {
    const dispute = disputeWith({ state: "resolved", resolution: { cause, outcome, at } });
    expect(outcomeWords(dispute, "ann")).toContain(words);
  });

  it("says how the price is divided", () => {
    const split = divide(PRICE, 2_000);
    const resolution = { cause: "settled", outcome: "split", at, split } as const;
    expect(outcomeWords(disputeWith({ resolution }), "bob", 2)).toBe(
      "You have agreed on a settlement. The price is divided: €100.00 for you, €20.00 for ann.",
    );
    expect(outcomeWords(disputeWith({}), "bob")).toBe("");
  });

  it("may be that it never began", () => {
    const refused = disputeWith({ state: "refused", refusal: "TOO_MANY_DISPUTES" });
    expect(disputeLine(refused)).toBe("not opened");
    expect(refusalOf(refused)).toContain("as often as it can be");
    expect(refusalOf(disputeWith({ refusal: "SOMETHING_NEW" }))).toContain("could not be held");
  });
});
