/** Deals in a few words. */

import { type DealView, exponentOf, type Money } from "@parley/client";
import { money } from "../../shared/format.ts";
import { language } from "../../shared/language.ts";
import { oneLine } from "../../shared/words.ts";
import { type MessageKey, t } from "../messages.ts";
import { typedAmount } from "./amounts.ts";

/** How a deal stands, with its price, in one line. */
export function dealLine(deal: DealView): string {
  const price = deal.offer?.price ?? deal.agreed?.price;
  return price
    ? t("deal.line", { state: stateWords(deal.state), price: money(price, deal.exponent) })
    : stateWords(deal.state);
}

/** The name of a state. */
export function stateWords(state: DealView["state"]): string {
  const key: MessageKey = `deal.state_${state}`;
  return t(key);
}

/** The title of a deal, of which moderation may have removed the words. */
export function dealTitle({ title }: DealView): string {
  return oneLine(title) || t("deal.no_title");
}

/** An amount of a deal. */
export function dealMoney(price: Money, { exponent }: DealView): string {
  return money(price, exponent);
}

/** The other party of a deal. */
export function peerOf({ provider, client }: DealView, user: string): string {
  return provider === user ? client : provider;
}

/** Somebody of a deal, as arguments of messages: this user, the other, or nobody. */
export function whoWords(by: string | undefined, user: string): { who: string; peer: string } {
  // "you" and "nobody" are words of the messages, and no names.
  return { who: by === user ? "you" : by ? "peer" : "nobody", peer: oneLine(by ?? "") };
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** How much time is left until a moment: whole units, and never more than there are. */
export function timeLeft(until: string, now: number): string {
  const left = Math.max(0, Date.parse(until) - now);
  const format = new Intl.RelativeTimeFormat(language.value);
  if (left >= 2 * DAY) return format.format(Math.floor(left / DAY), "day");
  if (left >= 2 * HOUR) return format.format(Math.floor(left / HOUR), "hour");
  return format.format(Math.ceil(left / MINUTE), "minute");
}

/** An amount as it may be typed; `deal` knows the decimals of its currency. */
export function typedPrice(price: Money, deal: DealView | undefined): string {
  const isKnown = deal?.currency === price.currency;
  const exponent = isKnown ? deal.exponent : exponentOf(price.currency);
  return typedAmount(price.amount_minor, exponent, language.value);
}
