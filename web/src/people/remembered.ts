/** What was shown last, for reading without a network: lists and conversations, in this browser. */

import { useEffect, useState } from "preact/hooks";
import { useSession } from "./session.ts";
import { read, write } from "./shown.ts";

/**
 * Keep `present` under a name whenever it is known, and give what was kept before. It is kept anew when
 * `version` changes.
 *
 * The browser may deny or lose all of it: then there is nothing to show before the server answers.
 */
export function useRemembered<Value>(
  name: string | undefined,
  present: Value | undefined,
  version: unknown = present,
): Value | undefined {
  const { user } = useSession();
  const [kept, setKept] = useState<Value>();
  useEffect(() => {
    if (name === undefined) return;
    let isWanted = true;
    read(user, name)
      .then((value) => isWanted && setKept(value as Value | undefined))
      .catch(() => {});
    return () => {
      isWanted = false;
    };
  }, [user, name]);
  const isKnown = present !== undefined;
  // `version` stands for `present`.
  useEffect(() => {
    if (name !== undefined && present !== undefined) write(user, name, present).catch(() => {});
  }, [user, name, isKnown, version]);
  return kept;
}
