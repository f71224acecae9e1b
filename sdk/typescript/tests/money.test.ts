import fc from "fast-check";
import { expect, test } from "vitest";
import { amountText, exponentOf, formatPrice, parsePrice } from "../src/index.ts";

test.each([
  [12_050, 2, "120.50"],
  [5, 2, "0.05"],
  [0, 2, "0.00"],
  [-5, 2, "-0.05"],
  [500, 0, "500"],
  [500, 3, "0.500"],
  [Number.MAX_SAFE_INTEGER, 2, "90071992547409.91"],
  [2n ** 63n - 1n, 2, "92233720368547758.07"],
])("%s with the exponent %s is %s", (minor, exponent, text) => {
  expect(amountText(minor, exponent)).toBe(text);
});

test("what is written can be read again", () => {
  const amounts = fc.integer({ min: 0, max: 10 ** 12 });
  fc.assert(
    fc.property(amounts, fc.integer({ min: 0, max: 3 }), (minor, exponent) => {
      const price = { amount_minor: minor, currency: "EUR" };
      expect(parsePrice(amountText(minor, exponent), "EUR", exponent)).toEqual(price);
    }),
  );
});

test.each(["", "1,50", "1.505", "-1", "1e3", " 1", "1.", ".5", "٣", "9".repeat(16)])(
  "%j is no price in euros",
  (text) => {
    expect(() => parsePrice(text, "EUR", 2)).toThrow(RangeError);
  },
);

test("an amount that no number tells exactly is refused", () => {
  expect(() => parsePrice("999999999999999.99", "EUR", 2)).toThrow("too much");
});

test("a price is written for its reader, to the last digit", () => {
  const price = { amount_minor: Number.MAX_SAFE_INTEGER, currency: "EUR" };
  expect(formatPrice(price, 2, "en")).toBe("€90,071,992,547,409.91");
  expect(formatPrice({ amount_minor: 12_050, currency: "EUR" }, 2, "fr")).toMatch(/^120,50\s€$/);
  expect(formatPrice({ amount_minor: 500, currency: "JPY" }, 0, "en")).toBe("¥500");
  expect(formatPrice({ amount_minor: 1_500, currency: "KWD" }, 3, "en")).toMatch(/1\.500$/);
});

test("the decimals are those of ISO 4217", () => {
  expect(["EUR", "JPY", "KWD", "HUF", "IQD"].map(exponentOf)).toEqual([2, 0, 3, 2, 3]);
  expect(() => exponentOf("euros")).toThrow(RangeError);
});
