/** What differs between two states of a deal, and between an offer and the one before. */

import type { DealView, Money, Offer, ServiceEvent } from "@parley/client";

/** Something that people have to have seen before they act. */
export type DealField =
  | "state"
  | "title"
  | "description"
  | "offer"
  | "price"
  | "note"
  | "agreed"
  | "cancellation"
  | "hold"
  | "notes";

/** A field with its two values; undefined where there is none. */
export interface Difference {
  readonly field: DealField;
  readonly before: unknown;
  readonly after: unknown;
}

/** Give the offer on the table, before or after the agreement. */
export function liveOffer(deal: DealView): DealView["offer"] {
  return deal.offer ?? deal.amendment;
}

const FIELDS: Readonly<Record<DealField, (deal: DealView) => unknown>> = {
  state: ({ state }) => state,
  title: ({ title }) => title,
  description: ({ description }) => description || undefined,
  offer: (deal) => {
    const offer = liveOffer(deal);
    return offer && { number: offer.number, by: offer.by, created_at: offer.created_at };
  },
  price: (deal) => liveOffer(deal)?.price,
  note: (deal) => liveOffer(deal)?.note || undefined,
  agreed: ({ agreed }) => agreed?.price,
  cancellation: ({ cancellation }) => cancellation,
  hold: ({ hold }) => hold,
  notes: ({ notes }) => notes?.revealed_at,
};

/** List what differs between a deal as it was looked at and as it is; of another deal it is all that there is. */
export function differencesOf(before: DealView, after: DealView): Difference[] {
  return (Object.keys(FIELDS) as DealField[]).flatMap((field) => {
    const [old, now] = [FIELDS[field](before), FIELDS[field](after)];
    return isSame(old, now) ? [] : [{ field, before: old, after: now }];
  });
}

/** List what differs between an offer and the one before it. */
export function offerDifferences(before: NamedOffer, after: Offer): Difference[] {
  const values: [DealField, unknown, unknown][] = [
    ["price", before.price, after.price],
    ["note", before.note || undefined, after.note || undefined],
  ];
  return values.flatMap(([field, old, now]) =>
    isSame(old, now) ? [] : [{ field, before: old, after: now }],
  );
}

/** An offer as the history tells of it. */
export interface NamedOffer {
  readonly number: number;
  readonly price: Money;
  readonly by: string | undefined;
  readonly at: string;
  readonly note: string | undefined;
}

const NAMED = new Set(["created", "countered", "revised", "amendment_proposed"]);

/** Give all offers that were named, in their order. */
export function namedOffers(events: readonly ServiceEvent[]): NamedOffer[] {
  return events.flatMap(({ cause, offer, price, by, at, reason }) =>
    NAMED.has(cause) && offer !== undefined && price
      ? [{ number: offer, price, by, at, note: reason }]
      : [],
  );
}

const ENDED = new Set([
  "amendment_declined",
  "amendment_withdrawn",
  "amendment_expired",
  "delivered",
]);

/**
 * Give the offer to which the live one was the answer. A price that is proposed after the agreement
 * is compared with what was agreed, unless it answers another such price.
 */
export function offerBefore(
  deal: DealView,
  events: readonly ServiceEvent[],
): NamedOffer | undefined {
  const live = liveOffer(deal)?.number;
  let agreed: NamedOffer | undefined;
  let standing: NamedOffer | undefined;
  for (const event of events) {
    const [named] = namedOffers([event]);
    if (named && named.number === live) return standing;
    if (named) standing = named;
    else if (event.cause === "agreed" || event.cause === "amended") agreed = standing;
    else if (ENDED.has(event.cause)) standing = agreed;
  }
  return undefined;
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
