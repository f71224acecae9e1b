/** Why something was not done, in words for the person who wanted it. */

import { ParleyError } from "@parley/client";
import { type MessageKey, t } from "../messages.ts";

/** The codes that there are words for. */
const CODES: Readonly<Record<string, MessageKey>> = {
  SANCTIONED: "failure.sanctioned",
  PERMISSION_DENIED: "failure.permission",
  NOT_FOUND: "failure.not_found",
  INVALID_ARGUMENT: "failure.invalid",
  INVALID_STATE: "failure.state",
  RATE_LIMITED: "failure.too_many",
  UNAVAILABLE: "failure.unavailable",
  EXPIRED: "failure.expired",
  OUTBOX_FULL: "failure.outbox_full",
  PACKET_TOO_LARGE: "failure.too_large",
  SIGNED_OUT: "failure.signed_out",
};

/** Say why; `error` is that of an entry of the outbox, or what a call has thrown. */
export function failureWords(error: unknown): string {
  const { code = "", message = "" } = (error ?? {}) as Partial<ParleyError>;
  const key = Object.hasOwn(CODES, code) ? CODES[code] : undefined;
  if (key) return t(key);
  return t("failure.other", {
    message: error instanceof ParleyError || code ? message : String(error),
  });
}
