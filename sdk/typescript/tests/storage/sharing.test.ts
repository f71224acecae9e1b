/** Clients that share an outbox, as the tabs of a person do: who sends, and what the others are told. */
import { expect, test } from "vitest";
import { type Change, type Client, MemoryStore, type Store } from "../../src/index.ts";
import { newWorlds, type Socket, stored } from "../support/world.ts";

const here = newWorlds();

/** What several clients share; each has a `SharedStore` of its own. */
class Shared extends MemoryStore {
  readonly followers = new Set<SharedStore>();
  leader: SharedStore | undefined;
}

/** A store whose lead is given by the test, and whose changes are heard by the others. */
class SharedStore implements Store {
  readonly #shared: Shared;
  #changed: ((change: Change) => void) | undefined;
  #lead: (() => void) | undefined;
  #lost: (() => void) | undefined;
  /** Whether the others hear what this one does. */
  heard = true;
  /** Whether it stores nothing. */
  full = false;
  /** Whether it hears the others only when it wakes up, one change after the other. */
  asleep = false;
  readonly #missed: Change[] = [];

  constructor(shared: Shared) {
    this.#shared = shared;
    shared.followers.add(this);
  }

  load(namespace: string) {
    return this.#shared.load(namespace);
  }

  async save(namespace: string, change: Change) {
    if (this.full) throw new DOMException("full", "QuotaExceededError");
    const made = await this.#shared.save(namespace, change);
    if (made && this.heard)
      for (const other of this.#shared.followers)
        if (other !== this) other.#hear(structuredClone(change));
    return made;
  }

  #hear(change: Change): void {
    if (this.asleep) this.#missed.push(change);
    else this.#changed?.(change);
  }

  /** Hears what the others did, each in a turn of its own. */
  wake(): void {
    this.asleep = false;
    for (const [turn, change] of this.#missed.splice(0).entries())
      setTimeout(() => this.#changed?.(change), turn);
  }

  lead(_namespace: string, signal: AbortSignal, lost: () => void) {
    this.#lost = lost;
    return new Promise<void>((resolve, reject) => {
      this.#lead = resolve;
      signal.addEventListener("abort", () => reject(signal.reason));
    });
  }

  follow(_namespace: string, changed: (change: Change) => void) {
    this.#changed = changed;
    return () => {
      this.#changed = undefined;
    };
  }

  /** Gives the lead to this one. */
  give(): void {
    this.#lead?.();
  }

  /** Takes the lead away, as from a tab that slept. */
  take(): void {
    this.#lost?.();
  }
}

/** A client in a tab, with its store and its socket. */
interface Tab {
  readonly client: Client;
  readonly store: SharedStore;
  readonly socket: Socket;
}

async function open(shared: Shared): Promise<Tab> {
  const store = new SharedStore(shared);
  const client = await here.now.live({ store });
  return { client, store, socket: here.now.socket };
}

/** Two tabs of which the first leads. */
async function two(): Promise<[Tab, Tab]> {
  const shared = new Shared();
  const [one, other] = [await open(shared), await open(shared)];
  one.store.give();
  await here.now.settle();
  return [one, other];
}

/** A command of which nobody in the test waits for the answer. */
function aside(promise: Promise<unknown>): void {
  promise.catch(() => {});
}

const texts = ({ socket }: Tab) => socket.of(7).map(({ d }) => d["text"]);
const keys = ({ socket }: Tab) => socket.of(7).map(({ d }) => d["idempotency_key"]);
const to = (text: string) => ({ to: "bob", text });

test("the one that leads sends what another was asked to, and the other has the answer", async () => {
  const [one, other] = await two();
  const answer = other.client.command(7, to("Hello"));
  await here.now.settle();
  expect([texts(one), texts(other)]).toEqual([["Hello"], []]);
  one.socket.answer(7, 8, stored(1));
  expect(await answer).toMatchObject({ seq: 1 });
  expect([one.client.outbox.entries(), other.client.outbox.entries()]).toEqual([[], []]);
});

test("a tab that is opened while another writes misses nothing of it", async () => {
  const shared = new Shared();
  const one = await open(shared);
  one.store.give();
  const answered = one.client.command(7, to("a"));
  await here.now.settle();
  const store = new SharedStore(shared);
  // What it reads is of a moment before.
  let tell = () => {};
  const read = new Promise<void>((resolve) => {
    tell = resolve;
  });
  store.load = async (namespace) => {
    const known = await shared.load(namespace);
    await read;
    return known;
  };
  const other = await here.now.connect({ store });
  aside(one.client.command(7, to("b")));
  one.socket.answer(7, 8, stored(1));
  await answered;
  await here.now.settle();
  tell();
  await here.now.settle();
  const payload = expect.objectContaining({ text: "b" });
  expect(other.outbox.entries()).toMatchObject([{ payload, state: "sent" }]);
});

test("a refusal is told as its typed error where it was asked", async () => {
  const [one, other] = await two();
  const answer = other.client.command(7, to("Hello"));
  const refused = expect(answer).rejects.toMatchObject({
    name: "PermissionDenied",
    code: "PERMISSION_DENIED",
  });
  await here.now.settle();
  const refusal = { code: "PERMISSION_DENIED", message: "no", retryable: false };
  one.socket.answer(7, 4, refusal);
  await refused;
  await here.now.settle();
  // It holds words of a person: both list it as failed.
  for (const { client } of [one, other])
    expect(client.outbox.entries()).toMatchObject([{ state: "failed" }]);
});

test("the words of both tabs to one person keep their order, before and after the conversation is known", async () => {
  const [one, other] = await two();
  aside(one.client.command(7, to("a")));
  for (const text of ["b", "c"]) aside(other.client.command(7, to(text)));
  await here.now.settle();
  const told: unknown[] = [];
  for (const seq of [1, 2, 3, 4, 5]) {
    expect(one.socket.of(7)).toHaveLength(seq);
    told.push(texts(one).at(-1));
    one.socket.answer(7, 8, stored(seq));
    // The other tab goes on before it has heard of the conversation.
    if (seq === 1) for (const text of ["d", "e"]) aside(other.client.command(7, to(text)));
    await here.now.settle();
  }
  expect(told).toEqual(["a", "b", "c", "d", "e"]);
  expect(texts(other)).toEqual([]);
});

test("the next one sends with the same keys what the first had no answer to", async () => {
  const [one, other] = await two();
  aside(one.client.command(7, { conversation: "c", text: "of the first" }));
  const answer = other.client.command(7, { conversation: "d", text: "of the other" });
  await here.now.settle();
  expect(texts(one)).toEqual(["of the first", "of the other"]);
  // The tab is killed: it does nothing any more, not even close.
  one.store.heard = false;
  other.store.give();
  await here.now.settle();
  expect(new Set(keys(other))).toEqual(new Set(keys(one)));
  for (const { id } of other.socket.of(7)) other.socket.say(8, stored(1), { re: id });
  expect(await answer).toMatchObject({ status: "stored" });
});

test("whoever waits for what a dead tab carried out asks again with the same key", async () => {
  const [one, other] = await two();
  const answer = other.client.command(7, to("Hello"));
  await here.now.settle();
  // It is carried out, and its tab dies before it tells.
  one.store.heard = false;
  one.socket.answer(7, 8, stored(1));
  await here.now.settle();
  other.store.give();
  await here.now.settle();
  expect(keys(other)).toEqual(keys(one));
  other.socket.answer(7, 8, stored(1, { duplicate: true }));
  expect(await answer).toMatchObject({ seq: 1, duplicate: true });
});

test("what another tab cancels is not sent, and its author is told", async () => {
  const [one, other] = await two();
  one.socket.end();
  await here.now.settle();
  const sent = one.client.command(7, { ...to("Hello") }, { key: "k" });
  const cancelled = expect(sent).rejects.toHaveProperty("name", "Cancelled");
  await here.now.settle();
  expect(await other.client.outbox.cancel("k")).toBe(true);
  await cancelled;
  await here.now.pass(60_000);
  here.now.socket.greet();
  await here.now.settle();
  expect(here.now.socket.of(7)).toEqual([]);
});

test("what was sent is not cancelled by another tab", async () => {
  const [one, other] = await two();
  aside(one.client.command(7, to("Hello"), { key: "k" }));
  await here.now.settle();
  expect(await other.client.outbox.cancel("k")).toBe(false);
  expect(await one.client.outbox.cancel("k")).toBe(false);
  expect(other.client.outbox.entries()).toHaveLength(1);
});

test("one that slept takes what another has done meanwhile for done, and not for cancelled", async () => {
  const [one, other] = await two();
  const told: unknown[] = [];
  one.client.on((event) => {
    if (event.type === "outbox") told.push([event.key, event.state]);
  });
  // It still believes that it leads.
  other.store.give();
  one.store.asleep = true;
  const answer = other.client.command(7, to("Hello"), { key: "k" });
  await here.now.settle();
  other.socket.answer(7, 8, stored(1));
  await answer;
  await here.now.settle();
  one.store.wake();
  await here.now.pass(100);
  expect(told.at(-1)).toEqual(["k", "done"]);
  expect(told).not.toContainEqual(["k", "cancelled"]);
});

test("a cancelled command does not come back when the conversation becomes known", async () => {
  const [one, other] = await two();
  aside(one.client.command(7, to("a")));
  const taken = one.client.command(7, to("b"), { key: "b" });
  const cancelled = expect(taken).rejects.toHaveProperty("name", "Cancelled");
  await here.now.settle();
  // The one that sends has not heard of it when it moves what waits into another lane.
  one.store.asleep = true;
  expect(await other.client.outbox.cancel("b")).toBe(true);
  one.socket.answer(7, 8, stored(1));
  await here.now.settle();
  one.store.wake();
  await here.now.pass(100);
  await cancelled;
  expect(texts(one)).toEqual(["a"]);
  expect(one.client.outbox.entries()).toEqual([]);
});

test("one that slept and lost the lead sends nothing more, and goes on when it has it again", async () => {
  const [one, other] = await two();
  one.store.take();
  other.store.give();
  await here.now.settle();
  const answer = one.client.command(7, to("Hello"));
  await here.now.settle();
  expect([texts(one), texts(other)]).toEqual([[], ["Hello"]]);
  other.socket.answer(7, 8, stored(1));
  expect(await answer).toMatchObject({ seq: 1 });
  other.store.take();
  one.store.give();
  await here.now.settle();
  aside(other.client.command(7, to("again")));
  await here.now.settle();
  expect([texts(one), texts(other)]).toEqual([["again"], ["Hello"]]);
});

test("what a tab cannot hand over, for its storage is full, it sends by itself", async () => {
  const [one, other] = await two();
  aside(other.client.command(7, to("a")));
  await here.now.settle();
  other.store.full = true;
  const answer = other.client.command(7, to("b"));
  await here.now.settle();
  // It keeps its place behind what the one that leads is sending.
  expect([texts(one), texts(other)]).toEqual([["a"], []]);
  one.socket.answer(7, 8, stored(1));
  await here.now.settle();
  expect([texts(one), texts(other)]).toEqual([["a"], ["b"]]);
  expect(other.client.outbox.entries()).toMatchObject([{ durable: false }]);
  other.socket.answer(7, 8, stored(2));
  expect(await answer).toMatchObject({ seq: 2 });
  expect(other.client.outbox.entries()).toEqual([]);
});
