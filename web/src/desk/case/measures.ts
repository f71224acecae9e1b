/** A decision as it is being written: measures, and the reasons that those concerned are told. */

import type { Case, CaseDecision, Measure } from "../generated/api.ts";

/** Measures that concern a person. */
export const PERSONAL = ["warning", "muted", "suspended", "banned"] as const;

export type Kind =
  | (typeof PERSONAL)[number]
  | "message_removed"
  | "statement_removed"
  | "conversation_locked";

export const UNITS = ["hours", "days"] as const;

export type Unit = (typeof UNITS)[number];

/** A measure as it is written. */
export interface DraftMeasure {
  /** Within the draft. */
  readonly id: number;
  readonly kind: Kind;
  /** Whom it concerns; of a removed message whose words alone are removed, "" for all. */
  readonly user: string;
  /** The message that is removed; "" for the one that was reported. */
  readonly message: string;
  readonly length: string;
  readonly unit: Unit;
}

/** A decision as it is written. */
export interface Draft {
  /** The version of the case that its author has seen. */
  readonly version: number;
  readonly verdict: "violation" | "no_violation" | "";
  readonly measures: readonly DraftMeasure[];
  readonly facts: string;
  readonly rule: string;
  readonly ground: "terms" | "law";
  readonly note: string;
}

/** A gap in a draft. */
export type Fault =
  | { readonly place: "verdict" | "measures" | "facts" | "rule" }
  | { readonly place: "length"; readonly measure: number };

const HOUR_MS = 3_600_000;
const LENGTHS: Readonly<Record<Unit, number>> = { hours: HOUR_MS, days: 24 * HOUR_MS };

/** An empty draft upon a version of a case. */
export function emptyDraft(version: number): Draft {
  return { version, verdict: "", measures: [], facts: "", rule: "", ground: "terms", note: "" };
}

/** Whether nothing was written yet. */
export function isEmpty({ verdict, measures, facts, rule, note }: Draft): boolean {
  return !verdict && !measures.length && !facts && !rule && !note;
}

/** The measures that a case allows. */
export function kindsFor({ subject }: Pick<Case, "subject">): Kind[] {
  const things: Kind[] = ["conversation_locked"];
  // Of a conversation a message is named, which the time line does.
  if (subject.kind === "message") things.unshift("message_removed");
  if (subject.kind === "statement") things.unshift("statement_removed");
  return [...PERSONAL, ...things];
}

/** A new measure: against the first who is accused, for a week where it has an end. */
export function newMeasure(
  kind: Kind,
  { accused, subject }: Pick<Case, "accused" | "subject">,
  id: number,
  message = "",
): DraftMeasure {
  const isPersonal = PERSONAL.some((one) => one === kind);
  return {
    id,
    kind,
    user: isPersonal ? (accused[0] ?? "") : "",
    message: message === subject.id ? "" : message,
    length: "7",
    unit: "days",
  };
}

/** Whether a measure ends at a time. */
export function hasEnd(kind: Kind): boolean {
  return kind === "muted" || kind === "suspended";
}

/** Say what a draft lacks before it can be decided. */
export function faultsOf(draft: Draft): Fault[] {
  const { verdict, measures, facts, rule } = draft;
  if (!verdict) return [{ place: "verdict" }];
  if (verdict === "no_violation") return [];
  const faults: Fault[] = measures.length ? [] : [{ place: "measures" }];
  for (const one of measures) {
    if (hasEnd(one.kind) && !lengthOf(one)) faults.push({ place: "length", measure: one.id });
  }
  if (!facts.trim()) faults.push({ place: "facts" });
  if (!rule.trim()) faults.push({ place: "rule" });
  return faults;
}

/** The decision that a draft says, made at a moment, from which mutes and suspensions last. */
export function decisionOf(draft: Draft, now: number): CaseDecision {
  const { version, verdict, note, facts, rule, ground } = draft;
  if (verdict !== "violation") return { version, verdict, measures: [], note };
  const measures = draft.measures.map(
    (one): Measure => ({
      kind: one.kind,
      facts,
      rule,
      ground,
      ...(one.user && { user: one.user }),
      ...(one.kind === "message_removed" && one.message && { message_id: one.message }),
      ...(hasEnd(one.kind) && { until_time: new Date(now + lengthOf(one)).toISOString() }),
    }),
  );
  return { version, verdict, measures, note };
}

/** How long a measure lasts, in milliseconds; 0 when what was typed is no length. */
function lengthOf({ length, unit }: DraftMeasure): number {
  const count = /^\d{1,4}$/.test(length.trim()) ? Number(length) : 0;
  return count * LENGTHS[unit];
}
