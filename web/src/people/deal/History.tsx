import type { DealStore, DealView, ServiceEvent } from "@parley/client";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Words } from "../../shared/components/Words.tsx";
import { dayAndTime } from "../../shared/format.ts";
import { eventWords } from "../conversation/events.ts";
import { t } from "../messages.ts";
import { useSession } from "../session.ts";
import { peerOf } from "./words.ts";

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

/** All that happened to a deal, its offers among it, the oldest first. */
export function HistoryList({
  deal,
  history,
}: {
  readonly deal: DealView;
  readonly history: History;
}): JSX.Element {
  const { user } = useSession();
  const peer = peerOf(deal, user);
  return (
    <details class="deal-history">
      <summary>{t("deal.history")}</summary>
      {history.isFailed && <p>{t("deal.history_failed")}</p>}
      <ol>
        {history.events.map((event) => (
          <li key={event.number}>
            <time class="muted" dateTime={event.at}>
              {dayAndTime(event.at)}
            </time>
            <p>
              <bdi>{eventWords(event, { user, peer, deal })}</bdi>
            </p>
            {event.reason && (
              <p class="bubble">
                <Words text={event.reason} />
              </p>
            )}
          </li>
        ))}
      </ol>
    </details>
  );
}
