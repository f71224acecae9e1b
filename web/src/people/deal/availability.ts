/** Whether the part of the service that knows deals answers. */

import { useEffect, useRef, useState } from "preact/hooks";
import { useSnapshot } from "../../shared/stores.ts";
import { useSession } from "../session.ts";

/** For how long an answer may take before it counts as missing, in milliseconds. */
const PATIENCE = 3_000;

const NEGOTIATION = "negotiation";

/**
 * Tell whether deals are away. While a step or the deal is waited for too long, a question about deals
 * alone says so: what is waited for may need other parts too. It is asked again until it is answered.
 */
export function useDealsAway(
  conversation: string | undefined,
  isLoading: boolean,
  isWaiting: boolean,
): boolean {
  const { client } = useSession();
  const { state } = useSnapshot(client.connection);
  const { missing } = useSnapshot(client.conversationList);
  const [isSilent, setSilent] = useState(false);
  const isLive = state === "live";
  const isSuspicious = isLive && conversation !== undefined && (isLoading || isWaiting);
  useEffect(() => {
    if (!isSuspicious) {
      setSilent(false);
      return;
    }
    const end = new AbortController();
    const timer = setTimeout(() => {
      const late = setTimeout(() => setSilent(true), PATIENCE / 3);
      end.signal.addEventListener("abort", () => clearTimeout(late));
      client
        .deals({ conversation, limit: 1, signal: end.signal })
        .page()
        .catch(() => {
          // Nobody waits for it any more, or deals are not deployed: then there are none.
        })
        .finally(() => {
          clearTimeout(late);
          setSilent(false);
        });
    }, PATIENCE);
    return () => {
      clearTimeout(timer);
      end.abort();
    };
  }, [client, conversation, isSuspicious]);
  const isAway = isSuspicious && (isSilent || (isLoading && missing.includes(NEGOTIATION)));
  const wasAway = useRef(false);
  useEffect(() => {
    if (isLive && wasAway.current && !isAway && missing.includes(NEGOTIATION)) {
      // The list was read without deals.
      client.conversationList.reload();
    }
    wasAway.current = isAway;
  }, [client, isLive, isAway, missing]);
  return isAway;
}
