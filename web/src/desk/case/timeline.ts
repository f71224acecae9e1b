/** The time line of a case: the talk, the deal, reports, decisions, sanctions, appeals, evidence. */

import type {
  Appeal,
  AuditEntry,
  Case,
  CaseReport,
  Decision,
  Dispute,
  Evidence,
  Resolution,
  Sanction,
  SettlementOffer,
} from "../generated/api.ts";
import {
  readEvidence,
  type Seen,
  type SeenEvent,
  type SeenMessage,
  type SeenStatement,
  type Snapshot,
} from "./evidence.ts";

/** Parts of a time line that can be left out. */
export const LAYERS = ["talk", "deal", "reports", "moderation", "sanctions", "evidence"] as const;

export type Layer = (typeof LAYERS)[number];

interface Place {
  /** RFC 3339. */
  readonly at: string;
  readonly key: string;
  readonly layer: Layer;
}

/** Something on the time line. */
export type Entry = Place &
  (
    | { readonly kind: "message"; readonly message: SeenMessage }
    | { readonly kind: "deal"; readonly event: SeenEvent }
    | { readonly kind: "statement"; readonly statement: SeenStatement }
    | { readonly kind: "report"; readonly report: CaseReport }
    | { readonly kind: "evidence"; readonly evidence: Evidence; readonly snapshot: Snapshot }
    | { readonly kind: "step"; readonly step: AuditEntry }
    | { readonly kind: "decision"; readonly decision: Decision }
    | { readonly kind: "sanction"; readonly sanction: Sanction }
    | { readonly kind: "lifted"; readonly sanction: Sanction }
    | { readonly kind: "appeal"; readonly appeal: Appeal }
    | { readonly kind: "answer"; readonly appeal: Appeal }
    | { readonly kind: "offer"; readonly offer: SettlementOffer; readonly currency: string }
    | { readonly kind: "resolution"; readonly resolution: Resolution; readonly currency: string }
  );

/** The sources of a case's time line. */
export interface Sources {
  readonly case: Pick<Case, "id" | "reports" | "evidence" | "decisions" | "appeals">;
  /** Of the case, in the audit log. */
  readonly steps: readonly AuditEntry[];
  /** Of those whom it is about, in all cases. */
  readonly sanctions: readonly Sanction[];
}

// Steps that have entries of their own, which say more.
const TOLD_OTHERWISE = new Set([
  "opened",
  "report_joined",
  "violation_found",
  "no_violation_found",
  "appealed",
  "appeal_upheld",
  "appeal_overturned",
  "stated",
  "settlement_proposed",
  "settled",
  "withdrawn",
  "decided",
  "respondent_silent",
  "moderators_silent",
]);

/** Put all that is known of a case on one time line, the oldest first. */
export function timeline({ case: one, steps, sanctions }: Sources): Entry[] {
  const entries: Entry[] = [
    ...ofEvidence(one.evidence),
    ...one.reports.map(
      (report): Entry => ({
        kind: "report",
        at: report.create_time,
        key: `report ${report.id}`,
        layer: "reports",
        report,
      }),
    ),
    ...ofSteps(steps),
    ...one.decisions.map(
      (decision): Entry => ({
        kind: "decision",
        at: decision.create_time,
        key: `decision ${decision.id}`,
        layer: "moderation",
        decision,
      }),
    ),
    ...one.appeals.flatMap(ofAppeal),
    ...ofSanctions(sanctions, one.id),
  ];
  return inOrder(entries);
}

/** Put all that is known of a dispute on one time line, the oldest first. */
export function disputeTimeline(one: Dispute, steps: readonly AuditEntry[]): Entry[] {
  const currency = one.price?.currency ?? "";
  const { resolution } = one;
  return inOrder([
    ...ofEvidence(one.evidence),
    ...one.statements.map(({ by, text, create_time: at, number, removed }): Entry => {
      const key = `statement ${one.id} ${number}`;
      const statement: SeenStatement = {
        kind: "statement",
        dispute: one.id,
        number,
        at,
        by,
        text,
        isRemoved: removed,
        isReported: false,
      };
      return { kind: "statement", at, key, layer: "talk", statement };
    }),
    ...one.offers.map(
      (offer): Entry => ({
        kind: "offer",
        at: offer.create_time,
        key: `offer ${offer.number}`,
        layer: "talk",
        offer,
        currency,
      }),
    ),
    ...ofSteps(steps),
    ...(resolution
      ? [
          {
            kind: "resolution" as const,
            at: resolution.create_time,
            key: "resolution",
            layer: "moderation" as const,
            resolution,
            currency,
          },
        ]
      : []),
  ]);
}

/** Sort by time; the order of what happened at one moment is the one in which it is given. */
function inOrder(entries: Entry[]): Entry[] {
  return entries.sort((first, second) => compare(first.at, second.at));
}

function ofSteps(steps: readonly AuditEntry[]): Entry[] {
  return steps
    .filter(({ action }) => !TOLD_OTHERWISE.has(action))
    .map((step) => ({
      kind: "step",
      at: step.create_time,
      key: `step ${step.number}`,
      layer: "moderation",
      step,
    }));
}

function compare(first: string, second: string): number {
  const [one, other] = [Date.parse(first), Date.parse(second)];
  // Without a time it goes first.
  return (Number.isNaN(one) ? 0 : one) - (Number.isNaN(other) ? 0 : other);
}

function ofAppeal(appeal: Appeal): Entry[] {
  const place = { layer: "moderation" as const, appeal };
  const made: Entry = {
    ...place,
    kind: "appeal",
    at: appeal.create_time,
    key: `appeal ${appeal.id}`,
  };
  return appeal.decide_time
    ? [made, { ...place, kind: "answer", at: appeal.decide_time, key: `answer ${appeal.id}` }]
    : [made];
}

/** Those of this case stand in its decisions; of all it is told when they were lifted. */
function ofSanctions(sanctions: readonly Sanction[], caseId: string): Entry[] {
  const unique = new Map(sanctions.map((one) => [one.id, one]));
  return [...unique.values()].flatMap((sanction) => {
    const entries: Entry[] = [];
    const place = { layer: "sanctions" as const, sanction };
    if (sanction.case_id !== caseId && sanction.statement) {
      const at = sanction.statement.start_time;
      entries.push({ ...place, kind: "sanction", at, key: `sanction ${sanction.id}` });
    }
    if (sanction.lift_time) {
      const at = sanction.lift_time;
      entries.push({ ...place, kind: "lifted", at, key: `lifted ${sanction.id}` });
    }
    return entries;
  });
}

/** Snapshots, and what they show: each thing once, as it was seen last. */
function ofEvidence(evidence: readonly Evidence[]): Entry[] {
  const entries: Entry[] = [];
  const seen = new Map<string, Seen>();
  const byTime = evidence.toSorted((one, other) => compare(one.take_time, other.take_time));
  for (const one of byTime) {
    const snapshot = readEvidence(one);
    entries.push({
      kind: "evidence",
      at: one.take_time,
      key: `evidence ${one.id}`,
      layer: "evidence",
      evidence: one,
      snapshot,
    });
    for (const thing of snapshot.seen) {
      const key = keyOf(thing);
      const before = seen.get(key);
      seen.set(key, before ? joined(before, thing) : thing);
    }
  }
  return [...[...seen].map(([key, thing]) => entryOf(key, thing)), ...entries];
}

function keyOf(thing: Seen): string {
  if (thing.kind === "message") return `message ${thing.id}`;
  if (thing.kind === "statement") return `statement ${thing.dispute} ${thing.number}`;
  // The submission of a note is not counted, and has the number 0.
  const number = thing.number || `${thing.cause} ${thing.by}`;
  return `deal ${thing.service} ${number}`;
}

function entryOf(key: string, thing: Seen): Entry {
  const place = { key, at: thing.at };
  if (thing.kind === "message") return { ...place, kind: "message", layer: "talk", message: thing };
  if (thing.kind === "statement") {
    return { ...place, kind: "statement", layer: "talk", statement: thing };
  }
  return { ...place, kind: "deal", layer: "deal", event: thing };
}

/** The same thing in two snapshots, of which the second was taken later. */
function joined(before: Seen, after: Seen): Seen {
  const isReported = before.isReported || after.isReported;
  if (before.kind === "message" && after.kind === "message") {
    return { ...after, isReported, before: earlierTexts(before, after) };
  }
  if (before.kind === "deal" && after.kind === "deal") {
    return {
      ...after,
      isReported,
      texts: [...new Set([...before.texts, ...after.texts])],
      price: after.price ?? before.price,
      messageId: after.messageId || before.messageId,
    };
  }
  return { ...after, isReported };
}

/** All texts that a message had before the one that it had last. */
function earlierTexts(before: SeenMessage, after: SeenMessage): SeenMessage["before"] {
  const last = before.text ? [{ text: before.text, at: "" }] : [];
  const all = [...before.before, ...after.before, ...last];
  const unique = new Map(all.map((one) => [one.text, one]));
  unique.delete(after.text);
  return [...unique.values()];
}
