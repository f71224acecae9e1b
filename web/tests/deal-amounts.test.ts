import { amountText } from "@parley/client";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readAmount, typedAmount } from "../src/people/deal/amounts.ts";

const read = (text: string, locale = "en", currency = "EUR", exponent = 2) => {
  const amount = readAmount(text, currency, exponent, locale);
  return "minor" in amount ? amount.minor : amount.problem;
};

describe("an amount", () => {
  it.each([
    ["1,234.50", 123_450],
    ["1 234,50", 123_450],
    ["1\u202f234,50\u00a0€", 123_450],
    ["1.234,50", 123_450],
    ["1'234.50", 123_450],
    ["1’234’567.5", 123_456_750],
    ["1,234,567", 123_456_700],
    ["1.234.567", 123_456_700],
    ["1,00,000.50", 10_000_050],
    ["120", 12_000],
    ["120.5", 12_050],
    ["120,5", 12_050],
    ["0,05", 5],
    ["0", 0],
    ["007", 700],
    ["€ 12", 1_200],
    ["12 eur", 1_200],
    ["１２．５", 1_250],
  ])("%j is the same in each language", (text, minor) => {
    for (const locale of ["en", "fr", "de"]) expect(read(text, locale)).toBe(minor);
  });

  it("is read by its language where that alone tells thousands from decimals", () => {
    expect(read("1,234", "en")).toBe(123_400);
    expect(read("1.234", "de")).toBe(123_400);
    for (const [text, locale] of [
      ["1.234", "en"],
      ["1,234", "fr"],
      ["1.234", "fr"],
      ["1,234", "de"],
    ] as const)
      expect(read(text, locale)).toBe("ambiguous");
    expect(read("1,234", "en", "JPY", 0)).toBe(1_234);
    expect(read("1.234", "fr", "JPY", 0)).toBe("ambiguous");
  });

  it("of three decimals has them by its language, and is refused by any other", () => {
    expect(read("1.234", "en", "KWD", 3)).toBe(1_234);
    expect(read("1,234", "fr", "KWD", 3)).toBe(1_234);
    expect(read("1,234", "en", "KWD", 3)).toBe("ambiguous");
    expect(read("1.234", "de", "KWD", 3)).toBe("ambiguous");
    expect(read("1,234.000", "en", "KWD", 3)).toBe(1_234_000);
  });

  it.each([
    ["", "empty"],
    ["   ", "empty"],
    ["€", "empty"],
    ["-5", "no_amount"],
    ["1e3", "no_amount"],
    ["12 34", "no_amount"],
    ["1,23,4", "no_amount"],
    ["1,234.567,89", "no_amount"],
    ["1 234.567,89", "no_amount"],
    ["12.", "no_amount"],
    [".5", "no_amount"],
    ["$12", "no_amount"],
    ["twelve", "no_amount"],
    ["Infinity", "no_amount"],
    ["0x10", "no_amount"],
    ["1.2345", "decimals"],
    ["1234.567", "decimals"],
    ["0.123", "decimals"],
    ["1,234.567", "decimals"],
    ["90071992547409.92", "too_much"],
    ["9".repeat(400), "too_much"],
  ])("%j is none: %s", (text, problem) => {
    expect(read(text)).toBe(problem);
  });
});

const minor = fc.integer({ min: 0, max: 10 ** 12 });
const locale = fc.constantFrom("en", "fr", "de", "de-CH", "en-IN", "es", "pt");
const currency = fc.constantFrom(["JPY", 0], ["EUR", 2], ["USD", 2], ["KWD", 3]) as fc.Arbitrary<
  [string, number]
>;

describe("every amount", () => {
  it("that is written for people in a language is read again in it", () => {
    fc.assert(
      fc.property(
        minor,
        locale,
        currency,
        fc.boolean(),
        (amount, where, [code, exponent], bare) => {
          const digits = { minimumFractionDigits: exponent, maximumFractionDigits: exponent };
          const named = { style: "currency", currency: code } as const;
          const format = new Intl.NumberFormat(where, { ...digits, ...(bare ? {} : named) });
          const text = format.format(amountText(amount, exponent) as Intl.StringNumericLiteral);
          expect(read(text, where, code, exponent)).toBe(amount);
        },
      ),
    );
  });

  it("that a form is opened with is read again", () => {
    fc.assert(
      fc.property(minor, locale, currency, (amount, where, [code, exponent]) => {
        expect(read(typedAmount(amount, exponent, where), where, code, exponent)).toBe(amount);
      }),
    );
  });

  it("is either exactly what was typed or refused: no digit is lost, none is made up", () => {
    const texts = fc.string({ unit: fc.constantFrom(..."0123456789.,' "), maxLength: 18 });
    fc.assert(
      fc.property(texts, locale, currency, (text, where, [code, exponent]) => {
        const found = readAmount(text, code, exponent, where);
        if ("problem" in found) return;
        expect(Number.isSafeInteger(found.minor)).toBe(true);
        const digits = text.replace(/\D/g, "").replace(/^0+/, "").replace(/0+$/, "");
        expect(String(found.minor).replace(/^0+/, "").replace(/0+$/, "")).toBe(digits);
      }),
    );
  });
});
