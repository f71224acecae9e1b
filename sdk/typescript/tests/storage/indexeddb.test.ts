import { forceCloseDatabase, IDBFactory, IDBKeyRange } from "fake-indexeddb";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { StorageError } from "../../src/errors.ts";
import { Database } from "../../src/storage/database.ts";
import { IndexedDbStore } from "../../src/storage/indexeddb.ts";
import type { Entry } from "../../src/storage/store.ts";

const HERE = "ws://127.0.0.1/ws";

function entry(key: string, more: Partial<Entry> = {}): Entry {
  return {
    key,
    op: 7,
    payload: { to: "bob", text: key, idempotency_key: key },
    lane: "bob",
    createdAt: 1,
    state: "queued",
    attempts: 0,
    ...more,
  };
}

beforeEach(() => {
  vi.stubGlobal("indexedDB", new IDBFactory());
  vi.stubGlobal("IDBKeyRange", IDBKeyRange);
});

afterEach(() => {
  vi.unstubAllGlobals();
});

test("a new page finds what was stored, the oldest first", async () => {
  const store = new IndexedDbStore();
  await store.save(HERE, { put: [entry("b", { createdAt: 2 }), entry("c", { createdAt: 3 })] });
  await store.save(HERE, { put: [entry("z", { createdAt: 1 })], user: "ann", cursor: "10" });
  await store.save(HERE, { cursor: "11", remove: [{ key: "c" }] });
  const found = await new IndexedDbStore().load(HERE);
  expect(found).toEqual({
    user: "ann",
    cursor: "11",
    entries: [entry("z", { createdAt: 1 }), entry("b", { createdAt: 2 })],
  });
});

test("nothing is stored at first", async () => {
  expect(await new IndexedDbStore().load(HERE)).toEqual({ entries: [] });
});

test("namespaces and databases are apart, also those whose names begin alike", async () => {
  const store = new IndexedDbStore();
  await store.save("ws://a", { put: [entry("one")], cursor: "1" });
  expect(await store.load("ws://a/")).toEqual({ entries: [] });
  expect(await store.load("ws://")).toEqual({ entries: [] });
  expect(await new IndexedDbStore({ name: "other" }).load("ws://a")).toEqual({ entries: [] });
  await store.save("ws://b", { remove: [{ key: "one" }] });
  expect((await store.load("ws://a")).entries).toEqual([entry("one")]);
});

test("a change that depends on a queued entry is made once, whoever comes first", async () => {
  const [sender, canceller] = [new IndexedDbStore(), new IndexedDbStore()];
  await sender.save(HERE, { put: [entry("one"), entry("two")] });
  await canceller.load(HERE);
  const claim = (key: string) =>
    sender.save(HERE, { put: [entry(key, { state: "sent" })], onlyIfQueued: key });
  const cancel = (key: string) => canceller.save(HERE, { remove: [{ key }], onlyIfQueued: key });
  expect(await Promise.all([claim("one"), cancel("one")])).toEqual([true, false]);
  expect(await Promise.all([cancel("two"), claim("two")])).toEqual([true, false]);
  expect(await claim("never stored")).toBe(false);
  expect((await sender.load(HERE)).entries).toEqual([entry("one", { state: "sent" })]);
});

test("a change is made as a whole or not at all", async () => {
  const store = new IndexedDbStore();
  const unfit = entry("two", { payload: { text: () => "a function cannot be stored" } });
  await expect(
    store.save(HERE, { cursor: "1", put: [entry("one"), unfit] }),
  ).rejects.toBeInstanceOf(StorageError);
  expect(await store.load(HERE)).toEqual({ entries: [] });
});

test("a full storage is said to be full, and what was stored before stays", async () => {
  const store = new IndexedDbStore();
  await store.save(HERE, { put: [entry("one")] });
  const { IDBObjectStore } = await import("fake-indexeddb");
  const put = vi.spyOn(IDBObjectStore.prototype, "put").mockImplementation(() => {
    throw new DOMException("", "QuotaExceededError");
  });
  await expect(store.save(HERE, { put: [entry("two")] })).rejects.toThrow("the storage is full");
  put.mockRestore();
  expect((await store.load(HERE)).entries).toEqual([entry("one")]);
  await store.save(HERE, { put: [entry("two")] });
});

test("storage that is absent or denied is a typed error", async () => {
  vi.stubGlobal("indexedDB", undefined);
  await expect(new IndexedDbStore().load(HERE)).rejects.toBeInstanceOf(StorageError);
  const denied = () => {
    throw new DOMException("", "SecurityError");
  };
  vi.stubGlobal("indexedDB", { open: denied });
  await expect(new IndexedDbStore().load(HERE)).rejects.toThrow("allows no storage");
});

test("storage that was denied is used once it is allowed", async () => {
  const allowed = indexedDB;
  vi.stubGlobal("indexedDB", undefined);
  const store = new IndexedDbStore();
  await expect(store.save(HERE, { cursor: "1" })).rejects.toBeInstanceOf(StorageError);
  vi.stubGlobal("indexedDB", allowed);
  expect(await store.save(HERE, { cursor: "2" })).toBe(true);
});

test("a database that the browser has closed is opened again", async () => {
  const opened: IDBDatabase[] = [];
  const open = indexedDB.open.bind(indexedDB);
  vi.spyOn(indexedDB, "open").mockImplementation((...named) => {
    const request = open(...named);
    request.addEventListener("success", () => opened.push(request.result));
    return request;
  });
  const store = new IndexedDbStore();
  await store.save(HERE, { cursor: "1" });
  // biome-ignore lint/suspicious/noExplicitAny: its types are its own.
  forceCloseDatabase(opened[0] as any);
  await store.save(HERE, { cursor: "2" });
  expect(opened).toHaveLength(2);
  expect(await store.load(HERE)).toEqual({ cursor: "2", entries: [] });
});

test("a tab with a newer version of the page is not held up, and the older one says what is wrong", async () => {
  const store = new IndexedDbStore();
  await store.save(HERE, { cursor: "1" });
  const request = indexedDB.open("parley", 99);
  await new Promise((resolve, reject) => {
    request.onsuccess = resolve;
    request.onerror = reject;
    request.onblocked = reject;
  });
  await expect(store.load(HERE)).rejects.toThrow("a newer version of this page");
});

test("an update of the database waits for an older tab that holds it, and goes on when that is gone", async () => {
  const older = await new Promise<IDBDatabase>((resolve) => {
    const request = indexedDB.open("held", 1);
    request.onsuccess = () => resolve(request.result);
  });
  const asked = new Promise<void>((resolve) => {
    older.onversionchange = () => resolve();
  });
  const upgrade = (made: IDBDatabase) => void made.createObjectStore("things");
  const database = new Database("held", { version: 2, upgrade });
  let done = false;
  const writing = database
    .run("readwrite", (transaction) => {
      transaction.objectStore("things").put("value", "key");
      return () => "written";
    })
    .finally(() => {
      done = true;
    });
  await asked;
  expect(done).toBe(false);
  older.close();
  expect(await writing).toBe("written");
});
