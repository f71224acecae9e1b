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
  vi.useRealTimers();
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

/** What the tabs say to one another about being awake, one at a time. */
function listenIn() {
  const channel = new BroadcastChannel(LOCK);
  const said: string[] = [];
  const waiting: (() => void)[] = [];
  channel.onmessage = ({ data }) => {
    said.push(data);
    waiting.shift()?.();
  };
  ending.push(() => channel.close());
  const next = async () => {
    if (said.length === 0) await new Promise<void>((resolve) => waiting.push(resolve));
    return said.shift();
  };
  return { channel, next };
}

test("a leader that is awake keeps the lead, however long it takes", async () => {
  const [one, two] = [tab(), tab(1000)];
  await one.lead();
  const waiting = two.lead();
  const { channel, next } = listenIn();
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  // What this test tells last is heard last, so that the tab that waits has heard the answer before.
  const heardAll = async () => {
    const told = two.hear();
    channel.postMessage({ told: {} });
    await told;
  };
  await two.store.save(HERE, { put: [ENTRY] });
  await next(); // The change itself.
  for (let time = 0; time < 10; time += 1) {
    expect([await next(), await next()]).toEqual(["awake?", "awake"]);
    await heardAll();
    vi.advanceTimersByTime(1000);
  }
  two.close();
  await expect(waiting).rejects.toHaveProperty("name", "AbortError");
});

test("a tab that slept itself hears the answer before it judges the leader", async () => {
  const [one, two] = [tab(), tab(1000)];
  await one.lead();
  const waiting = two.lead();
  const { next } = listenIn();
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  await two.store.save(HERE, { put: [ENTRY] });
  // Its timer is due before what was said in the meantime is heard.
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(1000);
  await next();
  expect([await next(), await next(), await next(), await next()].sort()).toEqual([
    "awake",
    "awake",
    "awake?",
    "awake?",
  ]);
  two.close();
  await expect(waiting).rejects.toHaveProperty("name", "AbortError");
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
