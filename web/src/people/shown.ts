/** What people were shown, in the browser's IndexedDB. Each function rejects where the browser denies that. */

const DATABASE = "parley-shown";
const SHOWN = "shown";
/** Things that are kept for one owner; those that were shown longest ago go. */
const MAXIMUM = 100;

interface Kept {
  readonly owner: string;
  readonly name: string;
  readonly at: number;
  readonly value: unknown;
}

/** Name a person of a server: the same name at another one is somebody else. */
export function ownerOf(server: string, user: string): string {
  return JSON.stringify([server, user]);
}

let opening: Promise<IDBDatabase> | undefined;

function opened(): Promise<IDBDatabase> {
  opening ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 2);
    request.onupgradeneeded = () => {
      // Of a build that did not tell servers apart. What was shown can be had again.
      if (request.result.objectStoreNames.contains(SHOWN)) request.result.deleteObjectStore(SHOWN);
      const store = request.result.createObjectStore(SHOWN, { keyPath: ["owner", "name"] });
      store.createIndex("at", ["owner", "at"]);
    };
    request.onsuccess = () => {
      // Another tab with a newer build makes it anew.
      request.result.onversionchange = () => request.result.close();
      resolve(request.result);
    };
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

/** Give what is kept of an owner under a name. */
export async function read(owner: string, name: string): Promise<unknown> {
  const store = (await opened()).transaction(SHOWN).objectStore(SHOWN);
  const kept = (await result(store.get([owner, name]))) as Kept | undefined;
  return kept?.value;
}

/** Keep something of an owner under a name; what was kept longest ago goes beyond the limit. */
export async function write(owner: string, name: string, value: unknown): Promise<void> {
  const store = (await opened()).transaction(SHOWN, "readwrite").objectStore(SHOWN);
  store.put({ owner, name, at: Date.now(), value } satisfies Kept);
  const range = IDBKeyRange.bound([owner], [owner, []]);
  const keys = await result(store.index("at").getAllKeys(range));
  for (const key of keys.slice(0, Math.max(0, keys.length - MAXIMUM))) store.delete(key);
}

/** Forget all that is kept of an owner. */
export async function forget(owner: string): Promise<void> {
  const store = (await opened()).transaction(SHOWN, "readwrite").objectStore(SHOWN);
  await result(store.delete(IDBKeyRange.bound([owner], [owner, []])));
}
