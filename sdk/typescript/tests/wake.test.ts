/** What a browser tells of sleep, of the network and of the page; and who is typing. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { alert, newWorlds } from "./support/world.ts";

const here = newWorlds();

describe("in a browser", () => {
  let page: EventTarget;

  beforeEach(() => {
    page = new EventTarget();
    vi.stubGlobal("document", page);
    const window = new EventTarget();
    vi.stubGlobal("addEventListener", window.addEventListener.bind(window));
    vi.stubGlobal("removeEventListener", window.removeEventListener.bind(window));
    vi.stubGlobal("dispatchEvent", window.dispatchEvent.bind(window));
  });
  afterEach(() => vi.unstubAllGlobals());

  const tell = (name: string) => {
    globalThis.dispatchEvent(new Event(name));
    page.dispatchEvent(new Event(name));
  };

  test.each(["online", "pageshow", "visibilitychange", "resume"])(
    "%s ends a wait at once",
    async (name) => {
      const client = await here.now.live();
      for (let count = 0; count < 6; count++) {
        here.now.socket.end();
        await here.now.settle();
        await here.now.pass((client.retryAt ?? 0) - Date.now());
      }
      here.now.socket.end();
      await here.now.pass(100);
      const { length } = here.now.sockets;
      expect(client.state).toBe("waiting");
      tell(name);
      await here.now.settle();
      expect(here.now.sockets).toHaveLength(length + 1);
    },
  );

  test.each(["online", "pageshow", "visibilitychange", "resume"])(
    "%s after a sleep: a socket from which nothing comes is left within two seconds",
    async (name) => {
      const client = await here.now.live();
      here.now.socket.say(1);
      // The machine sleeps: timers stand still, the clock goes on.
      vi.setSystemTime(Date.now() + 30_000);
      tell(name);
      await here.now.pass(1_999);
      expect(client.state).toBe("live");
      await here.now.pass(1);
      expect(client.state).toBe("waiting");
      await here.now.pass(500);
      expect(here.now.sockets).toHaveLength(2);
    },
  );

  test("a socket that lives is kept", async () => {
    const client = await here.now.live();
    vi.setSystemTime(Date.now() + 30_000);
    tell("visibilitychange");
    here.now.socket.say(1);
    await here.now.pass(30_000);
    expect(client.state).toBe("live");
    expect(here.now.sockets).toHaveLength(1);
  });

  test("a clock that is set back does not stop the watch over the socket", async () => {
    const client = await here.now.live();
    vi.setSystemTime(Date.now() - 86_400_000);
    await here.now.pass(35_000);
    expect(client.state).toBe("waiting");
  });

  test("before connect(), after close() and where the person must act, nothing comes of it", async () => {
    const client = here.now.client();
    tell("online");
    expect(client.state).toBe("idle");
    client.connect();
    await here.now.settle();
    here.now.socket.greet();
    here.now.socket.end(4400);
    tell("online");
    await here.now.settle();
    expect(client.state).toBe("refused");
    await client.close();
    tell("online");
    await here.now.settle();
    expect(here.now.sockets).toHaveLength(1);
  });
});

describe("typing", () => {
  const types = (user: string, typing = true, lifetime_ms: unknown = 10_000) =>
    here.now.socket.say(18, { conversation: "c", user, typing, lifetime_ms });
  const told = () => here.now.of("typing").map(({ user, typing }) => [user, typing]);

  test("ends by itself after its lifetime, which a repetition prolongs", async () => {
    await here.now.live();
    types("bob");
    await here.now.pass(9_000);
    types("bob");
    await here.now.pass(9_999);
    expect(told()).toEqual([["bob", true]]);
    await here.now.pass(1);
    expect(told()).toEqual([
      ["bob", true],
      ["bob", false],
    ]);
  });

  test.each([
    ["the person says so", () => types("bob", false)],
    ["the person writes", () => here.now.socket.say(16, alert(1), { cur: "c1" })],
    ["of a block", () => here.now.socket.say(249, { user: "bob", blocked: true, version: 1 })],
    [
      "the client comes back",
      () => {
        here.now.socket.end();
        return here.now.pass(500).then(() => here.now.socket.greet({ resumed: true }));
      },
    ],
  ])("ends when %s", async (_, end) => {
    await here.now.live();
    types("bob");
    await end();
    expect(told()).toEqual([
      ["bob", true],
      ["bob", false],
    ]);
    await here.now.pass(60_000);
    expect(told()).toHaveLength(2);
  });

  test("of one who was not typing has no end", async () => {
    await here.now.live();
    types("bob", false);
    here.now.socket.say(16, alert(1), { cur: "c1" });
    expect(told()).toEqual([]);
  });

  test.each([undefined, -5, 1e12, "long"])("with a lifetime of %s is bounded", async (lifetime) => {
    await here.now.live();
    types("bob", true, lifetime);
    for (let count = 0; count < 12; count++) {
      await here.now.pass(5_000);
      here.now.socket.say(1);
    }
    expect(told()).toEqual([
      ["bob", true],
      ["bob", false],
    ]);
  });
});
