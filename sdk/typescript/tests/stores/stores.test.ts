/** Stores by what packets show, without a server. */

import fc from "fast-check";
import { afterEach, expect, test, vi } from "vitest";
import * as ops from "../../src/generated/packets.ts";
import {
  type AnswerTo,
  Client,
  type ClientOptions,
  MemoryStore,
  type Message,
  type PayloadOf,
  type Row,
  Unavailable,
  until,
} from "../../src/index.ts";
import type { ClientOp, Data } from "../../src/protocol.ts";

const at = (seconds: number) => new Date(1_700_000_000_000 + seconds * 1000).toISOString();

const message = (seq: number, changes: Partial<Message> = {}): Message => ({
  ...{ message: `m${seq}`, conversation: "c", seq, sender: "bob", kind: "text" as const },
  ...{ created_at: at(seq), version: seq, text: `text ${seq}` },
  ...changes,
});

const alert = (one: Message) => ({
  op: ops.ALERT_NEW_MSG,
  d: { conversation: one.conversation, message: one, unread: 1, conversation_version: one.seq },
});

const conversation = (changes: Data = {}) => ({
  ...{ conversation: "c", participants: ["ann", "bob"], last_message: null, unread: 0, version: 0 },
  ...{ read_up_to: 0, peer_read_up_to: 0, peer_delivered_up_to: 0 },
  ...changes,
});

/** A client without a server: the test answers its questions, and shows it packets. */
class Scripted extends Client {
  asked: ClientOp[] = [];
  history: Message[] = [];
  listed: Data[] = [];
  fails: Error | undefined;

  constructor(options: Partial<ClientOptions> = {}) {
    const token = () => new Promise<never>(() => {});
    super({ url: "ws://127.0.0.1:1/ws", token, user: "ann", ...options });
  }

  override async ask<Op extends ClientOp>(op: Op, d: PayloadOf<Op>): Promise<AnswerTo<Op>> {
    this.asked.push(op);
    await Promise.resolve();
    if (this.fails) throw this.fails;
    const { before = Infinity, limit = 50 } = d as ops.AskMessages;
    const older = this.history.filter(({ seq }) => seq < before);
    const messages = older.slice(-limit);
    const lists = { services: [], disputes: [], conversations: this.listed };
    const answer = { conversation: "c", messages, more: older.length > limit, ...lists };
    if (op === ops.ASK_MESSAGES) this.show(ops.RETURN_MESSAGES, answer);
    if (op === ops.ASK_CONVERSATIONS) this.show(ops.RETURN_CONVERSATIONS, lists);
    return answer as unknown as AnswerTo<Op>;
  }

  show(op: number, d: object): void {
    this.take({ op, d: d as Data });
  }

  /** As after a RESUMED that is not complete. */
  reset(): void {
    this.forget();
    this.push({ type: "reset" });
  }
}

const clients: Scripted[] = [];

function scripted(options: Partial<ClientOptions> = {}): Scripted {
  const client = new Scripted(options);
  client.listed = [conversation()];
  clients.push(client);
  return client;
}

afterEach(() => Promise.all(clients.splice(0).map((client) => client.close())));

const textOf = (row: Row) => (row.state === "stored" ? row.message.text : row.text);

test("rows are the same in whatever order packets show them, and however often", async () => {
  const shown = [1, 2, 3, 4, 5].map((seq) => message(seq));
  const edited = { change: "edited", text: "new", changed_at: at(9), edited_at: at(9), version: 9 };
  const packets = [
    ...shown.map(alert),
    { op: ops.MSG_CHANGED, d: { conversation: "c", message: "m2", seq: 2, ...edited } },
    {
      op: ops.MSG_CHANGED,
      d: {
        conversation: "c",
        message: "m4",
        seq: 4,
        change: "deleted",
        changed_at: at(9),
        version: 9,
      },
    },
    { op: ops.RETURN_MESSAGES, d: { conversation: "c", messages: shown, more: false } },
  ];
  const order = fc.shuffledSubarray([...packets.keys()], { minLength: packets.length });
  await fc.assert(
    fc.asyncProperty(order, fc.array(fc.nat(packets.length - 1)), async (first, again) => {
      const client = scripted();
      const store = client.conversation("c");
      await store.load();
      for (const place of [...first, ...again]) {
        const packet = packets[place];
        if (packet) client.show(packet.op, packet.d);
      }
      const { rows, lastMessage } = store.getSnapshot();
      expect(rows.map(textOf)).toEqual(["text 1", "new", "text 3", undefined, "text 5"]);
      expect(rows[3]).toMatchObject({ message: { tombstone: "deleted", version: 9 } });
      expect(lastMessage?.seq).toBe(5);
    }),
    { numRuns: 100 },
  );
});

test("what comes while the first page is under way is not lost", async () => {
  const client = scripted();
  client.history = [1, 2, 3].map((seq) => message(seq));
  const store = client.conversation("c");
  const loaded = store.load();
  client.show(alert(message(4)).op, alert(message(4)).d);
  await loaded;
  expect(store.getSnapshot().rows.map(textOf)).toEqual(["text 1", "text 2", "text 3", "text 4"]);
});

test("a conversation that nobody has opened keeps its last message alone", () => {
  const client = scripted();
  for (const seq of [1, 2, 3]) client.show(ops.ALERT_NEW_MSG, alert(message(seq)).d);
  const store = client.conversation("c");
  expect(store.getSnapshot().rows.map(textOf)).toEqual(["text 3"]);
  expect(store.getSnapshot().lastMessage?.seq).toBe(3);
});

test("after a reset what is looked at loads anew, and older versions count", async () => {
  const client = scripted();
  client.history = [message(1, { version: 50, text: "of the old database" })];
  const store = client.conversation("c");
  const snapshots: string[] = [];
  const stop = store.subscribe(() => {
    snapshots.push(store.getSnapshot().rows.map(textOf).join());
  });
  await until(store, ({ loading }) => loading === "ready");
  client.history = [message(1, { version: 3, text: "restored" })];
  client.reset();
  await until(
    store,
    ({ loading, rows }) => loading === "ready" && textOf(rows[0] as Row) === "restored",
  );
  stop();
  // Nobody looks at it now; whoever looks next sees what is loaded then.
  client.history = [message(1, { version: 2, text: "restored again" })];
  client.reset();
  expect(store.getSnapshot().loading).not.toBe("failed");
  const again = await until(store, ({ rows }) => rows.map(textOf).join() === "restored again");
  expect(again.rows).toHaveLength(1);
  expect(snapshots).toContain("restored");
});

test("what is reloaded while it is being loaded is asked for once more", async () => {
  const client = scripted();
  client.history = [message(1)];
  const store = client.conversation("c");
  const loaded = store.load();
  store.reload();
  await loaded;
  expect(client.asked.filter((op) => op === ops.ASK_MESSAGES)).toHaveLength(2);
});

test("what could not be loaded says why, and is tried again once the client is live", async () => {
  const client = scripted();
  client.fails = new Unavailable({ code: "UNAVAILABLE", message: "not deployed" });
  const list = client.conversationList;
  const failed = await until(list, ({ loading }) => loading === "failed");
  expect(failed.error).toBeInstanceOf(Unavailable);
  await expect(list.load()).rejects.toBeInstanceOf(Unavailable);
  const stop = list.subscribe(() => {});
  await until(list, ({ loading }) => loading === "failed");
  client.fails = undefined;
  // The client tells that it is live.
  (client as unknown as { push(event: object): void }).push({ type: "state", state: "live" });
  const ready = await until(list, ({ loading }) => loading === "ready");
  expect(ready.error).toBeUndefined();
  stop();
});

test("no more conversations and messages are kept than the limits say", async () => {
  const client = scripted({ maxConversations: 3, maxMessages: 2 });
  for (const seq of [1, 2, 3, 4, 5]) {
    client.show(ops.RETURN_CONVERSATIONS, {
      conversations: [
        conversation({
          conversation: `c${seq}`,
          last_message: message(seq, { conversation: `c${seq}` }),
        }),
      ],
    });
  }
  client.listed = [];
  await client.conversationList.load();
  const { conversations } = client.conversationList.getSnapshot();
  expect(conversations.map((one) => one.conversation)).toEqual(["c5", "c4", "c3"]);
  client.history = [1, 2, 3].map((seq) => message(seq));
  const store = client.conversation("c");
  await store.load();
  expect(store.getSnapshot()).toMatchObject({ rows: { length: 2 }, hasOlder: false });
});

test("a store is the same object for the same name", () => {
  const client = scripted();
  expect(client.conversation("c")).toBe(client.conversation("c"));
  expect(client.conversationWith("bob")).toBe(client.conversationWith("bob"));
  // One person, typed with one code point or with two.
  expect(client.conversationWith("Zo\u00eb")).toBe(client.conversationWith("Zoe\u0308"));
  expect(client.conversationWith("bob", { subject: "a" })).not.toBe(client.conversationWith("bob"));
});

test("what an earlier process wrote is shown as soon as it is read from storage", async () => {
  const store = new MemoryStore();
  const before = scripted({ store });
  before.connect();
  before
    .conversation("c")
    .send("from before")
    .catch(() => {});
  await before.close();
  const client = scripted({ store });
  const shown = until(client.conversation("c"), ({ rows }) => rows.length);
  const pending = until(client.pending, ({ length }) => length);
  client.connect();
  expect((await shown).rows.map(textOf)).toEqual(["from before"]);
  expect(await pending).toMatchObject([{ state: "queued", payload: { text: "from before" } }]);
});

test("listeners of one store are called once each, and no more when they have left", async () => {
  const client = scripted();
  const store = client.conversation("c");
  await store.load();
  const calls: string[] = [];
  const listener = () => void calls.push("called");
  const stops = [store.subscribe(listener), store.subscribe(listener)];
  await until(store.deal, ({ loading }) => loading === "ready");
  calls.length = 0;
  client.show(ops.ALERT_NEW_MSG, alert(message(1)).d);
  expect(calls).toHaveLength(2);
  for (const stop of stops) stop();
  for (const stop of stops) stop();
  client.show(ops.ALERT_NEW_MSG, alert(message(2)).d);
  expect(calls).toHaveLength(2);
});

test("a listener that throws disturbs nobody, and is heard of", async () => {
  const client = scripted();
  const store = client.conversation("c");
  await store.load();
  const reported: (() => void)[] = [];
  vi.stubGlobal("queueMicrotask", (report: () => void) => void reported.push(report));
  const heard: string[] = [];
  const stops = [
    store.subscribe(() => {
      throw new Error("of the page");
    }),
    store.subscribe(() => void heard.push("heard")),
  ];
  client.show(ops.ALERT_NEW_MSG, alert(message(1)).d);
  vi.unstubAllGlobals();
  for (const stop of stops) stop();
  expect(heard).toEqual(["heard"]);
  expect(reported[0]).toThrow("of the page");
});

test("to wait for a snapshot can be given up", async () => {
  const client = scripted();
  const controller = new AbortController();
  const waiting = until(client.connection, ({ state }) => state === "live", controller);
  controller.abort(new Error("enough"));
  await expect(waiting).rejects.toThrow("enough");
  await expect(until(client.connection, () => false, controller)).rejects.toThrow("enough");
});
