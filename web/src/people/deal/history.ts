/** What happened to a deal, read anew whenever the deal has moved on. */

import type { DealStore, DealView, ServiceEvent } from "@parley/client";
import { useEffect, useState } from "preact/hooks";

/** Events that are read at most; a deal has fewer by a server's default settings. */
const MAXIMUM = 500;

export interface History {
  readonly events: readonly ServiceEvent[];
  readonly isFailed: boolean;
}

/** Give what is known of a deal's history: nothing until it was read. */
export function useHistory(store: DealStore, deal: DealView): History {
  const [history, setHistory] = useState<History>({ events: [], isFailed: false });
  const { version } = deal;
  useEffect(() => {
    const end = new AbortController();
    read(store, end.signal).then(
      (events) => setHistory({ events, isFailed: false }),
      () => {
        // What was read before stays.
        if (!end.signal.aborted) setHistory(({ events }) => ({ events, isFailed: true }));
      },
    );
    return () => end.abort();
  }, [store, version]);
  return history;
}

async function read(store: DealStore, signal: AbortSignal): Promise<ServiceEvent[]> {
  const events: ServiceEvent[] = [];
  for await (const event of store.history({ limit: 100, signal })) {
    events.push(event);
    if (events.length >= MAXIMUM) break;
  }
  return events;
}
