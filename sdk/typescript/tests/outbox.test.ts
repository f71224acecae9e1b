/** The outbox: each command stored before it is sent, sent until it is answered, and never twice with another key. */
import { describe, expect, test, vi } from "vitest";
import {
  type Change,
  type Entry,
  MemoryStore,
  StorageError,
  type Store,
  type Stored,
} from "../src/index.ts";
import { newWorlds, type Socket, stored } from "./support/world.ts";

const here = newWorlds();

const NAMESPACE = '["ws://server/ws",""]';
const MESSAGE = { conversation: "c", text: "Hello" };

/** A command of which nobody in the test waits for the answer. */
function aside(promise: Promise<unknown>): void {
  promise.catch(() => {});
}

const texts = (socket: Socket) => socket.of(7).map(({ d }) => d["text"]);
const keys = (socket: Socket) => socket.of(7).map(({ d }) => d["idempotency_key"]);
const refusal = (code: string, more: object = {}) => ({
  code,
  message: code,
  retryable: false,
  ...more,
});

/** A store that does what a test says, and writes down what it was asked. */
class ScriptedStore extends MemoryStore {
  readonly changes: Change[] = [];
  fail = false;
  hold: Promise<void> | undefined;

  override async load(namespace: string): Promise<Stored> {
    if (this.fail) throw new Error("denied");
    return super.load(namespace);
  }

  override async save(namespace: string, change: Change): Promise<boolean> {
    await this.hold;
    if (this.fail) throw new DOMException("full", "QuotaExceededError");
    this.changes.push(change);
    return super.save(namespace, change);
  }

  get entries(): Promise<readonly Entry[]> {
    return super.load(NAMESPACE).then(({ entries }) => entries);
  }
}

describe("a command", () => {
  test("is answered once it is stored at the server", async () => {
    const client = await here.now.live();
    const answer = client.command(7, MESSAGE);
    await here.now.settle();
    here.now.socket.answer(7, 8, stored(1));
    expect(await answer).toMatchObject({ seq: 1 });
    expect(client.outbox.entries()).toEqual([]);
    expect(here.now.of("outbox").map(({ state }) => state)).toEqual(["sent", "done"]);
  });

  test("is stored before it is sent", async () => {
    const store = new ScriptedStore();
    let go: () => void = () => {};
    const client = await here.now.live({ store });
    store.hold = new Promise((resolve) => {
      go = resolve;
    });
    aside(client.command(7, MESSAGE));
    await here.now.settle();
    expect(texts(here.now.socket)).toEqual([]);
    go();
    await here.now.settle();
    expect(texts(here.now.socket)).toEqual(["Hello"]);
    expect((await store.entries).map(({ state }) => state)).toEqual(["sent"]);
  });

  test("written offline is sent when there is a connection, also by the next page", async () => {
    const store = new MemoryStore();
    const first = here.now.client({ store });
    aside(first.command(7, MESSAGE, { key: "k1" }));
    await here.now.settle();
    await first.close();
    const second = await here.now.connect({ store });
    expect(second.outbox.entries()).toMatchObject([{ key: "k1", state: "queued", durable: true }]);
    here.now.socket.greet();
    await here.now.settle();
    expect(keys(here.now.socket)).toEqual(["k1"]);
  });

  test("whose answer is lost with the socket is sent again with the same key", async () => {
    const client = await here.now.live();
    const answer = client.command(7, MESSAGE);
    await here.now.settle();
    const [key] = keys(here.now.socket);
    here.now.socket.end();
    await here.now.pass(500);
    here.now.socket.greet({ resumed: true });
    await here.now.settle();
    expect(keys(here.now.socket)).toEqual([key]);
    here.now.socket.answer(7, 8, stored(1, { duplicate: true }));
    expect(await answer).toMatchObject({ duplicate: true });
  });

  test("whose answer does not come, while the server lives, is sent again over the same socket", async () => {
    const client = await here.now.live();
    aside(client.command(7, MESSAGE));
    await here.now.pass(9_000);
    here.now.socket.say(1);
    await here.now.pass(1_500);
    const [first, second] = here.now.socket.of(7);
    expect(first?.d).toEqual(second?.d);
    expect(first?.id).not.toBe(second?.id);
    expect(client.state).toBe("live");
  });

  test("whose answer always comes too late is answered all the same", async () => {
    const client = await here.now.live();
    const answer = client.command(7, MESSAGE);
    await here.now.pass(9_000);
    here.now.socket.say(1);
    await here.now.pass(3_000);
    const [first, second] = here.now.socket.of(7);
    here.now.socket.say(8, stored(1), { re: first?.id });
    expect(await answer).toMatchObject({ seq: 1 });
    here.now.socket.say(8, stored(1, { duplicate: true }), { re: second?.id });
    expect(here.now.of("outbox").map(({ state }) => state)).toEqual(["sent", "done"]);
  });

  test("whose answer does not come, while the server says nothing at all, makes it look for another socket", async () => {
    const client = await here.now.live();
    await here.now.settle();
    await here.now.pass(1);
    aside(client.command(7, MESSAGE));
    await here.now.pass(10_001);
    expect(client.state).toBe("waiting");
    expect(client.reason?.code).toBe("SILENT");
  });

  test("that is refused for the moment is sent again with the same key, when the server says", async () => {
    const client = await here.now.live();
    const answer = client.command(7, MESSAGE);
    await here.now.settle();
    const busy = refusal("RATE_LIMITED", { retryable: true, retry_after_ms: 3_000 });
    here.now.socket.answer(7, 4, busy);
    await here.now.pass(2_999);
    expect(texts(here.now.socket)).toHaveLength(1);
    await here.now.pass(1_001);
    const [first, second] = keys(here.now.socket);
    expect(first).toBe(second);
    here.now.socket.answer(7, 8, stored(1));
    await answer;
  });

  test("without words that is refused for good is gone", async () => {
    const client = await here.now.live();
    const deal = { code: "STALE_OFFER", current: { service: "s", title: "Roof", version: 7 } };
    const answer = client.command(230, { service: "s", outcome: "agreed", offer: 1 });
    aside(answer);
    await here.now.settle();
    here.now.socket.answer(230, 4, refusal("STALE_OFFER", deal));
    await expect(answer).rejects.toMatchObject({ name: "StaleOffer", current: deal.current });
    expect(client.outbox.entries()).toEqual([]);
    expect(client.objects.of("service", "s")?.version).toBe(7);
  });

  test("with words that is refused for good stays, until it is discarded or tried again", async () => {
    const store = new ScriptedStore();
    const client = await here.now.live({ store });
    const answer = client.command(7, MESSAGE, { key: "k1" });
    aside(answer);
    await here.now.settle();
    here.now.socket.answer(
      7,
      4,
      refusal("SANCTIONED", { current: { user: "ann", sanctions: [] } }),
    );
    await expect(answer).rejects.toMatchObject({ name: "Sanctioned", standing: { user: "ann" } });
    expect(client.outbox.entries()).toMatchObject([
      { key: "k1", state: "failed", error: { name: "Sanctioned", code: "SANCTIONED" } },
    ]);
    expect(await store.entries).toMatchObject([{ key: "k1", state: "failed" }]);
    const again = client.outbox.retry("k1");
    await here.now.settle();
    expect(texts(here.now.socket)).toEqual(["Hello", "Hello"]);
    expect(new Set(keys(here.now.socket)).size).toBe(2);
    here.now.socket.answer(7, 4, refusal("INVALID_ARGUMENT"));
    await expect(again).rejects.toMatchObject({ name: "InvalidArgument" });
    const [left] = client.outbox.entries();
    expect(client.outbox.discard(left?.key ?? "")).toBe(true);
    expect(client.outbox.discard(left?.key ?? "")).toBe(false);
    await here.now.settle();
    expect(await store.entries).toEqual([]);
    await expect(client.outbox.retry("k1")).rejects.toMatchObject({ name: "Cancelled" });
  });

  test("made again with the same key is the same command; with another content a conflict", async () => {
    const client = await here.now.live();
    const [one, other] = [1, 2].map(() => client.command(7, MESSAGE, { key: "k1" }));
    const wrong = client.command(7, { ...MESSAGE, text: "Other" }, { key: "k1" });
    await expect(wrong).rejects.toMatchObject({ name: "Conflict" });
    await here.now.settle();
    expect(texts(here.now.socket)).toEqual(["Hello"]);
    here.now.socket.answer(7, 8, stored(1));
    expect(await Promise.all([one, other])).toHaveLength(2);
  });

  test("older than a day is not sent, and the person decides", async () => {
    const store = new MemoryStore();
    const first = here.now.client({ store });
    aside(first.command(7, MESSAGE, { key: "k1" }));
    await here.now.settle();
    await first.close();
    vi.setSystemTime(Date.now() + 86_400_001);
    const second = await here.now.live({ store });
    expect(texts(here.now.socket)).toEqual([]);
    expect(second.outbox.entries()).toMatchObject([
      { state: "failed", error: { name: "Expired" } },
    ]);
    aside(second.outbox.retry("k1"));
    await here.now.settle();
    expect(texts(here.now.socket)).toEqual(["Hello"]);
  });

  test("larger than the server takes is not sent, for it would end the connection for good", async () => {
    const client = await here.now.connect();
    here.now.socket.greet({ max_packet_bytes: 100 });
    const answer = client.command(7, { conversation: "c", text: "é".repeat(40) });
    const question = client.ask(5, { page: "x".repeat(100) });
    aside(answer);
    aside(question);
    await here.now.settle();
    await expect(answer).rejects.toMatchObject({ name: "PacketTooLarge" });
    await expect(question).rejects.toMatchObject({ name: "PacketTooLarge" });
    expect(here.now.socket.sent).toEqual([]);
    expect(client.outbox.entries()).toMatchObject([{ state: "failed" }]);
  });

  test("that cannot be encoded harms no other", async () => {
    const client = await here.now.live();
    const wrong = client.command(7, { conversation: "c", text: 1n as never });
    aside(wrong);
    const right = client.command(7, MESSAGE);
    aside(right);
    await here.now.settle();
    await expect(wrong).rejects.toMatchObject({ name: "InvalidPacket" });
    expect(texts(here.now.socket)).toEqual(["Hello"]);
  });
});

describe("cancelling", () => {
  test("takes back what was never sent, and only that", async () => {
    const store = new ScriptedStore();
    const client = await here.now.connect({ store });
    const answer = client.command(7, MESSAGE, { key: "k1" });
    aside(answer);
    await here.now.settle();
    expect(await client.outbox.cancel("k1")).toBe(true);
    await expect(answer).rejects.toMatchObject({ name: "Cancelled" });
    expect(await store.entries).toEqual([]);
    here.now.socket.greet();
    await here.now.settle();
    expect(texts(here.now.socket)).toEqual([]);
    aside(client.command(7, MESSAGE, { key: "k2" }));
    expect(await client.outbox.cancel("k2")).toBe(false);
    expect(await client.outbox.cancel("k3")).toBe(false);
    await here.now.settle();
    expect(keys(here.now.socket)).toEqual(["k2"]);
  });

  test("what a page before has sent is not taken back", async () => {
    const store = new MemoryStore();
    const first = await here.now.live({ store });
    aside(first.command(7, MESSAGE, { key: "k1" }));
    await here.now.settle();
    await first.close();
    const second = here.now.client({ store });
    await second.outbox.start();
    expect(await second.outbox.cancel("k1")).toBe(false);
  });

  test("a wait does not cancel the command", async () => {
    const client = await here.now.live();
    const abort = new AbortController();
    const answer = client.command(7, MESSAGE, { signal: abort.signal });
    aside(answer);
    abort.abort(new Error("enough"));
    await expect(answer).rejects.toThrow("enough");
    await here.now.settle();
    expect(texts(here.now.socket)).toEqual(["Hello"]);
    const none = client.command(7, MESSAGE, { signal: abort.signal });
    await expect(none).rejects.toThrow("enough");
    expect(client.outbox.entries()).toHaveLength(1);
  });
});

describe("lanes", () => {
  test("the messages of one conversation go one after the other, those of others beside them", async () => {
    const client = await here.now.live();
    for (const text of ["1", "2", "3"]) aside(client.command(7, { conversation: "c", text }));
    for (const text of ["a", "b"]) aside(client.command(7, { conversation: "d", text }));
    await here.now.settle();
    expect(texts(here.now.socket)).toEqual(["1", "a"]);
    here.now.socket.answer(7, 8, stored(1));
    await here.now.settle();
    expect(texts(here.now.socket)).toEqual(["1", "a", "b"]);
  });

  test("one that waits for its time holds up its own lane alone", async () => {
    const client = await here.now.live();
    aside(client.command(7, { conversation: "c", text: "1" }));
    await here.now.settle();
    here.now.socket.answer(
      7,
      4,
      refusal("UNAVAILABLE", { retryable: true, retry_after_ms: 5_000 }),
    );
    aside(client.command(7, { conversation: "c", text: "2" }));
    aside(client.command(7, { conversation: "d", text: "a" }));
    await here.now.settle();
    expect(texts(here.now.socket)).toEqual(["1", "a"]);
    await here.now.pass(6_000);
    expect(texts(here.now.socket)).toEqual(["1", "a", "1"]);
  });

  test("one that failed holds nothing up", async () => {
    const client = await here.now.live();
    for (const text of ["1", "2"]) aside(client.command(7, { conversation: "c", text }));
    await here.now.settle();
    here.now.socket.answer(7, 4, refusal("INVALID_ARGUMENT"));
    await here.now.settle();
    expect(texts(here.now.socket)).toEqual(["1", "2"]);
  });

  test("a message to a person keeps its place before those to the conversation, once that is known", async () => {
    const client = await here.now.live();
    for (const text of ["1", "2"]) aside(client.command(7, { to: "bob", subject: "roof", text }));
    await here.now.settle();
    here.now.socket.answer(7, 8, stored(1));
    aside(client.command(7, { conversation: "c", text: "3" }));
    aside(client.command(7, { to: "bob", subject: "roof", text: "4" }));
    await here.now.settle();
    expect(texts(here.now.socket)).toEqual(["1", "2"]);
    for (const seq of [2, 3]) {
      here.now.socket.answer(7, 8, stored(seq));
      await here.now.settle();
    }
    expect(texts(here.now.socket)).toEqual(["1", "2", "3", "4"]);
  });

  test("a message to a person and one to a conversation of nobody knows whom wait for one another", async () => {
    const client = await here.now.live();
    aside(client.command(7, { to: "bob", subject: "roof", text: "1" }));
    aside(client.command(7, { to: "bob", subject: "roof", text: "2" }));
    // As it is stored by a page that was closed after it had learned with whom this is.
    aside(client.command(7, { conversation: "c", text: "3" }));
    aside(client.command(7, { conversation: "d", text: "4" }));
    await here.now.settle();
    expect(texts(here.now.socket)).toEqual(["1"]);
    for (const seq of [1, 2, 3, 4]) {
      here.now.socket.answer(7, 8, stored(seq));
      await here.now.settle();
    }
    expect(texts(here.now.socket).filter((text) => text !== "4")).toEqual(["1", "2", "3"]);
    expect(texts(here.now.socket)).toContain("4");
  });

  test("a change of a message waits for the messages of its conversation", async () => {
    const client = await here.now.live();
    here.now.socket.say(16, {
      conversation: "c",
      message: { message: "m", conversation: "c", seq: 1, sender: "ann", version: 1 },
      unread: 0,
      conversation_version: 1,
    });
    aside(client.command(7, { conversation: "c", text: "1" }));
    aside(client.command(20, { message: "m", text: "edited" }));
    await here.now.settle();
    expect(here.now.socket.of(20)).toEqual([]);
    here.now.socket.answer(7, 8, stored(1));
    await here.now.settle();
    expect(here.now.socket.of(20)).toHaveLength(1);
  });

  test("at most so many are under way", async () => {
    const client = await here.now.live({ maxInFlight: 3 });
    for (let count = 0; count < 10; count++)
      aside(client.command(7, { conversation: `c${count}`, text: String(count) }));
    await here.now.settle();
    expect(texts(here.now.socket)).toEqual(["0", "1", "2"]);
    here.now.socket.answer(7, 8, stored(1));
    await here.now.settle();
    expect(texts(here.now.socket)).toEqual(["0", "1", "2", "3"]);
  });
});

describe("limits and failures of storage", () => {
  test("one more than the outbox holds is refused, and not stored", async () => {
    const store = new ScriptedStore();
    const client = here.now.client({ store, maxEntries: 2 });
    aside(client.command(7, MESSAGE));
    aside(client.command(7, MESSAGE));
    await expect(client.command(7, MESSAGE)).rejects.toMatchObject({ name: "OutboxFull" });
    await here.now.settle();
    expect(await store.entries).toHaveLength(2);
  });

  test("a full storage: a typed error, and the words go out from memory", async () => {
    const store = new ScriptedStore();
    const client = await here.now.connect({ store });
    store.fail = true;
    const answer = client.command(7, MESSAGE);
    await here.now.settle();
    expect(client.outbox.entries()).toMatchObject([{ durable: false, state: "queued" }]);
    const errors = here.now.of("error");
    expect(errors[0]?.error).toBeInstanceOf(StorageError);
    expect(errors[0]?.error.cause).toMatchObject({ name: "QuotaExceededError" });
    here.now.socket.greet();
    await here.now.settle();
    here.now.socket.answer(7, 8, stored(1));
    expect(await answer).toMatchObject({ seq: 1 });
  });

  test("what could not be stored can be taken back", async () => {
    const store = new ScriptedStore();
    const client = await here.now.connect({ store });
    store.fail = true;
    aside(client.command(7, MESSAGE, { key: "k1" }));
    await here.now.settle();
    expect(await client.outbox.cancel("k1")).toBe(true);
    expect(client.outbox.entries()).toEqual([]);
  });

  test("a storage that is denied: a typed error, and the connection is made all the same", async () => {
    const store = new ScriptedStore();
    store.fail = true;
    const client = await here.now.live({ store });
    expect(client.state).toBe("live");
    expect(here.now.of("error")[0]?.error.name).toBe("StorageError");
    const answer = client.command(7, MESSAGE);
    await here.now.settle();
    here.now.socket.answer(7, 8, stored(1));
    await answer;
  });

  test("a storage that never answers is given up after a while", async () => {
    const hung: Store = { load: () => new Promise(() => {}), save: () => new Promise(() => {}) };
    const client = await here.now.connect({ store: hung });
    await here.now.pass(5_000);
    here.now.socket.greet();
    expect(client.state).toBe("live");
    const answer = client.command(7, MESSAGE);
    await here.now.pass(10);
    expect(texts(here.now.socket)).toEqual(["Hello"]);
    here.now.socket.answer(7, 8, stored(1));
    await answer;
    // It is not waited for again: neither by the next message nor by close().
    aside(client.command(7, { ...MESSAGE, text: "Again" }));
    await here.now.pass(10);
    expect(texts(here.now.socket)).toEqual(["Hello", "Again"]);
    expect(here.now.of("error")).toHaveLength(1);
    const closed = client.close();
    await here.now.pass(10);
    await closed;
  });
});

describe("while nobody may connect", () => {
  test("commands are kept, and questions are told why", async () => {
    const client = await here.now.connect({ token: () => null });
    aside(client.command(7, MESSAGE));
    await here.now.settle();
    expect(client.outbox.entries()).toHaveLength(1);
    await expect(client.ask(5, {})).rejects.toMatchObject({ name: "SignedOut" });
  });

  test("a question that was under way is told as well", async () => {
    const client = await here.now.live();
    const question = client.ask(5, {});
    here.now.socket.end(4400);
    await expect(question).rejects.toMatchObject({ name: "HandshakeRefused" });
  });
});

describe("questions", () => {
  test("are asked again over any number of sockets until they are answered", async () => {
    const client = await here.now.live();
    const answer = client.ask(5, {});
    here.now.socket.end();
    await here.now.pass(500);
    here.now.socket.greet({ resumed: true });
    here.now.socket.answer(5, 4, refusal("UNAVAILABLE", { retryable: true }));
    await here.now.pass(500);
    expect(here.now.socket.of(5)).toHaveLength(2);
    here.now.socket.answer(5, 6, { conversations: [] });
    expect(await answer).toEqual({ conversations: [] });
  });

  test("end with the typed error of the server, or with the reason of the signal", async () => {
    const client = await here.now.live();
    const wrong = client.ask(10, { conversation: "nowhere" });
    here.now.socket.answer(10, 4, refusal("NOT_FOUND"));
    await expect(wrong).rejects.toMatchObject({ name: "NotFound" });
    const abort = new AbortController();
    const aborted = client.ask(5, {}, { signal: abort.signal });
    abort.abort(new Error("enough"));
    await expect(aborted).rejects.toThrow("enough");
    here.now.socket.answer(5, 6, { conversations: [] });
    expect(client.state).toBe("live");
  });

  test("beyond what a server takes at the same time they wait, and beyond a limit are refused", async () => {
    const client = await here.now.live({ maxQuestions: 20 });
    for (let count = 0; count < 20; count++) aside(client.ask(5, {}));
    expect(here.now.socket.of(5)).toHaveLength(16);
    await expect(client.ask(5, {})).rejects.toMatchObject({ name: "OutboxFull" });
    here.now.socket.answer(5, 6, { conversations: [] });
    expect(here.now.socket.of(5)).toHaveLength(17);
  });
});

describe("several clients of one store", () => {
  /** A store of which one client at a time sends, and all are told of changes, as tabs are. */
  class SharedStore extends MemoryStore {
    readonly #followers: { owner: object; changed: (change: Change) => void }[] = [];
    readonly #turns: (() => void)[] = [];
    lose: () => void = () => {};

    /** Gives the store as one of its clients has it. */
    part(): Store {
      const owner = {};
      return {
        load: (namespace) => this.load(namespace),
        save: async (namespace, change) => {
          const done = await this.save(namespace, change);
          if (done)
            for (const follower of this.#followers)
              if (follower.owner !== owner) follower.changed(change);
          return done;
        },
        follow: (_, changed) => {
          this.#followers.push({ owner, changed });
          return () => {};
        },
        lead: (_, signal, lost) =>
          new Promise((resolve, reject) => {
            this.#turns.push(() => {
              this.lose = lost;
              resolve();
            });
            signal.addEventListener("abort", () => reject(signal.reason));
          }),
      };
    }

    /** Lets the client that has waited longest send. */
    next(): void {
      this.#turns.shift()?.();
    }
  }

  test("one sends for all, and the answer comes to the one that asked", async () => {
    const store = new SharedStore();
    const leader = await here.now.live({ store: store.part() });
    const leading = here.now.socket;
    const other = await here.now.live({ store: store.part() });
    store.next();
    await here.now.settle();
    const answer = other.command(7, MESSAGE, { key: "k1" });
    await here.now.settle();
    expect(keys(leading)).toEqual(["k1"]);
    expect(texts(here.now.socket)).toEqual([]);
    leading.answer(7, 8, stored(1));
    expect(await answer).toMatchObject({ seq: 1 });
    const refused = other.command(7, MESSAGE, { key: "k2" });
    aside(refused);
    await here.now.settle();
    leading.answer(7, 4, refusal("SANCTIONED"));
    await expect(refused).rejects.toMatchObject({ name: "Sanctioned" });
    expect(leader.outbox.entries()).toMatchObject([{ key: "k2", state: "failed" }]);
    expect(other.outbox.entries()).toMatchObject([{ key: "k2", state: "failed" }]);
  });

  test("messages of both to one person keep one order, also once the conversation is known", async () => {
    const store = new SharedStore();
    const leader = await here.now.live({ store: store.part() });
    const leading = here.now.socket;
    const other = await here.now.live({ store: store.part() });
    store.next();
    await here.now.settle();
    aside(leader.command(7, { to: "bob", text: "1" }));
    await here.now.settle();
    leading.answer(7, 8, stored(1));
    await here.now.settle();
    aside(leader.command(7, { conversation: "c", text: "2" }));
    await here.now.settle();
    aside(other.command(7, { to: "bob", text: "3" }));
    await here.now.settle();
    expect(texts(leading)).toEqual(["1", "2"]);
    leading.answer(7, 8, stored(2));
    await here.now.settle();
    expect(texts(leading)).toEqual(["1", "2", "3"]);
  });

  test("what one cancels the other does not send", async () => {
    const store = new SharedStore();
    const leader = await here.now.connect({ store: store.part() });
    const leading = here.now.socket;
    const other = await here.now.live({ store: store.part() });
    store.next();
    aside(other.command(7, MESSAGE, { key: "k1" }));
    await here.now.settle();
    expect(leader.outbox.entries()).toHaveLength(1);
    expect(await other.outbox.cancel("k1")).toBe(true);
    leading.greet();
    await here.now.settle();
    expect(texts(leading)).toEqual([]);
    expect(leader.outbox.entries()).toEqual([]);
  });

  test("when the one that sends is gone the next goes on, with the same keys", async () => {
    const store = new SharedStore();
    const leader = await here.now.live({ store: store.part() });
    store.next();
    await here.now.settle();
    const other = await here.now.live({ store: store.part() });
    const answer = other.command(7, MESSAGE, { key: "k1" });
    await here.now.settle();
    await leader.close();
    store.next();
    await here.now.settle();
    expect(keys(here.now.socket)).toEqual(["k1"]);
    here.now.socket.answer(7, 8, stored(1, { duplicate: true }));
    await answer;
  });

  test("one that has lost its turn sends nothing until it has it again", async () => {
    const store = new SharedStore();
    const client = await here.now.live({ store: store.part() });
    store.next();
    await here.now.settle();
    store.lose();
    await here.now.settle();
    aside(client.command(7, MESSAGE, { key: "k1" }));
    await here.now.settle();
    expect(texts(here.now.socket)).toEqual([]);
    store.next();
    await here.now.settle();
    expect(keys(here.now.socket)).toEqual(["k1"]);
  });
});
