/** Refusals in words. */

import { oneLine } from "../shared/words.ts";
import type { Failure } from "./api.ts";
import { t } from "./messages.ts";

const REASONS = [
  "appeal_not_found",
  "case_not_found",
  "claimed_by_other",
  "csrf",
  "dispute_not_found",
  "expired",
  "idempotency_key_conflict",
  "invalid_state",
  "involved",
  "keys_unavailable",
  "moderation_unavailable",
  "not_claimed",
  "rate_limited",
  "role_required",
  "same_moderator",
  "sanction_not_found",
  "session_over",
  "stale_case",
  "stale_dispute",
  "token_refused",
  "token_revoked",
  "too_large",
  "too_many_sessions",
] as const;

/** Say why something was not done. */
export function failureWords(failure: Failure): string {
  if (failure.name === "Unreachable") return t("failure.unreachable");
  const { reason, detail, title, status } = failure.problem;
  const known = REASONS.find((one) => one === reason);
  if (known) return t(`failure.${known}`);
  // A token that is none: why exactly is for whoever made it.
  if (status === 401) return t("failure.token_refused");
  // Moderation's own words, as of an argument at fault.
  return t("failure.other", { detail: oneLine(detail || title || String(status)) });
}

/** Say what is wrong with a field, where a refusal names it. */
export function fieldError(failure: Failure | undefined, field: string): string | undefined {
  if (failure?.name !== "Refusal") return undefined;
  const { detail, field: named } = failure.problem;
  // The field of a measure is that of all.
  if (named?.split(".").at(-1) !== field) return undefined;
  return detail.includes("names a reporter")
    ? t("decision.names_reporter")
    : t("failure.other", { detail: oneLine(detail) });
}
