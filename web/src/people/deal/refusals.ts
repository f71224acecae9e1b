/** Steps that were refused while nobody looked, and that the outbox does not keep, for they hold no words. */

import type { Client, OutboxEntry } from "@parley/client";
import { type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { stepOf } from "./steps.ts";

/** How many are kept; the oldest go. */
const MAXIMUM = 100;

const kept = new WeakMap<Client, Signal<readonly OutboxEntry[]>>();

/** Give the steps of a client that were refused. They are noted from the first call on. */
export function refusals(client: Client): ReadonlySignal<readonly OutboxEntry[]> {
  let refused = kept.get(client);
  if (!refused) {
    const noted = signal<readonly OutboxEntry[]>([]);
    refused = noted;
    kept.set(client, noted);
    client.on((event) => {
      if (event.type !== "outbox" || event.state !== "failed" || !stepOf(event.entry)) return;
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
