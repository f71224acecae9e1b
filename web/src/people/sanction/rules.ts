/** Sanctions: which of them stand, what each forbids, and until when. */

import type { Sanction, Standing } from "@parley/client";

export type SanctionKind = Exclude<Sanction["kind"], "unspecified">;

/** Kinds by their gravity, the gravest first. */
const KINDS: readonly SanctionKind[] = [
  "banned",
  "suspended",
  "muted",
  "conversation_locked",
  "message_removed",
  "statement_removed",
  "warning",
];

/** Kinds that take something from the user for a time, or until they are lifted. */
const RESTRICTING: ReadonlySet<string> = new Set([
  "banned",
  "suspended",
  "muted",
  "conversation_locked",
]);

/** Give a kind that there are words for; a newer server may know others. */
export function kindOf({ kind }: Pick<Sanction, "kind">): SanctionKind {
  return KINDS.find((one) => one === kind) ?? "warning";
}

/** Tell whether a sanction stands: it was not lifted, and its time is not over. */
export function stands({ lifted, until }: Sanction, now: number): boolean {
  return !lifted && (until === undefined || Date.parse(until) > now);
}

/** Give the sanctions in the order in which a person has to know them: those that stand, the gravest, the newest. */
export function inOrder(sanctions: readonly Sanction[], now: number): Sanction[] {
  const rank = (one: Sanction) =>
    (stands(one, now) ? 0 : KINDS.length) + KINDS.indexOf(kindOf(one));
  return sanctions.toSorted(
    (one, other) =>
      rank(one) - rank(other) ||
      Date.parse(other.statement.start) - Date.parse(one.statement.start),
  );
}

/** Give the sanction that keeps the user from writing everywhere, the longest of several. */
export function muteOf(sanctions: readonly Sanction[], now: number): Sanction | undefined {
  return sanctions
    .filter((one) => one.kind === "muted" && stands(one, now))
    .toSorted((one, other) => Date.parse(other.until ?? "") - Date.parse(one.until ?? ""))[0];
}

/** Give the sanction that locks a conversation. */
export function lockOf(
  sanctions: readonly Sanction[],
  conversation: string | undefined,
  now: number,
): Sanction | undefined {
  return sanctions.find(
    (one) =>
      one.kind === "conversation_locked" &&
      one.conversation === conversation &&
      conversation !== undefined &&
      stands(one, now),
  );
}

/** Give the sanctions that forbid nothing, and that this person has not put away: they are told once. */
export function notices(
  sanctions: readonly Sanction[],
  seen: ReadonlySet<string>,
  now: number,
): Sanction[] {
  return inOrder(
    sanctions.filter(
      (one) => !RESTRICTING.has(one.kind) && !seen.has(one.sanction) && stands(one, now),
    ),
    now,
  );
}

/** Give the time at which the first of them ends by itself. */
export function nextEnd(sanctions: readonly Sanction[], now: number): string | undefined {
  return sanctions
    .filter((one) => one.until !== undefined && stands(one, now))
    .map(({ until }) => until as string)
    .toSorted()[0];
}

/** Tell whether a user with this standing is let in. */
export function isLetIn({ banned, suspended_until }: Standing, now: number): boolean {
  return !banned && !(suspended_until && Date.parse(suspended_until) > now);
}
