import { IDBFactory, IDBKeyRange } from "fake-indexeddb";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { IndexedDbStore } from "../../src/storage/indexeddb.ts";
import type { Change, Entry } from "../../src/storage/store.ts";

const HERE = "ws://127.0.0.1/ws";
const LOCK = `parley parley ${HERE}`;
const never = () => {
  throw new Error("the lead was lost");
};

const ENTRY: Entry = {
  key: "one",
  op: 7,
  payload: { text: "Hello" },
  lane: "bob",
  createdAt: 1,
  state: "queued",
  attempts: 0,
};

let ending: (() => void)[] = [];

/** A tab: its store, what it heard, and the end of it. */
function tab(patience = 60_000) {
  const store = new IndexedDbStore({ patience });
  const closed = new AbortController();
  const heard: Change[] = [];
  const waiting: ((change: Change) => void)[] = [];
  const unfollow = store.follow(HERE, (change) => {
    heard.push(change);
    waiting.shift()?.(change);
  });
  const close = () => {
    closed.abort();
    unfollow();
  };
  ending.push(close);
  const hear = () => new Promise<Change>((resolve) => waiting.push(resolve));
  const lead = (lost: () => void = never) => store.lead(HERE, closed.signal, lost);
  return { store, heard, hear, lead, close };
}

/** A tab that holds the lead and sleeps; gives the promise of its waking up without the lead. */
function sleeper(): Promise<unknown> {
  const holding = navigator.locks.request(LOCK, () => new Promise(() => {}));
  return holding.catch((error) => error);
}

beforeEach(() => {
  vi.stubGlobal("indexedDB", new IDBFactory());
  vi.stubGlobal("IDBKeyRange", IDBKeyRange);
});

afterEach(() => {
  for (const end of ending) end();
  ending = [];
  vi.unstubAllGlobals();
});

test("one tab leads, and when it is closed the next does", async () => {
  const [one, two, three] = [tab(), tab(), tab()];
  await one.lead();
  const order: string[] = [];
  const others = [
    two.lead().then(() => order.push("two")),
    three.lead().then(() => order.push("three")),
  ];
  expect((await navigator.locks.query()).pending).toHaveLength(2);
  expect(order).toEqual([]);
  one.close();
  await others[0];
  expect(order).toEqual(["two"]);
  two.close();
  await others[1];
});

test("a tab that is closed while it waits leads no more", async () => {
  const [one, two] = [tab(), tab()];
  await one.lead();
  const waiting = two.lead();
  two.close();
  await expect(waiting).rejects.toHaveProperty("name", "AbortError");
  await expect(two.lead()).rejects.toHaveProperty("name", "AbortError");
});

test("tabs hear of one another's changes, and not of their own", async () => {
  const [one, two] = [tab(), tab()];
  const put: Change = { put: [ENTRY] };
  const told = two.hear();
  await one.store.save(HERE, put);
  expect(await told).toEqual(put);
  const removed: Change = { remove: [{ key: "one", answer: { seq: 1 } }] };
  const back = one.hear();
  await two.store.save(HERE, removed);
  expect(await back).toEqual(removed);
  expect(one.heard).toEqual([removed]);
});

test("a change that was not made is not told", async () => {
  const [one, two] = [tab(), tab()];
  expect(await one.store.save(HERE, { cursor: "1", onlyIfQueued: "none" })).toBe(false);
  const told = two.hear();
  await one.store.save(HERE, { cursor: "2" });
  expect(await told).toEqual({ cursor: "2" });
});

test("a tab that waits for a sleeping leader takes the lead", async () => {
  const waking = sleeper();
  const two = tab(20);
  const leading = two.lead();
  await two.store.save(HERE, { put: [ENTRY] });
  await leading;
  expect(await waking).toHaveProperty("name", "AbortError");
});

test("the one whose lead was taken is told so when it wakes up, and can ask for it again", async () => {
  const one = tab();
  const lost = new Promise<void>((resolve) => {
    one.lead(resolve);
  });
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  navigator.locks.request(LOCK, { steal: true }, () => held);
  await lost;
  const again = one.lead();
  release();
  await again;
});

test("a leader that is awake keeps the lead, however long it takes", async () => {
  const [one, two] = [tab(), tab(5)];
  await one.lead();
  const leading = two.lead().then(() => "leads");
  // Each question of the tab that waits is answered, ten times in a row.
  const channel = new BroadcastChannel(LOCK);
  const answered = new Promise<string>((resolve) => {
    let count = 0;
    channel.onmessage = ({ data }) => {
      if (data === "awake" && ++count === 10) resolve("awake");
    };
  });
  await two.store.save(HERE, { put: [ENTRY] });
  expect(await Promise.race([answered, leading])).toBe("awake");
  channel.close();
});

test("nobody asks for a leader that is not needed", async () => {
  const waking = sleeper();
  const two = tab(5);
  const leading = two.lead().then(() => "leads");
  await two.store.save(HERE, { put: [{ ...ENTRY, state: "failed" }] });
  await two.store.save(HERE, { cursor: "1" });
  const later = new Promise((resolve) => setTimeout(resolve, 50, "waits"));
  expect(await Promise.race([leading, waking, later])).toBe("waits");
});

test("without Web Locks each tab leads, and hears nothing", async () => {
  vi.stubGlobal("navigator", {});
  const [one, two] = [tab(), tab()];
  await one.lead();
  await two.lead();
  await one.store.save(HERE, { put: [ENTRY] });
  expect((await two.store.load(HERE)).entries).toEqual([ENTRY]);
  expect(two.heard).toEqual([]);
});
