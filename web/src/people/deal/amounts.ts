/** Amounts as people type them, read digit by digit: no float ever stands for money. */

import { amountText } from "@parley/client";

/** What keeps a text from being an amount. */
export type AmountProblem = "empty" | "no_amount" | "ambiguous" | "decimals" | "too_much";

export type Amount = { readonly minor: number } | { readonly problem: AmountProblem };

/** The most that packets tell to the last digit; what a deal may cost is for the server to say. */
const MOST = BigInt(Number.MAX_SAFE_INTEGER);

const SPACED = /^\d{1,3}(?: \d{3})+$/;
const APOSTROPHED = /^\d{1,3}(?:['’]\d{3})+$/;
// Thousands; and in India lakhs and crores.
const GROUPED = {
  ",": /^\d{1,3}(?:,\d{3})+$|^\d{1,2}(?:,\d{2})+,\d{3}$/,
  ".": /^\d{1,3}(?:\.\d{3})+$/,
};

type Mark = "," | ".";

interface Numeral {
  readonly whole: string;
  readonly fraction: string;
}

/**
 * Read an amount of a currency whose minor unit has `exponent` decimals: "1 234,50" and "1,234.50"
 * are 123450 of EUR.
 *
 * Either mark may part the decimals where only one reading is possible. "1.234" has two, a thousand
 * or a bit more than one: the language decides where the reading is its own, and all else is refused.
 */
export function readAmount(
  typed: string,
  currency: string,
  exponent: number,
  locale: string,
): Amount {
  const text = withoutCurrency(plain(typed), currency, locale);
  if (!text) return { problem: "empty" };
  const numeral = readNumeral(text, exponent, marksOf(locale));
  if (typeof numeral === "string") return { problem: numeral };
  const { whole, fraction } = numeral;
  if (fraction.length > exponent) return { problem: "decimals" };
  const minor = BigInt(whole + fraction.padEnd(exponent, "0"));
  return minor > MOST ? { problem: "too_much" } : { minor: Number(minor) };
}

/** Write an amount as it may be typed in a language, without its currency. */
export function typedAmount(minor: number, exponent: number, locale: string): string {
  return amountText(minor, exponent).replace(".", marksOf(locale).decimal);
}

/** Write an amount as people write it in a language, with its groups of digits. */
export function writtenAmount(minor: number, exponent: number, locale: string): string {
  const digits = { minimumFractionDigits: exponent, maximumFractionDigits: exponent };
  const text = amountText(minor, exponent) as Intl.StringNumericLiteral;
  return new Intl.NumberFormat(locale, digits).format(text);
}

/** One kind of digits and of spaces, of all those that look alike. */
function plain(typed: string): string {
  return typed.normalize("NFKC").replace(/\s+/gu, " ").trim();
}

function withoutCurrency(text: string, currency: string, locale: string): string {
  const names = [currency];
  for (const currencyDisplay of ["symbol", "narrowSymbol"] as const) {
    const format = new Intl.NumberFormat(locale, { style: "currency", currency, currencyDisplay });
    const part = format.formatToParts(0).find(({ type }) => type === "currency");
    if (part) names.push(plain(part.value));
  }
  const lower = text.toLowerCase();
  for (const name of names.map((one) => one.toLowerCase())) {
    if (lower.startsWith(name)) return text.slice(name.length).trim();
    if (lower.endsWith(name)) return text.slice(0, -name.length).trim();
  }
  return text;
}

/** The marks of a language; a group mark that is a space is none of the two that may be mistaken. */
function marksOf(locale: string): { readonly decimal: string; readonly group: string } {
  const parts = new Intl.NumberFormat(locale, { useGrouping: true }).formatToParts(1_234_567.5);
  const of = (wanted: string) => parts.find(({ type }) => type === wanted)?.value ?? "";
  return { decimal: of("decimal"), group: of("group") };
}

function readNumeral(
  text: string,
  exponent: number,
  { decimal, group }: { readonly decimal: string; readonly group: string },
): Numeral | AmountProblem {
  if (!/^[\d.,'’ ]+$/.test(text) || !/^\d/.test(text) || !/\d$/.test(text)) return "no_amount";
  const last = text.at(text.search(/[.,][^.,]*$/)) as Mark;
  const count = text.split(/[.,]/).length - 1;
  if (!count) return split(text, "");
  const [whole = "", fraction = ""] = halves(text);
  // Both marks, or groups of another kind before one: the last parts the decimals.
  if (/[ '’]/.test(text)) return /[.,]/.test(whole) ? "no_amount" : split(whole, fraction);
  if (count > 1) {
    const isGrouped = text.split(last).length - 1 === count;
    return isGrouped ? split(text, "") : split(whole, fraction);
  }
  const mayBeGroup = GROUPED[last].test(text) && !text.startsWith("0");
  if (!mayBeGroup) return split(whole, fraction);
  if (last === decimal && exponent >= fraction.length) return split(whole, fraction);
  // Where the currency has as many decimals, somebody of another language means those.
  if (last === group && exponent < fraction.length) return split(text, "");
  return "ambiguous";
}

/** What is before and behind the last mark. */
function halves(text: string): [string, string] {
  const place = text.search(/[.,][^.,]*$/);
  return [text.slice(0, place), text.slice(place + 1)];
}

/** The digits, where the groups of the whole are groups, all of one kind. */
function split(whole: string, fraction: string): Numeral | AmountProblem {
  const isWhole = [/^\d+$/, SPACED, APOSTROPHED, GROUPED[","], GROUPED["."]].some((form) =>
    form.test(whole),
  );
  if (!isWhole || !/^\d*$/.test(fraction)) return "no_amount";
  return { whole: whole.replace(/\D/g, ""), fraction };
}
