// @vitest-environment happy-dom
import { ActionNotAllowed, InvalidArgument, InvalidState, StaleOffer } from "@parley/client";
import { beforeEach, describe, expect, it } from "vitest";
import { fieldProblems } from "../src/people/deal/forms/problems.ts";
import { timeLeft } from "../src/people/deal/words.ts";
import { refusalWords } from "../src/people/forms/refusals.ts";
import { chooseLanguage } from "../src/shared/language.ts";

const refused = (code: string, reason?: string) => ({ code, message: "for developers", reason });
const LANGUAGES = ["en", "fr"] as const;

describe.each(LANGUAGES)("in %s", (language) => {
  beforeEach(() => chooseLanguage(language));

  it("what was refused is said in words, and not in those for developers", () => {
    const errors = [
      new StaleOffer(refused("STALE_OFFER")),
      new InvalidState(refused("INVALID_STATE", "ON_HOLD")),
      new InvalidState(refused("INVALID_STATE", "A_REASON_OF_TOMORROW")),
      new ActionNotAllowed("accept", []),
      // As the outbox keeps it.
      {
        name: "InvalidState",
        code: "INVALID_STATE",
        message: "",
        d: { reason: "TOO_MANY_ROUNDS" },
      },
    ];
    const words = errors.map(refusalWords);
    expect(new Set(words).size).toBe(errors.length);
    for (const one of words) {
      expect(one).not.toContain("for developers");
      expect(one).not.toMatch(/[A-Z]_[A-Z]/);
    }
  });

  it("what is wrong with a field is said at the field", () => {
    const fields = [
      { field: "price.amount_minor", problem: "is less than 1" },
      { field: "title", problem: "is blank" },
      { field: "offer_ttl_seconds", problem: "is not one of 300 to 1209600" },
      { field: "something.of.tomorrow", problem: "is wrong" },
    ];
    const problems = fieldProblems(new InvalidArgument({ ...refused("INVALID_ARGUMENT"), fields }));
    expect(Object.keys(problems).toSorted()).toEqual(["amount", "lasts", "title"]);
    expect(Object.values(problems).join()).not.toContain("1209600");
  });
});

it.each([
  [30_000, "in 1 minute"],
  [90 * 60_000, "in 90 minutes"],
  [47.9 * 3_600_000, "in 47 hours"],
  [48 * 3_600_000, "in 2 days"],
  [13.99 * 86_400_000, "in 13 days"],
  [-5_000, "in 0 minutes"],
])("%d milliseconds are %s: never more than there are", (left, words) => {
  chooseLanguage("en");
  const now = Date.parse("2026-01-01T00:00:00Z");
  expect(timeLeft(new Date(now + left).toISOString(), now)).toBe(words);
});
