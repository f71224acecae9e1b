/** Why moderation has refused something, in words. */

import { failureWords } from "../conversation/failures.ts";
import { type MessageKey, t } from "../messages.ts";

/** The reasons, and codes of the client, that there are words for. */
const REASONS: Readonly<Record<string, MessageKey>> = {
  ACTION_NOT_ALLOWED: "refusal.not_now",
  ALREADY_APPEALED: "refusal.already_appealed",
  ALREADY_REPORTED: "refusal.already_reported",
  BANNED: "failure.sanctioned",
  MESSAGING_UNAVAILABLE: "failure.unavailable",
  NEGOTIATION_UNAVAILABLE: "failure.unavailable",
  NOTHING_TO_APPEAL: "refusal.nothing_to_appeal",
  OPENER_ONLY: "refusal.opener_only",
  OPEN_DISPUTE_EXISTS: "refusal.dispute_exists",
  OWN_MESSAGE: "refusal.own_message",
  OWN_SETTLEMENT: "refusal.own_settlement",
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
  TOO_MANY_STATEMENTS: "refusal.too_many_statements",
  UNREACHABLE: "refusal.unreachable",
};

/** Errors as calls throw them, and as the outbox keeps them. */
interface Refusal {
  readonly code?: string;
  readonly reason?: string;
  readonly d?: { readonly reason?: string };
}

/** Say why; `error` is that of an entry of the outbox, or what a call has thrown. */
export function refusalWords(error: unknown): string {
  const { code = "", reason, d } = (error ?? {}) as Refusal;
  const name = reason ?? d?.reason ?? code;
  const key = Object.hasOwn(REASONS, name) ? REASONS[name] : undefined;
  return key ? t(key) : failureWords(error);
}
