/** Steps in deals that are left to who may say nothing: no word, and no promise. */

import type { DealView } from "@parley/client";
import type { HttpPackets } from "@parley/client/http";

export type Packet = {
  [Name in keyof HttpPackets]: readonly [Name, Omit<HttpPackets[Name], "idempotency_key">];
}[keyof HttpPackets];

/** The steps that need no word, in the order in which they are offered. */
const STEPS = [
  "deliver",
  "complete",
  "reopen",
  "decline",
  "withdraw",
  "confirm_cancellation",
  "request_cancellation",
] as const;

export type Step = (typeof STEPS)[number];

const OUTCOMES = {
  deliver: "delivered",
  complete: "completed",
  reopen: "reopened",
  confirm_cancellation: "cancelled",
  request_cancellation: "cancelled",
} as const;

/** Give the packet of a step; undefined where there is no offer to end. */
export function packetOf(step: Step, deal: DealView): Packet | undefined {
  const { service } = deal;
  if (step !== "decline" && step !== "withdraw")
    return ["service-terminated", { service, outcome: OUTCOMES[step] }];
  const offer = deal.offer ?? deal.amendment;
  const outcome = step === "decline" ? "declined" : "withdrawn";
  return offer && ["negotiation-end", { service, outcome, offer: offer.number }];
}

/** Give the steps that are left in a deal to who may say nothing. */
export function stepsOf(deal: DealView): Step[] {
  return STEPS.filter((one) => deal.allowed_actions.includes(one) && packetOf(one, deal));
}
