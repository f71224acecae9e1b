/** What was shown last, for reading without a network: lists and conversations, in this browser. */

import { useEffect, useState } from "preact/hooks";
import { useSession } from "./session.ts";

const DATABASE = "parley-shown";
const SHOWN = "shown";
/** Things that are kept for one person; those that were shown longest ago go. */
const MAXIMUM = 100;

interface Kept {
  readonly user: string;
  readonly name: string;
  readonly at: number;
  readonly value: unknown;
}

let opening: Promise<IDBDatabase> | undefined;

function opened(): Promise<IDBDatabase> {
  opening ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => {
      const store = request.result.createObjectStore(SHOWN, { keyPath: ["user", "name"] });
      store.createIndex("at", ["user", "at"]);
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opening;
}

function result<Value>(request: IDBRequest<Value>): Promise<Value> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function read(user: string, name: string): Promise<unknown> {
  const store = (await opened()).transaction(SHOWN).objectStore(SHOWN);
  const kept = (await result(store.get([user, name]))) as Kept | undefined;
  return kept?.value;
}

async function write(user: string, name: string, value: unknown): Promise<void> {
  const store = (await opened()).transaction(SHOWN, "readwrite").objectStore(SHOWN);
  store.put({ user, name, at: Date.now(), value } satisfies Kept);
  const range = IDBKeyRange.bound([user], [user, []]);
  const keys = await result(store.index("at").getAllKeys(range));
  for (const key of keys.slice(0, Math.max(0, keys.length - MAXIMUM))) store.delete(key);
}

/** Forget all that is kept of a person. */
export async function forget(user: string): Promise<void> {
  const store = (await opened()).transaction(SHOWN, "readwrite").objectStore(SHOWN);
  await result(store.delete(IDBKeyRange.bound([user], [user, []])));
}

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
