/** Rules of disputes: the order of turns, changes since something was shown, and the division of a price. */

import type { DisputeView, Money, Settlement, ShownSettlement } from "@parley/client";
import { type AmountProblem, readAmount } from "../deal/amounts.ts";

type DisputeStatement = NonNullable<DisputeView["statements"]>[number];

/** Something that one party has said or offered. */
export type Turn =
  | { readonly kind: "statement"; readonly at: string; readonly statement: DisputeStatement }
  | { readonly kind: "offer"; readonly at: string; readonly offer: ShownSettlement };

/** Give what both have said and offered, the oldest first. Words come before the offer that they go with. */
export function turnsOf({ statements = [], offers = [] }: DisputeView): Turn[] {
  const turns: Turn[] = [
    ...statements.map((one): Turn => ({ kind: "statement", at: one.at, statement: one })),
    ...offers.map((one): Turn => ({ kind: "offer", at: one.created_at, offer: one })),
  ];
  return turns.sort((one, other) => (one.at === other.at ? 0 : one.at < other.at ? -1 : 1));
}

/** Give the settlement that can be accepted, if one was proposed. */
export function newestOffer({ offers = [] }: DisputeView): ShownSettlement | undefined {
  return offers.reduce<ShownSettlement | undefined>(
    (newest, one) => (newest && newest.number > one.number ? newest : one),
    undefined,
  );
}

/** Tell whether a dispute is over for both parties. */
export function isOver({ state }: DisputeView): boolean {
  return state === "resolved" || state === "refused" || state === "resolved_pending";
}

/** The fate of a settlement since a person was shown it. */
export type Since =
  | { readonly kind: "same" }
  | { readonly kind: "changed"; readonly now: ShownSettlement }
  | { readonly kind: "over" };

/** Compare a settlement that was shown with the dispute as it stands. */
export function sinceShown(shown: ShownSettlement, dispute: DisputeView): Since {
  if (isOver(dispute)) return { kind: "over" };
  const now = newestOffer(dispute);
  if (now && !isSame(now, shown)) return { kind: "changed", now };
  return { kind: "same" };
}

function isSame(one: ShownSettlement, other: ShownSettlement): boolean {
  return (
    one.number === other.number &&
    one.settlement.provider_minor === other.settlement.provider_minor &&
    one.settlement.client_minor === other.settlement.client_minor
  );
}

/** Problems of a part of a price, as somebody typed it. */
export type PartProblem = AmountProblem | "above_price";

/** Read the part of a price, of which no more can be had than there is. */
export function readPart(
  typed: string,
  price: Money,
  exponent: number,
  locale: string,
): { readonly minor: number } | { readonly problem: PartProblem } {
  const read = readAmount(typed, price.currency, exponent, locale);
  if ("problem" in read) return read;
  return read.minor > price.amount_minor ? { problem: "above_price" } : read;
}

/** Divide a price: the client has a part back, and the provider gets the rest. */
export function divide(price: Money, client_minor: number): Settlement {
  return { client_minor, provider_minor: price.amount_minor - client_minor };
}
