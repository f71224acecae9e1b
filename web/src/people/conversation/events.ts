/** What happened to a deal, in words between the words of people. */

import { type DealView, exponentOf, type Message, type ServiceEvent } from "@parley/client";
import { money } from "../../shared/format.ts";
import { oneLine } from "../../shared/words.ts";
import { t } from "../messages.ts";

/** The causes that there are words for, of negotiation's history. */
const CAUSES = [
  "created",
  "countered",
  "revised",
  "agreed",
  "declined",
  "withdrawn",
  "expired",
  "amendment_proposed",
  "amended",
  "amendment_declined",
  "amendment_withdrawn",
  "amendment_expired",
  "delivered",
  "completed",
  "auto_completed",
  "reopened",
  "cancellation_requested",
  "cancellation_lapsed",
  "cancelled",
  "undelivered",
  "held",
  "resumed",
  "decided",
  "dispute_window_closed",
  "note_submitted",
  "notes_revealed",
] as const;

type Cause = (typeof CAUSES)[number];

interface Around {
  readonly user: string;
  readonly peer: string;
  readonly deal: DealView | undefined;
}

/** Give the words of a person in a message: of what happened to a deal its reason, or its title. */
export function wordsOf({ text, event }: Message): string {
  return text ?? event?.reason ?? event?.title ?? "";
}

/** Write what happened, by whom, and at which price. */
export function eventWords(event: ServiceEvent, { user, peer, deal }: Around): string {
  const { by, cause, price, title, service } = event;
  // "you" and "nobody" are words of the messages, and no names.
  const who = by === user ? "you" : by ? "peer" : "nobody";
  const exponent =
    price && (deal?.service === service ? deal.exponent : exponentOf(price.currency));
  const values = {
    who,
    peer: oneLine(by && by !== user ? by : peer),
    title: oneLine(title),
    price: price && exponent !== undefined ? money(price, exponent) : "",
  };
  const known = CAUSES.find((one): one is Cause => one === cause);
  return known
    ? t(`event.${known}`, values)
    : t("event.other", { ...values, cause: oneLine(cause) });
}
