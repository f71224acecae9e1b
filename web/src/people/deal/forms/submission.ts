/** Sending of what a form holds: the form stays until it is known that nothing of it is lost. */

import { useEffect, useRef, useState } from "preact/hooks";
import { useSnapshot } from "../../../shared/stores.ts";
import { useSession } from "../../session.ts";
import { dismissRefusal } from "../refusals.ts";

export interface Submission {
  readonly isUnderWay: boolean;
  /** The outbox has it: the form may be closed, and it is sent all the same. */
  readonly isKept: boolean;
  /** Why it was refused. */
  readonly error: unknown;
  readonly submit: (send: (options: { readonly key: string }) => Promise<unknown>) => void;
  readonly clear: () => void;
}

/**
 * Send, and call `onDone` when it was done, or when it waits in the outbox for a connection, which then
 * shows it. What is refused meanwhile leaves the outbox again, for the form has it.
 */
export function useSubmission(onDone: () => void): Submission {
  const { client } = useSession();
  const { state } = useSnapshot(client.connection);
  const entries = useSnapshot(client.pending);
  const [key, setKey] = useState<string>();
  const [error, setError] = useState<unknown>();
  const isShown = useRef(true);
  useEffect(
    () => () => {
      isShown.current = false;
    },
    [],
  );
  const isKept = entries.some((entry) => entry.key === key && entry.state !== "failed");
  const waits = isKept && state !== "live";
  useEffect(() => {
    if (waits) onDone();
  }, [waits]);
  return {
    isUnderWay: key !== undefined,
    isKept,
    error,
    submit(send) {
      const next = newKey();
      setKey(next);
      setError(undefined);
      send({ key: next }).then(
        () => {
          if (isShown.current) onDone();
        },
        (cause: unknown) => {
          if (!isShown.current) return;
          client.outbox.discard(next);
          dismissRefusal(client, next);
          setKey(undefined);
          setError(cause);
        },
      );
    },
    clear: () => setError(undefined),
  };
}

function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
