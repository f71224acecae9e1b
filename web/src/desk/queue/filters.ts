/** The filters of the queue, as the address says them; a case that was opened from it keeps them. */

import { addressWith, type Path, type Query, query } from "../../shared/router.ts";
import { call } from "../api.ts";
import { filterOf } from "../filters.tsx";
import type { Case } from "../generated/api.ts";
import type { ListPage } from "../loading.ts";
import { claimedBy } from "../words.ts";

export const STATES = ["open", "claimed", "decided"] as const;
export const SEVERITIES = ["low", "normal", "high", "critical"] as const;
export const ORDERS = ["due", "priority", "severity", "reports"] as const;
export const REASONS = [
  "spam",
  "scam",
  "harassment",
  "hate",
  "sexual",
  "violence",
  "self_harm",
  "illegal_goods",
  "off_platform_payment",
  "impersonation",
  "privacy",
  "other",
] as const;

const NAMES = ["state", "severity", "reason", "order", "mine", "accused"] as const;

/** The filters of the address, without what else is in it. */
export function queueQuery(): Query {
  return Object.fromEntries(
    NAMES.flatMap((name) => {
      const value = query.value[name];
      return value ? [[name, value]] : [];
    }),
  );
}

/** The address of a place to which the filters are taken along. */
export function withQueue(path: Path): string {
  return addressWith(path, queueQuery());
}

/** Read a page of the queue as the filters say. */
export async function readQueue(
  page: { page_size: number; page_token: string },
  me: string,
  signal?: AbortSignal,
): Promise<ListPage<Case>> {
  const state = filterOf("state", STATES);
  const severity = filterOf("severity", SEVERITIES);
  const reason = filterOf("reason", REASONS);
  const order = filterOf("order", ORDERS);
  const { accused } = query.value;
  const answer = await call("GET /cases", {
    query: {
      ...page,
      ...(state && { state }),
      ...(severity && { min_severity: severity }),
      ...(reason && { reason }),
      ...(order && { order }),
      ...(accused && { accused }),
      ...(query.value["mine"] === "1" && { claimed_by: me }),
    },
    ...(signal && { signal }),
  });
  return { items: answer.cases, next: answer.next_page_token };
}

/** The first case of the queue after `id` that nobody else works on; undefined when there is none. */
export async function nextCase(id: string, me: string): Promise<Case | undefined> {
  let token = "";
  do {
    const { items, next } = await readQueue({ page_size: 50, page_token: token }, me);
    const found = items.find((one) => one.id !== id && isFree(one, me));
    if (found) return found;
    token = next;
  } while (token);
  return undefined;
}

function isFree(one: Case, me: string): boolean {
  const by = claimedBy(one, Date.now());
  return one.state !== "decided" && (!by || by === me);
}

/** The cases, with the one of `before` named `focused` in its place if it is among them no more. */
export function withFocused(
  cases: readonly Case[],
  before: readonly Case[],
  focused: string,
): readonly Case[] {
  if (cases.some(({ id }) => id === focused)) return cases;
  const place = before.findIndex(({ id }) => id === focused);
  const one = before[place];
  return one ? cases.toSpliced(place, 0, one) : cases;
}
