/** What is wrong with the fields of the forms of deals, in words. */

import { lengthProblem } from "../../forms/problems.ts";
import { told } from "../../forms/refusals.ts";
import { type MessageKey, t } from "../../messages.ts";

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

/** The words for each that the server has refused. */
const REFUSED: Readonly<Record<Exclude<FormField, "role">, MessageKey>> = {
  title: "deal.problem_title",
  description: "deal.problem_description",
  amount: "deal.problem_amount",
  currency: "deal.problem_currency",
  lasts: "deal.problem_lasts",
  score: "deal.problem_score",
  note: "form.not_taken",
  reason: "form.not_taken",
  comment: "form.not_taken",
};

/** What is wrong with fields, in words. */
export type Problems = { readonly [Field in FormField]?: string };

/** Say what is wrong with each field that the server refused. */
export function fieldProblems(error: unknown): Problems {
  const problems: Record<string, string> = {};
  for (const { field } of told(error).fields ?? []) {
    const place = Object.hasOwn(FIELDS, field) ? FIELDS[field as keyof typeof FIELDS] : undefined;
    if (place) problems[place] = t(REFUSED[place]);
  }
  return problems;
}

/** Characters that a text may have by a server's default settings. */
const LONGEST = { title: 120, description: 4_000, note: 500, reason: 500, comment: 2_000 } as const;

/** Say what is wrong with a text before it is sent. */
export function textProblem(field: keyof typeof LONGEST, text: string): string | undefined {
  if (field === "title" && !text) return t("deal.problem_title");
  return lengthProblem(text, LONGEST[field]);
}
