/** Resuming: no event is lost, told twice or out of order, whatever the server says of its place. */
import { describe, expect, test, vi } from "vitest";
import { MemoryStore } from "../src/index.ts";
import { alert, newWorlds } from "./support/world.ts";

const here = newWorlds();

const resumed = (complete: boolean, cur: string) => ({ replayed: 0, complete, cur });
const refused = (code: string, retryable = false) => ({ code, message: "", retryable });

/** Ends the socket, and lets the client open the next one. */
async function cut(): Promise<void> {
  here.now.socket.end();
  await here.now.pass(1_000);
}

describe("after a cut", () => {
  test("the address names the last cursor, and what was missed comes before what is new", async () => {
    const client = await here.now.live();
    here.now.socket.say(16, alert(1), { cur: "c1" });
    await cut();
    expect(here.now.socket.cursor).toBe("c1");
    here.now.socket.greet({ resumed: true, cur: "c1" });
    expect(client.state).toBe("resuming");
    here.now.socket.say(16, alert(2), { cur: "c2" });
    here.now.socket.say(13, resumed(true, "c2"));
    expect(client.state).toBe("live");
    here.now.socket.say(16, alert(3), { cur: "c3" });
    expect(here.now.texts).toEqual(["text 1", "text 2", "text 3"]);
  });

  test("what is told again is not told again", async () => {
    await here.now.live();
    here.now.socket.say(16, alert(1), { cur: "c1" });
    // Two packets of one point in time: the cursor moves with the second alone.
    here.now.socket.say(16, alert(2), { cur: "c1" });
    await cut();
    here.now.socket.greet({ resumed: true, cur: "c1" });
    here.now.socket.say(16, alert(2), { cur: "c1" });
    here.now.socket.say(16, alert(3), { cur: "c2" });
    here.now.socket.say(13, resumed(true, "c2"));
    expect(here.now.texts).toEqual(["text 1", "text 2", "text 3"]);
  });

  test("a cut in the middle of a replay goes on from there", async () => {
    await here.now.live();
    await cut();
    here.now.socket.greet({ resumed: true, cur: "c0" });
    here.now.socket.say(16, alert(1), { cur: "c1" });
    await cut();
    expect(here.now.socket.cursor).toBe("c1");
  });

  test("seen moves before handlers run: one that hangs makes nothing come twice", async () => {
    const client = await here.now.live();
    const told: unknown[] = [];
    client.on((event) => {
      told.push(event);
      return event.type === "message" ? new Promise(() => {}) : undefined;
    });
    here.now.socket.say(16, alert(1), { cur: "c1" });
    here.now.socket.say(16, alert(2), { cur: "c2" });
    await cut();
    expect(here.now.socket.cursor).toBe("c2");
    expect(told).toHaveLength(1);
  });
});

describe("confirmed", () => {
  test("moves when handlers are done, and is told by PONG and stored", async () => {
    const store = new MemoryStore();
    const client = await here.now.live({ store });
    let done: () => void = () => {};
    client.on(({ type }) =>
      type === "message"
        ? new Promise<void>((resolve) => {
            done = resolve;
          })
        : undefined,
    );
    here.now.socket.say(16, alert(1), { cur: "c1" });
    here.now.socket.say(1, {}, { cur: "c2" });
    expect(here.now.socket.of(2).at(-1)?.d).toEqual({ cur: "c0" });
    done();
    await here.now.settle();
    here.now.socket.say(1, {}, { cur: "c3" });
    expect(here.now.socket.of(2).at(-1)?.d).toEqual({ cur: "c3" });
    await client.close();
    const next = await here.now.connect({ store });
    expect(here.now.socket.cursor).toBe("c3");
    await next.close();
  });

  test("an iterator has handled an event when it asks for the next", async () => {
    const store = new MemoryStore();
    const client = here.now.client({ store });
    const events = client.events();
    client.connect();
    await here.now.settle();
    here.now.socket.greet();
    here.now.socket.say(16, alert(1), { cur: "c1" });
    here.now.socket.say(16, alert(2), { cur: "c2" });
    let text: string | undefined;
    while (text !== "text 1") {
      const { value } = await events.next();
      text = value.message?.text;
    }
    await client.close();
    here.now.client({ store }).connect();
    await here.now.settle();
    expect(here.now.socket.cursor).toBe("c0");
  });

  test("an idle server makes nobody write", async () => {
    const store = new MemoryStore();
    const save = vi.spyOn(store, "save");
    await here.now.live({ store });
    for (let count = 0; count < 5; count++) {
      here.now.socket.say(1, {}, { cur: "c1" });
      await here.now.settle();
    }
    expect(save.mock.calls.map(([, change]) => change.cursor).filter(Boolean)).toEqual([
      "c0",
      "c1",
    ]);
  });

  test("the cursor of a page moves it as well", async () => {
    const client = await here.now.live();
    const page = client.ask(10, { conversation: "c" });
    here.now.socket.answer(10, 11, { conversation: "c", messages: [], more: false }, { cur: "c9" });
    await page;
    here.now.socket.say(1);
    expect(here.now.socket.of(2).at(-1)?.d).toEqual({ cur: "c9" });
  });
});

describe("a gap", () => {
  test("a server that lost its place is told the client's own", async () => {
    const client = await here.now.live();
    here.now.socket.say(16, alert(1), { cur: "c1" });
    here.now.socket.say(13, resumed(false, "x9"));
    expect(client.state).toBe("resuming");
    expect(here.now.socket.of(12).map(({ d }) => d)).toEqual([{ cur: "c1" }]);
    // New ones come before those that were missed.
    here.now.socket.say(16, alert(4), { cur: "x10" });
    here.now.socket.say(16, alert(2), { cur: "x7" });
    here.now.socket.say(16, alert(3), { cur: "x8" });
    here.now.socket.say(16, alert(4), { cur: "x10" });
    expect(here.now.texts).toEqual(["text 1"]);
    here.now.socket.answer(12, 13, resumed(true, "x10"));
    expect(here.now.texts).toEqual(["text 1", "text 2", "text 3", "text 4"]);
    expect(client.state).toBe("live");
    expect(here.now.of("reset")).toEqual([]);
  });

  test("what no resume can bring is one reset, asked for or not", async () => {
    const client = await here.now.live();
    here.now.socket.say(19, { user: "bob", online: true, version: 9 }, { cur: "c1" });
    here.now.socket.say(13, resumed(false, "x9"));
    here.now.socket.answer(12, 13, resumed(false, "x9"));
    expect(here.now.of("reset")).toHaveLength(1);
    expect(client.objects.of("presence", "bob")).toBeUndefined();
    expect(client.state).toBe("live");
    // The versions of the other database are lower, and what it tells was not told before.
    here.now.socket.say(19, { user: "bob", online: false, version: 1 }, { cur: "x10" });
    expect(client.objects.of("presence", "bob")?.content["online"]).toBe(false);
    await cut();
    expect(here.now.socket.cursor).toBe("x10");
  });

  test("another epoch: the address was followed, and the end of that says that something is missing", async () => {
    await here.now.live();
    await cut();
    here.now.socket.greet({ resumed: true, cur: "c0" });
    here.now.socket.say(13, resumed(false, "x1"));
    here.now.socket.answer(12, 13, resumed(false, "x1"));
    expect(here.now.of("reset")).toHaveLength(1);
  });

  test.each(["c7", ""])(
    "a stored cursor that the server refuses, while HELLO says %j",
    async (cur) => {
      const store = new MemoryStore();
      await store.save('["ws://server/ws",""]', { cursor: "of another server" });
      const client = await here.now.connect({ store });
      expect(here.now.socket.cursor).toBe("of another server");
      here.now.socket.greet({ resumed: false, cur });
      here.now.socket.say(4, refused("INVALID_ARGUMENT"));
      here.now.socket.answer(12, 4, refused("INVALID_ARGUMENT"));
      if (!cur) {
        expect(client.state).toBe("resuming");
        here.now.socket.say(13, resumed(false, "c8"));
      }
      expect(client.state).toBe("live");
      expect(here.now.of("reset")).toHaveLength(1);
      expect(here.now.of("error")).toEqual([]);
      await cut();
      expect(here.now.socket.cursor).toBe(cur || "c8");
    },
  );

  test("a service that is down: it is asked again until it is back, and nothing is lost", async () => {
    const client = await here.now.live();
    await cut();
    here.now.socket.greet({ resumed: false, cur: "" });
    here.now.socket.answer(12, 4, refused("UNAVAILABLE", true));
    // It comes again with the replay.
    here.now.socket.say(16, alert(2), { cur: "c2" });
    await here.now.pass(2_000);
    expect(here.now.socket.of(12)).toHaveLength(2);
    here.now.socket.say(16, alert(1), { cur: "c1" });
    here.now.socket.say(16, alert(2), { cur: "c2" });
    here.now.socket.answer(12, 13, resumed(true, "c2"));
    expect(client.state).toBe("live");
    expect(here.now.texts).toEqual(["text 1", "text 2"]);
    // The cursor of before was not moved by what came too early.
    expect(here.now.socket.of(12).map(({ d }) => d)).toEqual([{ cur: "c0" }, { cur: "c0" }]);
  });

  test("a place that is lost twice is asked for once at a time, and told once", async () => {
    const client = await here.now.live();
    here.now.socket.say(13, resumed(false, "x1"));
    here.now.socket.say(16, alert(2), { cur: "x2" });
    here.now.socket.say(13, resumed(false, "x3"));
    expect(here.now.socket.of(12)).toHaveLength(1);
    here.now.socket.say(16, alert(1), { cur: "x1" });
    here.now.socket.answer(12, 13, resumed(true, "x2"));
    expect(client.state).toBe("resuming");
    expect(here.now.socket.of(12).map(({ d }) => d)).toEqual([{ cur: "c0" }, { cur: "c0" }]);
    expect(here.now.texts).toEqual([]);
    for (const seq of [1, 2, 3]) here.now.socket.say(16, alert(seq), { cur: `x${seq}` });
    here.now.socket.answer(12, 13, resumed(true, "x3"));
    expect(here.now.texts).toEqual(["text 1", "text 2", "text 3"]);
    expect(client.state).toBe("live");
    expect(here.now.of("reset")).toEqual([]);
  });

  test("a new client at a server without messages yet waits for its place", async () => {
    const client = await here.now.connect();
    here.now.socket.greet({ cur: "" });
    expect(client.state).toBe("resuming");
    here.now.socket.say(13, resumed(false, "c1"));
    expect(client.state).toBe("live");
    expect(here.now.of("reset")).toHaveLength(1);
  });

  test("a resume that brings nothing for a minute is given up", async () => {
    const client = await here.now.live();
    await cut();
    here.now.socket.greet({ resumed: true });
    for (let count = 0; count < 11; count++) {
      await here.now.pass(5_000);
      here.now.socket.say(1);
    }
    expect(client.state).toBe("resuming");
    await here.now.pass(5_000);
    expect(client.state).toBe("waiting");
  });
});

describe("consumers that are too slow", () => {
  test("the socket is dropped until they have caught up; nothing is lost, nothing is told twice", async () => {
    const client = here.now.client({ maxQueuedEvents: 5 });
    const texts: unknown[] = [];
    let go: () => void = () => {};
    client.on((event) => {
      if (event.type !== "message") return undefined;
      texts.push(event.message.text);
      return new Promise<void>((resolve) => {
        go = resolve;
      });
    });
    client.connect();
    await here.now.settle();
    here.now.socket.greet();
    for (let seq = 1; seq <= 9; seq++) here.now.socket.say(16, alert(seq), { cur: `c${seq}` });
    expect(client.state).toBe("waiting");
    expect(client.reason?.code).toBe("SLOW_CONSUMER");
    expect(here.now.socket.open).toBe(false);
    await here.now.pass(60_000);
    expect(here.now.sockets).toHaveLength(1);
    for (let count = 0; count < 9; count++) {
      go();
      await here.now.settle();
    }
    expect(here.now.sockets).toHaveLength(2);
    const last = Number(here.now.socket.cursor?.slice(1));
    expect(last).toBe(texts.length);
    here.now.socket.greet({ resumed: true, cur: `c${last}` });
    for (let seq = last + 1; seq <= 9; seq++) {
      here.now.socket.say(16, alert(seq), { cur: `c${seq}` });
      go();
      await here.now.settle();
    }
    go();
    await here.now.settle();
    expect(texts).toEqual(Array.from({ length: 9 }, (_, index) => `text ${index + 1}`));
  });

  test("an await of a command inside a handler works", async () => {
    const client = await here.now.live();
    const answers: unknown[] = [];
    client.on(async (event) => {
      if (event.type === "message")
        answers.push(await client.command(7, { conversation: "c", text: "answer" }));
    });
    here.now.socket.say(16, alert(1), { cur: "c1" });
    await here.now.settle();
    here.now.socket.answer(7, 8, { seq: 2 });
    await here.now.settle();
    expect(answers).toEqual([{ seq: 2 }]);
  });
});
