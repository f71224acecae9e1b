/** What was shown last, for reading without a network: lists and conversations, in this browser. */

import { useEffect, useState } from "preact/hooks";
import { useSession } from "./session.ts";
import { ownerOf, read, write } from "./shown.ts";

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
  const { user, server } = useSession();
  const owner = ownerOf(server, user);
  const [kept, setKept] = useState<Value>();
  useEffect(() => {
    if (name === undefined) return;
    let isWanted = true;
    read(owner, name)
      .then((value) => isWanted && setKept(value as Value | undefined))
      .catch(() => {});
    return () => {
      isWanted = false;
    };
  }, [owner, name]);
  const isKnown = present !== undefined;
  // `version` stands for `present`.
  useEffect(() => {
    if (name !== undefined && present !== undefined) write(owner, name, present).catch(() => {});
  }, [owner, name, isKnown, version]);
  return kept;
}
