/** Why a step of a deal was not taken, in words for the person who wanted it. */

import { failureWords } from "../../conversation/failures.ts";
import { type MessageKey, t } from "../../messages.ts";

/** The reasons of docs/negotiation.md that there are words for; the client's own come after them. */
const REASONS = [
  "ON_HOLD",
  "OPEN_SERVICE_EXISTS",
  "CANCELLATION_REQUESTED",
  "TOO_MANY_ROUNDS",
  "TOO_MANY_REOPENINGS",
  "TOO_MANY_SUBMISSIONS",
  "SERVICES_LIMIT_REACHED",
  "OWN_OFFER",
  "OFFER_OF_THE_OTHER",
  "PROVIDER_ONLY",
  "CLIENT_ONLY",
  "BLOCKED",
  "STALE_OFFER",
  "ACTION_NOT_ALLOWED",
] as const;

/** The fields of the forms, by those of the server's commands. */
const FIELDS = {
  title: "title",
  description: "description",
  "price.amount_minor": "amount",
  price: "amount",
  "price.currency": "currency",
  offer_ttl_s: "lasts",
  offer_ttl_seconds: "lasts",
  note: "note",
  reason: "reason",
  score: "score",
  comment: "comment",
} as const;

export type FormField = (typeof FIELDS)[keyof typeof FIELDS] | "role";

/** What is wrong with fields, in words. */
export type Problems = { readonly [Field in FormField]?: string };

interface Told {
  readonly code?: string;
  readonly reason?: string;
  readonly fields?: readonly { readonly field: string }[];
  /** The ERROR of an entry of the outbox. */
  readonly d?: Told;
}

function told(error: unknown): Told {
  const { d, ...own } = (error ?? {}) as Told;
  return { ...own, ...d };
}

/** Say why; `error` is that of an entry of the outbox, or what a step has thrown. */
export function stepFailure(error: unknown): string {
  const { code, reason = code } = told(error);
  const known = REASONS.find((one) => one === reason || one === code);
  return known ? t(`deal.failure_${known}`) : failureWords(error);
}

/** Say what is wrong with each field that the server refused. */
export function fieldProblems(error: unknown): Problems {
  const problems: Record<string, string> = {};
  for (const { field } of told(error).fields ?? []) {
    const place = Object.hasOwn(FIELDS, field) ? FIELDS[field as keyof typeof FIELDS] : undefined;
    if (place) problems[place] = t(`deal.problem_${place}` satisfies MessageKey);
  }
  return problems;
}

/** Characters that a text may have by a server's default settings. */
const LONGEST = { title: 120, description: 4_000, note: 500, reason: 500, comment: 2_000 } as const;

/** Say what is wrong with a text before it is sent. */
export function textProblem(field: keyof typeof LONGEST, text: string): string | undefined {
  const count = [...text].length;
  if (field === "title" && !count) return t("deal.problem_title");
  return count > LONGEST[field] ? t("deal.too_long", { count, limit: LONGEST[field] }) : undefined;
}
