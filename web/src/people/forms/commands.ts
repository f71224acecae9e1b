/** Commands of forms: how far one has come, so that its words are never lost and never there twice. */

import { useEffect, useRef, useState } from "preact/hooks";
import { useSnapshot } from "../../shared/stores.ts";
import { useSession } from "../session.ts";
import { dismissRefusal } from "./refused.ts";

/**
 * `sending`: it is on its way; `kept`: it is in the outbox and outlasts the page; `done`; `refused`: with
 * the reason, and the words are where they were typed.
 */
export type Progress = "editing" | "sending" | "kept" | "done" | "refused";

export interface Command<Answer> {
  readonly progress: Progress;
  /** Its key, once the outbox has it or it is done: the form needs its words no more. */
  readonly taken: string | undefined;
  /** Whether it is on its way, or in the outbox. */
  readonly isWaiting: boolean;
  /** Whether nobody has answered for longer than that takes. */
  readonly isLate: boolean;
  readonly error: unknown;
  readonly answer: Answer | undefined;
  /** Send it, with the key that names it in the outbox. Nothing happens while one is on its way. */
  readonly send: (make: (key: string) => Promise<Answer>) => void;
  /** Begin anew. */
  readonly reset: () => void;
}

interface Made<Answer> {
  readonly key: string;
  readonly end?: "done" | "refused";
  readonly answer?: Answer;
  readonly error?: unknown;
}

/** For how long an answer may be awaited before it is said that none comes. */
const LATE_MS = 4_000;

/**
 * Follow the command of a form. What is refused while the form is there goes from the outbox, for the form has
 * the words; with `rows` it stays there, for a row shows it.
 */
export function useCommand<Answer>({ rows = false }: { rows?: boolean } = {}): Command<Answer> {
  const { client } = useSession();
  const pending = useSnapshot(client.pending);
  const [made, setMade] = useState<Made<Answer>>();
  const present = useRef<string | undefined>(undefined);
  useEffect(
    () => () => {
      present.current = undefined;
    },
    [],
  );
  const isWaiting = made !== undefined && !made.end;
  const isLate = useLate(isWaiting);
  const isKept = isWaiting && pending.some(({ key }) => key === made.key);
  const progress = made?.end ?? (isKept ? "kept" : isWaiting ? "sending" : "editing");
  const settle = (key: string, end: Omit<Made<Answer>, "key">) => {
    if (present.current === key) setMade({ key, ...end });
  };
  return {
    progress,
    taken: progress === "kept" || progress === "done" ? made?.key : undefined,
    isWaiting,
    isLate,
    error: made?.error,
    answer: made?.answer,
    send: (make) => {
      // A row shows what is kept: the form is free for more.
      if (isWaiting && !(rows && isKept)) return;
      const key = newKey();
      present.current = key;
      setMade({ key });
      make(key).then(
        (answer) => settle(key, { end: "done", answer }),
        (error: unknown) => {
          // This person has taken it back, beside the form.
          if (error instanceof Error && error.name === "Cancelled") {
            if (present.current === key) setMade(undefined);
            return;
          }
          // Nobody sees the form any more: the outbox keeps the words.
          if (present.current !== key) return;
          if (rows && client.outbox.entries().some((one) => one.key === key)) {
            // Its row says why.
            setMade(undefined);
            return;
          }
          client.outbox.discard(key);
          dismissRefusal(client, key);
          settle(key, { end: "refused", error });
        },
      );
    },
    reset: () => {
      present.current = undefined;
      setMade(undefined);
    },
  };
}

/** Tell whether something has been waited for longer than it takes. */
export function useLate(isWaiting: boolean): boolean {
  const [isLate, setLate] = useState(false);
  useEffect(() => {
    if (!isWaiting) return;
    const timer = setTimeout(() => setLate(true), LATE_MS);
    return () => {
      clearTimeout(timer);
      setLate(false);
    };
  }, [isWaiting]);
  return isWaiting && isLate;
}

function newKey(): string {
  return crypto.getRandomValues(new Uint32Array(4)).join("-");
}
