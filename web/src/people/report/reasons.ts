/** Reasons for which something can be reported. */

import type { ReportOptions } from "@parley/client";
import { type MessageKey, t } from "../messages.ts";

type Reason = ReportOptions["reason"];

/** In the order in which a form offers them. */
export const REASONS = [
  "spam",
  "scam",
  "off_platform_payment",
  "harassment",
  "hate",
  "sexual",
  "violence",
  "self_harm",
  "illegal_goods",
  "privacy",
  "impersonation",
  "other",
] as const satisfies readonly Reason[];

/** The most characters of a comment, by a server's default settings. */
export const LONGEST_COMMENT = 2_000;

/** Write a reason. */
export function reasonWords(reason: string | undefined): string {
  const known = REASONS.find((one) => one === reason) ?? "other";
  return t(`report.reason_${known}`);
}

/** Problems of a form by field, as messages. */
export interface ReportProblems {
  readonly reason?: MessageKey;
  readonly comment?: MessageKey;
}

/** Look a form through before it is sent. */
export function reportProblems(reason: string, comment: string): ReportProblems {
  if (!reason) return { reason: "report.no_reason" };
  if (reason === "other" && !comment.trim()) return { comment: "report.no_comment" };
  if ([...comment.trim()].length > LONGEST_COMMENT) return { comment: "report.too_long" };
  return {};
}
