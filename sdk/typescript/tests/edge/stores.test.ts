import { afterEach, expect, test } from "vitest";
import { STATUS_MSG } from "../../src/generated/packets.ts";
import { type Client, MemoryStore, NotFound, type Row } from "../../src/index.ts";
import { closeAll, connect, somebody, until } from "../support/people.ts";

afterEach(closeAll);

const textOf = (row: Row) => (row.state === "stored" ? row.message.text : row.text);

/** Two people who are connected. */
async function two(): Promise<{ ann: Client; bob: Client; names: [string, string] }> {
  const names: [string, string] = [somebody("ann"), somebody("bob")];
  const [ann, bob] = [connect(names[0]), connect(names[1])];
  await Promise.all([ann.whenLive(), bob.whenLive()]);
  return { ann, bob, names };
}

/** Two people who have talked, each with the conversation. */
async function talking(...texts: string[]) {
  const { ann, bob, names } = await two();
  const hers = ann.conversationWith(names[1], { subject: "roof" });
  for (const text of texts) await hers.send(text);
  const his = bob.conversation(hers.id as string);
  return { ann, bob, names, hers, his };
}

test("a conversation begins with a message to a person, which both see", async () => {
  const { ann, bob, names } = await two();
  const listed = until(bob.conversationList, ({ conversations: [first] }) => first?.peer);
  const hers = ann.conversationWith(names[1], { subject: "roof" });
  const stored = await hers.send("Hello");
  expect(hers.id).toBe(stored.conversation);
  const expected = { peer: names[0], subject: "roof", unread: 1 };
  expect((await listed).conversations[0]).toMatchObject(expected);
  const his = await until(
    bob.conversation(stored.conversation),
    (view) => view.loading === "ready",
  );
  expect(his.rows.map(textOf)).toEqual(["Hello"]);
  expect(his).toMatchObject({ ...expected, hasOlder: false, error: undefined });
});

test("a conversation with a person finds what was said before", async () => {
  const { names } = await talking("one", "two");
  const again = connect(names[0]).conversationWith(names[1], { subject: "roof" });
  const view = await until(again, ({ rows }) => rows.length === 2);
  expect(view.rows.map(textOf)).toEqual(["one", "two"]);
});

test("a conversation with a person is there when that person begins it, about the same subject", async () => {
  const { ann, bob, names } = await two();
  const with_ = (subject: string) => bob.conversationWith(names[0], { subject });
  const [roof, walls] = [with_("roof"), with_("walls")];
  const ready = (view: { loading: string }) => view.loading === "ready";
  await Promise.all([until(roof, ready), until(walls, ready)]);
  const [seen, unseen] = [until(roof, ({ rows }) => rows.length === 1), walls.subscribe(() => {})];
  await ann.conversationWith(names[1], { subject: "roof" }).send("Hello");
  expect((await seen).rows.map(textOf)).toEqual(["Hello"]);
  expect(walls.getSnapshot().rows).toEqual([]);
  unseen();
});

test("a row of what was written is there at once, goes on under its key and is never doubled", async () => {
  const { ann, his, hers } = await talking("first");
  await until(hers, ({ loading }) => loading === "ready");
  const seen: string[][] = [];
  const stop = hers.subscribe(() => {
    seen.push(hers.getSnapshot().rows.map((row) => `${row.key} ${row.state} ${textOf(row)}`));
  });
  const sent = hers.send("second", { key: "the key" });
  await until(hers, ({ rows }) => rows.length === 2);
  await sent;
  await his.send("third");
  await until(hers, ({ rows }) => rows.length === 3);
  stop();
  const ofSecond = seen.map((rows) => rows.filter((row) => row.endsWith("second")));
  expect(new Set(ofSecond.map((rows) => rows.length))).toEqual(new Set([1]));
  const [before, after] = [ofSecond[0], ofSecond.at(-1)];
  expect(before).toEqual(["the key sent second"]);
  expect(after).toEqual(["the key stored second"]);
  expect(ann.pending.getSnapshot()).toEqual([]);
});

test("what was written offline is shown, goes out in order, and stays where it was refused", async () => {
  const { names } = await two();
  const store = new MemoryStore();
  const { PARLEY_URL: url = "" } = process.env;
  const offline = connect(names[0], { store, token: () => new Promise(() => {}) });
  const hers = offline.conversationWith(names[1], { subject: "later" });
  const sending = [hers.send("one"), hers.send("two"), hers.send("\u0000")];
  for (const one of sending) one.catch(() => {});
  const view = await until(hers, ({ rows }) => rows.length === 3);
  expect(view.rows.map(({ state }) => state)).toEqual(["queued", "queued", "queued"]);
  await offline.close();
  expect(url).not.toBe("");

  // Another process with the same store.
  const online = connect(names[0], { store });
  const again = online.conversationWith(names[1], { subject: "later" });
  const done = await until(
    again,
    ({ rows, loading }) =>
      loading === "ready" && rows.map(({ state }) => state).join() === "stored,stored,failed",
  );
  expect(done.rows.map(textOf)).toEqual(["one", "two", "\u0000"]);
  const failed = done.rows.at(-1);
  expect(failed).toMatchObject({ error: { code: "INVALID_ARGUMENT" } });
  expect(online.outbox.discard(failed?.key ?? "")).toBe(true);
  expect(again.getSnapshot().rows).toHaveLength(2);
});

test("a message that is alerted before its answer came is shown once", async () => {
  const { names } = await two();
  // The answer to the first message is lost with the socket; a resume shows the message.
  let socket: WebSocket | undefined;
  let lost = false;
  class Leaky extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      socket = this;
    }
    override set onmessage(handler: (event: MessageEvent) => void) {
      super.onmessage = (event: MessageEvent) => {
        if (!lost && JSON.parse(event.data).op === STATUS_MSG) {
          lost = true;
          socket?.close();
        } else handler(event);
      };
    }
  }
  const ann = connect(names[0], { WebSocket: Leaky as typeof WebSocket });
  await ann.whenLive();
  const hers = ann.conversationWith(names[1]);
  const seen: string[] = [];
  hers.subscribe(() => void seen.push(hers.getSnapshot().rows.map(textOf).join()));
  const stored = await hers.send("once");
  expect(lost).toBe(true);
  expect(stored.duplicate).toBe(true);
  await until(hers, ({ loading, rows }) => loading === "ready" && rows[0]?.state === "stored");
  expect(seen).not.toContain("once,once");
});

test("what is edited and deleted changes in its place, for both", async () => {
  const { hers, his } = await talking("one", "two");
  await until(his, ({ loading }) => loading === "ready");
  const view = await until(hers, ({ rows, loading }) => loading === "ready" && rows.length === 2);
  const ids = view.rows.map((row) => row.state === "stored" && row.message.message) as string[];
  await hers.edit(ids[0] ?? "", "ONE");
  await hers.delete(ids[1] ?? "");
  for (const side of [hers, his]) {
    const changed = await until(side, ({ rows }) => textOf(rows[1] as Row) === undefined);
    expect(changed.rows.map(textOf)).toEqual(["ONE", undefined]);
    expect(changed.rows[1]).toMatchObject({ message: { tombstone: "deleted" } });
    expect(changed.lastMessage).toMatchObject({ tombstone: "deleted" });
  }
});

test("marks, typing and presence are told to the other", async () => {
  const { ann, hers, his, names } = await talking("one");
  await until(hers, ({ loading }) => loading === "ready");
  await until(his, ({ unread }) => unread === 1);
  his.typing();
  await until(hers, ({ typing }) => typing);
  his.typing(false);
  await until(hers, ({ typing }) => !typing);
  await Promise.all([his.markRead(), his.markRead()]);
  const read = await until(hers, ({ peerReadUpTo }) => peerReadUpTo === 1);
  expect(read.peerDeliveredUpTo).toBe(1);
  expect(his.getSnapshot().unread).toBe(0);
  await his.send("back");
  const there = await until(hers, ({ presence }) => presence?.online);
  expect(there.presence?.user).toBe(names[1]);
  expect(ann.presence(names[1])?.online).toBe(true);
});

test("history comes by pages, without a hole, and never more than is kept", async () => {
  const { names, hers } = await talking(
    ...Array.from({ length: 120 }, (_, at) => `text ${at + 1}`),
  );
  const later = connect(names[1], { maxMessages: 80 }).conversation(hers.id as string);
  let view = await until(later, ({ loading }) => loading === "ready");
  expect(view.rows.map(textOf)).toEqual(Array.from({ length: 50 }, (_, at) => `text ${at + 71}`));
  expect(view.hasOlder).toBe(true);
  await Promise.all([later.loadOlder(), later.loadOlder()]);
  view = later.getSnapshot();
  expect(view.rows.map(textOf)).toEqual(Array.from({ length: 80 }, (_, at) => `text ${at + 41}`));
  expect(view.hasOlder).toBe(false);
  await hers.send("text 121");
  view = await until(later, ({ rows }) => textOf(rows.at(-1) as Row) === "text 121");
  expect(view.rows).toHaveLength(80);
  expect(textOf(view.rows[0] as Row)).toBe("text 42");

  const all: string[] = [];
  for await (const { text = "" } of later.messages({ limit: 50 })) all.push(text);
  expect(all).toEqual(Array.from({ length: 121 }, (_, at) => `text ${at + 1}`));
  const page = await later.history({ before: 42, limit: 2 });
  expect(page.messages.map(({ text }) => text)).toEqual(["text 40", "text 41"]);
  expect(page.more).toBe(true);
});

test("the list is in order of activity, by pages, and shows what comes meanwhile", async () => {
  const me = somebody("me");
  const people = Array.from({ length: 60 }, (_, at) => somebody(`p${at}`));
  // Whoever opens many conversations is held up, so each of them opens one.
  await Promise.all(people.map((name) => connect(name).conversationWith(me).send("hello")));
  const ann = connect(me);
  const newest: (string | undefined)[] = [];
  for await (const { participants } of ann.conversations({ limit: 25 })) {
    newest.push(participants.find((name) => name !== me));
  }
  expect(newest).toHaveLength(60);

  const list = connect(me).conversationList;
  let view = await until(list, ({ loading }) => loading === "ready");
  expect(view.conversations.map(({ peer }) => peer)).toEqual(newest.slice(0, 50));
  expect(view.hasMore).toBe(true);
  // Somebody of the second page, and somebody new.
  const last = newest.at(-1) as string;
  await ann.conversationWith(last).send("again");
  view = await until(list, ({ conversations: [first] }) => first?.peer === last);
  const stranger = somebody("stranger");
  await connect(stranger).conversationWith(me).send("hello");
  await until(list, ({ conversations: [first] }) => first?.peer === stranger);
  await list.loadMore();
  view = list.getSnapshot();
  expect(view.hasMore).toBe(false);
  const expected = [stranger, last, ...newest.slice(0, -1)];
  expect(view.conversations.map(({ peer }) => peer)).toEqual(expected);
});

test("a snapshot stays the same until something of it changes", async () => {
  const { ann, bob, hers, his, names } = await talking("one");
  await until(hers, ({ loading }) => loading === "ready");
  await until(hers.deal, ({ loading }) => loading === "ready");
  const kept = hers.subscribe(() => {});
  const before = hers.getSnapshot();
  expect(hers.getSnapshot()).toBe(before);
  // Another conversation is none of its business.
  await bob.conversationWith(names[0], { subject: "other" }).send("elsewhere");
  await until(ann.conversationList, ({ conversations }) => conversations.length === 2);
  expect(hers.getSnapshot()).toBe(before);
  await his.send("two");
  const after = await until(hers, ({ rows }) => rows.length === 2);
  expect(after).not.toBe(before);
  // A row that has not changed is the same one.
  expect(after.rows[0]).toBe(before.rows[0]);
  kept();
});

test("a block takes the other's presence away, and says so", async () => {
  const { ann, hers, his, names } = await talking("one");
  await his.send("two");
  await until(hers, ({ presence }) => presence?.online);
  await ann.block(names[1]);
  const view = await until(hers, ({ blocked }) => blocked);
  expect(view.presence).toBeUndefined();
  await expect(hers.send("three")).rejects.toMatchObject({
    code: "INVALID_STATE",
    reason: "BLOCKED",
  });
  const blocks = await ann.blocks().page();
  expect(blocks.items).toMatchObject([{ user: names[1], blocked: true }]);
  await ann.unblock(names[1]);
  await until(hers, ({ blocked }) => !blocked);
});

test("what needs a conversation that there is not is refused with a typed error", async () => {
  const { ann, names } = await two();
  const nothing = ann.conversationWith(names[1], { subject: "nothing" });
  await expect(nothing.history()).rejects.toBeInstanceOf(NotFound);
  await expect(nothing.report({ reason: "spam" })).rejects.toBeInstanceOf(NotFound);
  const view = await until(nothing, ({ loading }) => loading === "ready");
  expect(view).toMatchObject({
    conversation: undefined,
    peer: names[1],
    rows: [],
    hasOlder: false,
  });
});

test("what is shown is confirmed as delivered, and what nobody looks at is not", async () => {
  const { ann, bob, names } = await two();
  const hers = ann.conversationWith(names[1]);
  await hers.send("one");
  await until(hers, ({ loading }) => loading === "ready");
  expect(hers.getSnapshot().peerDeliveredUpTo).toBe(0);
  const stop = bob.conversationList.subscribe(() => {});
  // It is told with the next PING.
  await until(hers, ({ peerDeliveredUpTo }) => peerDeliveredUpTo === 1);
  stop();
});
