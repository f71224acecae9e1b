/** Disputes in a few words. */

import { type DisputeView, exponentOf, type Settlement } from "@parley/client";
import { money } from "../../shared/format.ts";
import { oneLine } from "../../shared/words.ts";
import { type MessageKey, t } from "../messages.ts";
import type { PartProblem } from "./rules.ts";

export const DISPUTE_REASONS = [
  "not_delivered",
  "not_as_agreed",
  "quality",
  "no_show",
  "payment",
  "other",
] as const;

/** The most characters of a statement, by a server's default settings. */
export const LONGEST_STATEMENT = 4_000;

const STATES = [
  "pending_hold",
  "open",
  "under_review",
  "refused",
  "resolved_pending",
  "resolved",
] as const;

/** How a dispute stands, in one line. */
export function disputeLine({ state }: DisputeView): string {
  const known = STATES.find((one) => one === state) ?? "open";
  return t(`dispute.state_${known}`);
}

/** Why a dispute was opened. */
export function disputeReason({ reason }: DisputeView): string {
  const known = DISPUTE_REASONS.find((one) => one === reason) ?? "other";
  return t(`dispute.reason_${known}`);
}

/** The other party, for a user. */
export function otherOf({ provider, client }: DisputeView, user: string): string {
  return provider === user ? client : provider;
}

/** Give the word for somebody, as a user reads it: "you" is a word of the messages, and no name. */
export function who(by: string, user: string): "you" | "peer" {
  return by === user ? "you" : "peer";
}

/** Write an amount of the dispute's currency. */
export function amountOf(dispute: DisputeView, minor: number, exponent?: number): string {
  const currency = dispute.price?.currency ?? dispute.claim?.refund.currency ?? "XXX";
  return money({ amount_minor: minor, currency }, exponent ?? exponentOf(currency));
}

/** Write how a price is divided, for one of the two. */
export function splitWords(
  settlement: Settlement,
  dispute: DisputeView,
  user: string,
  exponent?: number,
): string {
  const isProvider = dispute.provider === user;
  const { provider_minor, client_minor } = settlement;
  return t("dispute.split", {
    mine: amountOf(dispute, isProvider ? provider_minor : client_minor, exponent),
    theirs: amountOf(dispute, isProvider ? client_minor : provider_minor, exponent),
    peer: oneLine(otherOf(dispute, user)),
  });
}

const CAUSES = [
  "decided",
  "settled",
  "withdrawn",
  "respondent_silent",
  "moderators_silent",
] as const;

const OUTCOMES = ["resume", "completed", "cancelled"] as const;

/** Write what ended a dispute, and how. Empty while nothing has. */
export function outcomeWords(dispute: DisputeView, user: string, exponent?: number): string {
  const { resolution } = dispute;
  if (!resolution) return "";
  const cause = CAUSES.find((one) => one === resolution.cause);
  const why = cause ? t(`dispute.cause_${cause}`) : "";
  const known = OUTCOMES.find((one) => one === resolution.outcome);
  const split = resolution.split && splitWords(resolution.split, dispute, user, exponent);
  const outcome = known ? t(`dispute.outcome_${known}`) : split && t("dispute.outcome", { split });
  return [why, outcome].filter(Boolean).join(" ");
}

const REFUSALS: Readonly<Record<string, MessageKey>> = {
  TOO_MANY_DISPUTES: "refusal.too_many_disputes",
  ON_HOLD: "refusal.dispute_exists",
};

/** Write why a deal was not held for a dispute. */
export function refusalOf({ refusal = "" }: DisputeView): string {
  const key = Object.hasOwn(REFUSALS, refusal) ? REFUSALS[refusal] : undefined;
  return t(key ?? "dispute.refused_late");
}

/** Write why a typed part of the price is none. */
export function partProblem(problem: PartProblem, dispute: { most: string }): string {
  // No price is as much as that.
  const known = problem === "too_much" ? "above_price" : problem;
  return t(`dispute.part_${known}`, { most: dispute.most });
}
