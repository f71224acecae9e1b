/** What people were shown, in the browser's IndexedDB. Each function rejects where the browser denies that. */

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

/** Give what is kept of a person under a name. */
export async function read(user: string, name: string): Promise<unknown> {
  const store = (await opened()).transaction(SHOWN).objectStore(SHOWN);
  const kept = (await result(store.get([user, name]))) as Kept | undefined;
  return kept?.value;
}

/** Keep something of a person under a name; what was kept longest ago goes beyond the limit. */
export async function write(user: string, name: string, value: unknown): Promise<void> {
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
