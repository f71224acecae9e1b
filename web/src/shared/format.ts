/** Times and amounts in the language of the page. */

import { formatPrice } from "@parley/client";
import { type Language, language } from "./language.ts";

type Time = string | number | Date;

/** Write the time of day. */
export function timeOfDay(time: Time): string {
  return format({ hour: "2-digit", minute: "2-digit" }, time);
}

/** Write a day: with its name, and with the year where it is not the present one. */
export function day(time: Time): string {
  const isThisYear = new Date(time).getFullYear() === new Date().getFullYear();
  const year = isThisYear ? {} : { year: "numeric" as const };
  return format({ weekday: "long", day: "numeric", month: "long", ...year }, time);
}

/** Write a day with its time, in the language of the page or in another one. */
export function dayAndTime(time: Time, inLanguage: Language = language.value): string {
  return format({ dateStyle: "medium", timeStyle: "short" }, time, inLanguage);
}

/** Write a moment as short as lists have room for: a time today, else a day. */
export function moment(time: Time): string {
  return isSameDay(time, Date.now()) ? timeOfDay(time) : format({ dateStyle: "short" }, time);
}

/** Tell whether two times are of the same day here. */
export function isSameDay(one: Time, other: Time): boolean {
  return new Date(one).toDateString() === new Date(other).toDateString();
}

/** Write an amount; `exponent` is that of the deal or of the currency. */
export function money(price: { amount_minor: number; currency: string }, exponent: number): string {
  return formatPrice(price, exponent, language.value);
}

function format(
  options: Intl.DateTimeFormatOptions,
  time: Time,
  inLanguage: Language = language.value,
): string {
  return new Intl.DateTimeFormat(inLanguage, options).format(new Date(time));
}

const STEPS = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
] as const;

/** Write how far a time is from `now`, in milliseconds: "in 3 hours", "2 days ago"; never "the day after tomorrow". */
export function fromNow(time: Time, now: number): string {
  const distance = new Date(time).getTime() - now;
  const words = new Intl.RelativeTimeFormat(language.value);
  const [unit, length] = STEPS.find(([, one]) => Math.abs(distance) >= one) ?? STEPS[2];
  return words.format(Math.trunc(distance / length), unit);
}
