/** Whether the part of the service that knows deals answers. */

import { useEffect, useState } from "preact/hooks";
import { useSnapshot } from "../../shared/stores.ts";
import { useSession } from "../session.ts";

/** For how long an answer may take before it counts as missing, in milliseconds. */
const PATIENCE = 3_000;

/**
 * Tell whether deals are away. While something is waited for too long, a question about deals alone
 * says so: what is waited for may need other parts too. It is asked again until it is answered.
 */
export function useDealsAway(conversation: string | undefined, isWaiting: boolean): boolean {
  const { client } = useSession();
  const { state } = useSnapshot(client.connection);
  const { missing } = useSnapshot(client.conversationList);
  const [isAway, setAway] = useState(false);
  const isSuspicious = isWaiting && state === "live" && conversation !== undefined;
  useEffect(() => {
    if (!isSuspicious) {
      setAway(false);
      return;
    }
    const end = new AbortController();
    const timer = setTimeout(() => {
      const late = setTimeout(() => setAway(true), PATIENCE / 3);
      end.signal.addEventListener("abort", () => clearTimeout(late));
      client
        .deals({ conversation, limit: 1, signal: end.signal })
        .page()
        .catch(() => {
          // Nobody waits for it any more, or deals are not deployed: then there are none.
        })
        .finally(() => {
          clearTimeout(late);
          setAway(false);
        });
    }, PATIENCE);
    return () => {
      clearTimeout(timer);
      end.abort();
    };
  }, [client, conversation, isSuspicious]);
  return isAway || (isSuspicious && missing.includes("negotiation"));
}
