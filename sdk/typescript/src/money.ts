/** Amounts of money as whole minor units: read and written by their currency's exponent, no floats. */

/** An amount in minor units of its currency: 120.50 euros are 12050 of EUR. */
export interface Price {
  amount_minor: number;
  currency: string;
}

const AMOUNT = /^(\d{1,15})(?:\.(\d+))?$/;

/** Write an amount with its decimals: 12050 with the exponent 2 is "120.50". */
export function amountText(minor: number | bigint, exponent: number): string {
  const digits = String(minor)
    .replace("-", "")
    .padStart(exponent + 1, "0");
  const point = digits.length - exponent;
  const text = exponent ? `${digits.slice(0, point)}.${digits.slice(point)}` : digits;
  return minor < 0 ? `-${text}` : text;
}

/**
 * Write a price for a reader: 12050 of EUR is "120,50 €" in French.
 *
 * `exponent` is that of the deal (`deal.exponent`). Intl gets the digits as text, so that no float
 * ever stands for the amount.
 */
export function formatPrice(price: Price, exponent: number, locale?: string | string[]): string {
  const format = new Intl.NumberFormat(locale, {
    style: "currency",
    currency: price.currency,
    minimumFractionDigits: exponent,
    maximumFractionDigits: exponent,
  });
  return format.format(amountText(price.amount_minor, exponent) as Intl.StringNumericLiteral);
}

/**
 * Read a typed amount: "120.5" of EUR, whose exponent is 2, are 12050 minor units.
 *
 * Throws RangeError for what is no amount of the currency: with more decimals than it has, or with
 * a comma, which means a different thing to different readers.
 */
export function parsePrice(text: string, currency: string, exponent: number): Price {
  const [, whole = "", fraction = ""] = AMOUNT.exec(text) ?? [];
  if (!whole) throw new RangeError(`not a price: ${text}; write digits with a point, as 120.50`);
  if (fraction.length > exponent) {
    throw new RangeError(`${text} has more decimals than ${currency}, which has ${exponent}`);
  }
  const minor = Number(whole + fraction.padEnd(exponent, "0"));
  if (!Number.isSafeInteger(minor)) throw new RangeError(`${text} is too much to be told exactly`);
  return { amount_minor: minor, currency };
}

// Intl says with how many decimals people write these today, most often none; the minor unit has two.
const WRITTEN_OTHERWISE = /^(AFN|ALL|COP|HUF|IDR|IRR|KPW|LAK|LBP|MGA|MMK|PKR|SOS|SYP|YER)$/;

/** Give the decimals of a currency's minor unit by ISO 4217: 2 for EUR and HUF, 0 for JPY. */
export function exponentOf(currency: string): number {
  if (WRITTEN_OTHERWISE.test(currency)) return 2;
  if (currency === "IQD") return 3;
  const { maximumFractionDigits } = new Intl.NumberFormat("en", {
    style: "currency",
    currency,
  }).resolvedOptions();
  return maximumFractionDigits ?? 2;
}
