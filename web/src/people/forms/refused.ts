/** Steps, and what else people do without words, that were refused while nobody looked, and that the outbox does not keep, for they hold no words. */

import type {
  Client,
  LITIGE_STATEMENT,
  OutboxEntry,
  REPORT_CONVERSATIONS,
  REPORT_MSG,
  REPORT_STATEMENT,
} from "@parley/client";
import { type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { stepOf } from "../deal/steps.ts";

/** Opcodes of other commands that may hold no words: an acceptance in a dispute, a report without a comment. */
const OTHERS: ReadonlySet<number> = new Set<
  | typeof LITIGE_STATEMENT
  | typeof REPORT_CONVERSATIONS
  | typeof REPORT_MSG
  | typeof REPORT_STATEMENT
>([252, 254, 255, 239]);

/** How many are kept; the oldest go. */
const MAXIMUM = 100;

const kept = new WeakMap<Client, Signal<readonly OutboxEntry[]>>();

/** Give the commands of a client that were refused. They are noted from the first call on. */
export function refusals(client: Client): ReadonlySignal<readonly OutboxEntry[]> {
  let refused = kept.get(client);
  if (!refused) {
    const noted = signal<readonly OutboxEntry[]>([]);
    refused = noted;
    kept.set(client, noted);
    client.on((event) => {
      if (event.type !== "outbox" || event.state !== "failed") return;
      if (!stepOf(event.entry) && !OTHERS.has(event.entry.op)) return;
      // Another tab that has sent it tells that it failed, and only then that it is gone.
      queueMicrotask(() => {
        if (client.outbox.entries().some(({ key }) => key === event.key)) return;
        noted.value = [...noted.value, { ...event.entry, durable: false }].slice(-MAXIMUM);
      });
    });
  }
  return refused;
}

/** Forget one: it was seen. */
export function dismissRefusal(client: Client, key: string): void {
  const refused = kept.get(client);
  if (refused?.value.some((one) => one.key === key))
    refused.value = refused.value.filter((one) => one.key !== key);
}
