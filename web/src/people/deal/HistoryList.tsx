import type { DealView } from "@parley/client";
import type { JSX } from "preact";
import { Words } from "../../shared/components/Words.tsx";
import { dayAndTime } from "../../shared/format.ts";
import { eventWords } from "../conversation/events.ts";
import { t } from "../messages.ts";
import { useSession } from "../session.ts";
import type { History } from "./history.ts";
import { peerOf } from "./words.ts";

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
