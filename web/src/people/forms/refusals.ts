/** Why something was refused, in words. */

import { failureWords } from "../conversation/failures.ts";
import { type MessageKey, t } from "../messages.ts";

/** The reasons, and codes of the client, that there are words for. */
const REASONS: Readonly<Record<string, MessageKey>> = {
  ACTION_NOT_ALLOWED: "refusal.not_now",
  ALREADY_APPEALED: "refusal.already_appealed",
  ALREADY_REPORTED: "refusal.already_reported",
  BANNED: "failure.sanctioned",
  BLOCKED: "refusal.blocked",
  CANCELLATION_REQUESTED: "refusal.cancellation_requested",
  CLIENT_ONLY: "refusal.client_only",
  MESSAGING_UNAVAILABLE: "failure.unavailable",
  NEGOTIATION_UNAVAILABLE: "failure.unavailable",
  NOTHING_TO_APPEAL: "refusal.nothing_to_appeal",
  OFFER_OF_THE_OTHER: "refusal.offer_of_the_other",
  ON_HOLD: "refusal.on_hold",
  OPENER_ONLY: "refusal.opener_only",
  OPEN_DISPUTE_EXISTS: "refusal.dispute_exists",
  OPEN_SERVICE_EXISTS: "refusal.deal_exists",
  OWN_MESSAGE: "refusal.own_message",
  OWN_OFFER: "refusal.own_offer",
  OWN_SETTLEMENT: "refusal.own_settlement",
  PROVIDER_ONLY: "refusal.provider_only",
  SERVICES_LIMIT_REACHED: "refusal.too_many_deals",
  STALE_OFFER: "refusal.stale_offer",
  STALE_SETTLEMENT: "refusal.stale_settlement",
  SUSPENDED: "failure.sanctioned",
  TOKEN_INVALID: "failure.signed_out",
  TOKEN_REFUSED: "failure.signed_out",
  TOKEN_THREW: "refusal.unreachable",
  TOKEN_TIMEOUT: "refusal.unreachable",
  TOO_LATE_TO_APPEAL: "refusal.too_late_to_appeal",
  TOO_MANY_BLOCKS: "refusal.too_many_blocks",
  TOO_MANY_DISPUTES: "refusal.too_many_disputes",
  TOO_MANY_OPEN_REPORTS: "refusal.too_many_reports",
  TOO_MANY_REOPENINGS: "refusal.too_many_reopenings",
  TOO_MANY_ROUNDS: "refusal.too_many_rounds",
  TOO_MANY_STATEMENTS: "refusal.too_many_statements",
  TOO_MANY_SUBMISSIONS: "refusal.too_many_submissions",
  UNREACHABLE: "refusal.unreachable",
};

/** Errors as calls throw them, and as the outbox keeps them. */
interface Told {
  readonly code?: string;
  readonly reason?: string;
  readonly fields?: readonly { readonly field: string }[];
  /** The ERROR of an entry of the outbox. */
  readonly d?: Told;
}

/** Read an error, whichever of the two it is. */
export function told(error: unknown): Omit<Told, "d"> {
  const { d, ...own } = (error ?? {}) as Told;
  return { ...own, ...d };
}

/** Say why; `error` is that of an entry of the outbox, or what a call has thrown. */
export function refusalWords(error: unknown): string {
  const { code = "", reason = code } = told(error);
  const name = [reason, code].find((one) => Object.hasOwn(REASONS, one));
  const key = name === undefined ? undefined : REASONS[name];
  return key ? t(key) : failureWords(error);
}
