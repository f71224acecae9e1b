/** Reports, sanctions, appeals and blocks as the server has told of them: the newest of each. */

import type {
  Appeal,
  BlockedUser,
  Client,
  Event,
  Kind,
  ReportStatus,
  Sanction,
} from "@parley/client";
import { useEffect, useReducer } from "preact/hooks";
import { useSession } from "../session.ts";

const EVENTS: ReadonlySet<Event["type"]> = new Set([
  "appeal",
  "block",
  "report",
  "reset",
  "sanction",
  "state",
]);

/** Render anew whenever one of them has changed; gives the client that knows them. */
export function useTold(): Client {
  const { client } = useSession();
  const [, renderAnew] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    renderAnew(undefined);
    return client.on(({ type }) => {
      if (EVENTS.has(type)) renderAnew(undefined);
    });
  }, [client]);
  return client;
}

function all<Value>(client: Client, kind: Kind): Value[] {
  return client.objects.all(kind).map(({ content }) => content as Value);
}

/** Give the sanctions of this user that were told of, also those that were lifted since. */
export function sanctionsOf(client: Client): Sanction[] {
  return all(client, "sanction");
}

/** Give the reports of this user, the newest first: of `listed` and of those that were told of since. */
export function reportsOf(client: Client, listed: readonly ReportStatus[]): ReportStatus[] {
  const reports = new Map(listed.map((one) => [one.report, one]));
  for (const one of all<ReportStatus>(client, "report")) reports.set(one.report, one);
  return [...reports.values()].sort((one, other) =>
    (one.created_at ?? "") < (other.created_at ?? "") ? 1 : -1,
  );
}

/** Give the appeal of this user against a decision. */
export function appealAgainst(client: Client, decision: string | undefined): Appeal | undefined {
  return all<Appeal>(client, "appeal").find((one) => one.decision === decision);
}

/** Give the appeals of this user, the newest first: of `listed` and of those that were told of since. */
export function appealsOf(client: Client, listed: readonly Appeal[]): Appeal[] {
  const appeals = new Map(listed.map((one) => [one.appeal, one]));
  for (const one of all<Appeal>(client, "appeal")) appeals.set(one.appeal, one);
  return [...appeals.values()].sort((one, other) => (one.created_at < other.created_at ? 1 : -1));
}

/** Give the people whom this user blocks: of `listed` and of those that were told of since. */
export function blockedOf(client: Client, listed: readonly BlockedUser[]): string[] {
  const blocks = new Map(listed.map((one) => [one.user, one.blocked]));
  for (const { user, blocked } of all<BlockedUser>(client, "block")) blocks.set(user, blocked);
  return [...blocks].filter(([, blocked]) => blocked).map(([user]) => user);
}
