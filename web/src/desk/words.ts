/** Things of the desk in a few words. */

import { exponentOf } from "@parley/client";
import { dayAndTime, fromNow, money } from "../shared/format.ts";
import { oneLine } from "../shared/words.ts";
import type { AuditEntry, Case, Dispute, Money, Sanction, Settlement } from "./generated/api.ts";
import { t, wordFor } from "./messages.ts";

/** Names, one after another. */
export function names(users: readonly string[]): string {
  return users.map(oneLine).join(", ");
}

/** The holder of a case at a moment, or "": a claim lapses by itself, and nobody tells of that. */
export function claimedBy(one: Pick<Case, "claimed_by" | "claim_until_time">, now: number): string {
  const isOver = one.claim_until_time && new Date(one.claim_until_time).getTime() <= now;
  return isOver ? "" : one.claimed_by;
}

/** How a case stands, with who has claimed it until when. */
export function caseState(one: Case, now: number, me: string): string {
  if (one.state === "decided") return t("case.state_decided");
  const by = claimedBy(one, now);
  if (!by) return t("case.state_open");
  const until = one.claim_until_time ? dayAndTime(one.claim_until_time) : "";
  return by === me ? t("case.claimed_by_me", { until }) : t("case.claimed_by", { by, until });
}

/** When something falls due. */
export function dueWords(time: string | null | undefined, now: number): string {
  if (!time) return "";
  const isLate = new Date(time).getTime() < now;
  return t(isLate ? "due.late" : "due.by", { when: fromNow(time, now) });
}

/** Why a case was reported, each reason once. */
export function reasonsOf(one: Case): string {
  const reasons = new Set(one.reports.map(({ reason }) => reason));
  return [...reasons].map((reason) => wordFor("reason", reason)).join(", ");
}

/** An amount, with the decimals of its currency. */
export function amount({ amount_minor, currency }: Money): string {
  try {
    return money({ amount_minor, currency }, exponentOf(currency));
  } catch {
    // A currency that this browser does not know.
    return `${amount_minor} ${oneLine(currency)}`;
  }
}

/** A sanction in a line: its kind, whom it concerns and until when. */
export function sanctionWords(one: Sanction): string {
  const kind = wordFor("measure", one.kind);
  const whom = one.users.length ? names(one.users) : one.conversation_id;
  if (one.kind === "warning") return t("sanction.line_once", { kind, whom });
  return one.until_time
    ? t("sanction.line_until", { kind, whom, until: dayAndTime(one.until_time) })
    : t("sanction.line", { kind, whom });
}

/** A step of a case or dispute in a line, as the audit log says it. */
export function stepWords(entry: AuditEntry): string {
  const what = wordFor("cause", entry.action);
  return entry.actor
    ? t("audit.step_by", { what, by: entry.actor })
    : t("audit.step", { what, capacity: wordFor("capacity", capacityWord(entry.capacity)) });
}

function capacityWord(capacity: string): string {
  return capacity.replaceAll(/[ ,]+/g, "_");
}

/** The parties of a dispute, who opened it first. */
export function partiesOf(one: Dispute): string {
  const other = one.opened_by === one.provider ? one.client : one.provider;
  return t("dispute.parties", { opener: oneLine(one.opened_by), other: oneLine(other) });
}

/** The parts of a settlement, for a message. */
export function splitWords(
  { provider_minor, client_minor }: Settlement,
  currency: string,
): { provider: string; client: string } {
  return {
    provider: amount({ amount_minor: provider_minor, currency }),
    client: amount({ amount_minor: client_minor, currency }),
  };
}
