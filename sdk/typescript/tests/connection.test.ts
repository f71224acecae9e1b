/** The connection against a server whose every word is written here. */
import { describe, expect, test } from "vitest";
import { MemoryStore, TokenError } from "../src/index.ts";
import { alert, hello, newWorlds } from "./support/world.ts";

const here = newWorlds();

const problem = (status: number, reason: string, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify({ reason }), { status, headers });
const clean = () => new Response(JSON.stringify({ user: "ann", banned: false, sanctions: [] }));

describe("connecting", () => {
  test("the token is a subprotocol beside the encoding, and HELLO makes the connection live", async () => {
    const client = await here.now.connect({ token: "abc.def" });
    expect(client.state).toBe("connecting");
    expect(here.now.socket.protocols).toEqual(["parley.v1.json", "parley.bearer.abc.def"]);
    here.now.socket.greet();
    expect(client.state).toBe("live");
    expect(client.user).toBe("ann");
  });

  test("a socket that does not open, and one that says no HELLO, are given up", async () => {
    const client = await here.now.connect();
    await here.now.pass(10_000);
    expect(client.state).toBe("waiting");
    expect(here.now.socket.open).toBe(false);
    await here.now.pass(500);
    expect(here.now.sockets).toHaveLength(2);
    here.now.socket.accept();
    await here.now.pass(10_000);
    expect(client.state).toBe("waiting");
    expect(client.reason?.code).toBe("UNREACHABLE");
  });

  test("a HELLO that comes too late, over a socket that was given up, is not heard", async () => {
    const client = await here.now.connect();
    const [late] = here.now.sockets;
    await here.now.pass(10_000);
    late?.greet();
    expect(client.state).toBe("waiting");
  });

  test("a socket that the browser does not let the page open: a typed error, and it is tried again", async () => {
    let count = 0;
    const client = await here.now.connect({
      WebSocket: class {
        constructor() {
          count++;
          throw new DOMException("An insecure WebSocket", "SecurityError");
        }
      } as unknown as typeof WebSocket,
    });
    expect(client.state).toBe("waiting");
    expect(client.reason).toMatchObject({ name: "HandshakeRefused", status: 0 });
    expect(here.now.of("error")).toHaveLength(1);
    await here.now.pass(500);
    expect(count).toBe(2);
  });

  test("whenLive resolves, and rejects with what keeps the client from it", async () => {
    const client = here.now.client();
    const live = client.whenLive();
    client.connect();
    await here.now.settle();
    here.now.socket.greet();
    await live;
    here.now.socket.end(4400, "bad packets");
    await expect(client.whenLive()).rejects.toMatchObject({
      name: "HandshakeRefused",
      status: 4400,
    });
    const given = new AbortController();
    const other = here.now.client();
    const waiting = other.whenLive(given.signal);
    given.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
  });
});

describe("close codes", () => {
  test.each([
    [4100, 500],
    [4101, 500],
    [4102, 500],
    [4199, 500],
    [1000, 500],
    [1001, 500],
    [1006, 500],
    [1011, 500],
    [3999, 500],
    [4200, 8_000],
    [4201, 8_000],
    [4700, 8_000],
  ])("%i: comes back within %i ms", async (code, most) => {
    const client = await here.now.live();
    here.now.socket.end(code);
    expect(client.state).toBe("waiting");
    expect(client.reason).toMatchObject({ name: "Disconnected", closeCode: code });
    expect(client.retryAt).toBeGreaterThan(Date.now() + most / 4);
    expect(client.retryAt).toBeLessThanOrEqual(Date.now() + most);
    await here.now.pass(most);
    expect(here.now.sockets).toHaveLength(2);
    expect(here.now.socket.cursor).toBe("c0");
  });

  test("4300 and 4301: a new token first", async () => {
    const reasons: string[] = [];
    const token = async (reason: string) => `token${reasons.push(reason)}`;
    await here.now.live({ token });
    here.now.socket.end(4301);
    await here.now.pass(500);
    expect(reasons).toEqual(["connect", "refused"]);
    expect(here.now.socket.token).toBe("token2");
  });

  test("4300 with a token that nobody can replace: unauthorized, until there is another", async () => {
    const client = await here.now.live({ token: "old" });
    here.now.socket.end(4300);
    expect(client.state).toBe("unauthorized");
    expect(client.reason).toMatchObject({ name: "TokenError", kind: "refused" });
    client.setToken("new");
    await here.now.settle();
    here.now.socket.greet({ resumed: true });
    here.now.socket.say(13, { replayed: 0, complete: true, cur: "c1" });
    expect(client.state).toBe("live");
    expect(here.now.socket.token).toBe("new");
  });

  test.each([4400, 4413, 4499])("%i: not as it is, until connect()", async (code) => {
    const client = await here.now.live();
    here.now.socket.end(code);
    expect(client.state).toBe("refused");
    expect(client.reason).toMatchObject({ name: "HandshakeRefused", status: code });
    await here.now.pass(86_400_000);
    expect(here.now.sockets).toHaveLength(1);
    client.connect();
    await here.now.settle();
    expect(here.now.sockets).toHaveLength(2);
  });

  test("4403: the standing says why", async () => {
    const standing = { user: "ann", banned: true, sanctions: [] };
    here.now.http = () => new Response(JSON.stringify(standing));
    const client = await here.now.live();
    here.now.socket.end(4403);
    await here.now.settle();
    expect(client.state).toBe("refused");
    expect(client.reason).toMatchObject({ name: "Banned", code: "BANNED", standing });
    expect(client.retryAt).toBeUndefined();
  });

  test("a suspension ends, and the client comes back then", async () => {
    const until = new Date(Date.now() + 3_600_000).toISOString();
    const standing = { user: "ann", banned: false, suspended_until: until, sanctions: [] };
    here.now.http = () => new Response(JSON.stringify(standing));
    const client = await here.now.live();
    here.now.socket.end(4403);
    await here.now.settle();
    expect(client.state).toBe("refused");
    expect(client.reason).toMatchObject({ code: "SUSPENDED", until });
    expect(client.retryAt).toBeGreaterThanOrEqual(Date.parse(until));
    await here.now.pass(3_600_000 + 8_000);
    expect(client.state).toBe("connecting");
    here.now.socket.greet();
    expect(client.state).toBe("resuming");
  });

  test("4403 while nobody can say why: it waits, and asks again", async () => {
    const client = await here.now.live();
    here.now.socket.end(4403);
    await here.now.settle();
    expect(client.state).toBe("waiting");
    expect(client.reason?.name).toBe("Banned");
  });
});

describe("a handshake that is refused", () => {
  test.each([
    ["the server cannot be reached", undefined, "waiting", "CLOSED"],
    ["the server is well", () => clean(), "waiting", "CLOSED"],
    ["it drains", () => problem(503, "draining"), "waiting", "CLOSED"],
    [
      "an origin is not allowed",
      () => problem(403, "origin_not_allowed"),
      "refused",
      "HANDSHAKE_REFUSED",
    ],
    ["the token is refused", () => problem(401, "expired"), "unauthorized", "TOKEN_REFUSED"],
    ["it is no server of Parley", () => problem(404, "not_found"), "refused", "HANDSHAKE_REFUSED"],
  ])("%s", async (_, http, state, code) => {
    here.now.http = http && ((path) => (path === "/ws" && http().ok ? problem(426, "") : http()));
    const client = await here.now.connect();
    here.now.socket.end();
    await here.now.settle();
    expect([client.state, client.reason?.code]).toEqual([state, code]);
  });

  test("Retry-After says when", async () => {
    here.now.http = () => problem(429, "rate_limited", { "Retry-After": "20" });
    const client = await here.now.connect();
    here.now.socket.end();
    await here.now.settle();
    expect(client.retryAt).toBeGreaterThanOrEqual(Date.now() + 20_000);
    await here.now.pass(20_500);
    expect(here.now.sockets).toHaveLength(2);
  });

  test("a proxy that knows the socket alone is not taken for a wrong address", async () => {
    here.now.http = (path) => (path === "/ws" ? problem(426, "not_a_websocket") : problem(404, ""));
    const client = await here.now.connect();
    here.now.socket.end();
    await here.now.settle();
    expect(client.state).toBe("waiting");
    expect(here.now.asked).toEqual(["/standing", "/ws"]);
  });

  test("three fresh tokens that are refused are enough", async () => {
    here.now.http = () => problem(401, "bad_signature");
    let fetched = 0;
    const client = await here.now.connect({ token: async () => `token${++fetched}` });
    for (let count = 0; count < 3; count++) {
      here.now.socket.end();
      await here.now.pass(30_000);
    }
    expect(client.state).toBe("unauthorized");
    expect(fetched).toBe(3);
    expect(client.reason).toBeInstanceOf(TokenError);
  });
});

describe("reconnecting", () => {
  test("the backoff doubles up to its limit, and begins anew after a connection that lasted", async () => {
    const client = await here.now.connect();
    const waits: number[] = [];
    for (let count = 0; count < 9; count++) {
      here.now.socket.end();
      await here.now.settle();
      const wait = (client.retryAt ?? 0) - Date.now();
      waits.push(wait);
      await here.now.pass(wait);
    }
    expect(waits.map((wait) => Math.round(wait / 100) * 100)).toEqual([
      500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000,
    ]);
    here.now.socket.greet();
    await here.now.pass(5_000);
    here.now.socket.end();
    expect((client.retryAt ?? 0) - Date.now()).toBeLessThanOrEqual(500);
  });

  test("full jitter from the first attempt", async () => {
    const { spyOn } = await import("vitest").then(({ vi }) => vi);
    spyOn(Math, "random").mockReturnValue(0);
    const client = await here.now.live();
    here.now.socket.end();
    expect(client.retryAt).toBe(Date.now());
  });

  test("RECONNECT's delay wins, and neither wake-ups nor the backoff shorten it", async () => {
    const client = await here.now.live();
    here.now.socket.say(15, { delay_ms: 3_000, reason: "draining" });
    expect(client.state).toBe("waiting");
    expect(here.now.socket.open).toBe(false);
    globalThis.dispatchEvent?.(new Event("online"));
    await here.now.pass(2_999);
    expect(here.now.sockets).toHaveLength(1);
    await here.now.pass(1);
    expect(here.now.sockets).toHaveLength(2);
  });

  test.each([
    [-5, 0],
    [Number.NaN, 0],
    ["soon", 0],
    [1e12, 600_000],
  ])("RECONNECT with a delay of %s is one of %i ms", async (delay_ms, delay) => {
    const client = await here.now.live();
    here.now.socket.say(15, { delay_ms });
    expect(client.retryAt).toBe(Date.now() + delay);
    await here.now.pass(delay);
    expect(here.now.sockets).toHaveLength(2);
  });

  test("connect() does not wait", async () => {
    const client = await here.now.live();
    here.now.socket.say(15, { delay_ms: 60_000 });
    client.connect();
    await here.now.settle();
    expect(here.now.sockets).toHaveLength(2);
  });

  test("a server that says nothing is left after the silence that HELLO allows", async () => {
    const client = await here.now.live();
    await here.now.pass(30_000);
    here.now.socket.say(1);
    await here.now.pass(34_999);
    expect(client.state).toBe("live");
    await here.now.pass(1);
    expect(client.state).toBe("waiting");
    expect(client.reason?.code).toBe("SILENT");
  });
});

describe("PING", () => {
  test("each is answered, with the confirmed cursor", async () => {
    await here.now.live();
    here.now.socket.say(1, {}, { cur: "c1" });
    here.now.socket.say(1, {}, { cur: "c2" });
    expect(here.now.socket.of(2).map(({ d }) => d)).toEqual([{ cur: "c1" }, { cur: "c2" }]);
  });

  test("a flood of them is answered, and nothing grows", async () => {
    await here.now.live();
    for (let count = 0; count < 20_000; count++) here.now.socket.say(1);
    expect(here.now.socket.of(2)).toHaveLength(20_000);
    expect(here.now.of("state")).toHaveLength(2);
  });

  test("while a resume is under way it bears no cursor", async () => {
    await here.now.live();
    here.now.socket.end();
    await here.now.pass(500);
    here.now.socket.greet({ resumed: true, cur: "c0" });
    here.now.socket.say(1);
    expect(here.now.socket.of(2).at(-1)?.d).toEqual({});
  });
});

describe("nonsense", () => {
  const words: [string, unknown][] = [
    ["no JSON", "{"],
    ["a number", "7"],
    ["a list", "[]"],
    ["nothing", "null"],
    ["no number of a packet", '{"d":{}}'],
    ["a number with a fraction", '{"op":1.5}'],
    ["a payload that is a list", '{"op":16,"d":[]}'],
    ["a payload that is a text", '{"op":16,"d":"x"}'],
    ["a binary frame", new ArrayBuffer(4)],
    ["an alert without a message", '{"op":16,"d":{},"cur":"x"}'],
  ];

  test.each(words)("%s: a typed error, and another socket", async (_, data) => {
    const client = await here.now.live();
    here.now.socket.frame(data);
    expect(client.state).toBe("waiting");
    expect(client.reason?.name).toBe("ProtocolError");
    expect(here.now.of("error").map(({ error }) => error.name)).toEqual(["ProtocolError"]);
    await here.now.pass(500);
    expect(here.now.sockets).toHaveLength(2);
    expect(here.now.socket.cursor).toBe("c0");
  });

  test.each(words)("%s before HELLO", async (_, data) => {
    const client = await here.now.connect();
    here.now.socket.accept().frame(data);
    expect(client.state).toBe("waiting");
    expect(client.reason?.name).toBe("ProtocolError");
  });

  test.each([
    "user",
    "session",
    "ping_interval_ms",
    "pong_timeout_ms",
    "max_packet_bytes",
    "token_expires_at",
    "resumed",
    "cur",
  ])("a HELLO without %s, or with something else in it", async (field) => {
    const client = await here.now.connect();
    here.now.socket.greet({ [field]: undefined });
    expect(client.reason?.name).toBe("ProtocolError");
    await here.now.pass(500);
    here.now.socket.greet({ [field]: [] });
    expect(client.reason?.name).toBe("ProtocolError");
    expect(client.state).toBe("waiting");
  });

  test("an unknown packet, and unknown fields and words, are passed over", async () => {
    const client = await here.now.live();
    here.now.socket.say(0x77, { news: 1 }, { cur: "c1" });
    here.now.socket.say(22, {
      conversation: "c",
      message: "m",
      seq: 1,
      change: "translated",
      version: 2,
      colour: "red",
    });
    expect(client.state).toBe("live");
    expect(here.now.of("messageChanged")).toMatchObject([{ change: "translated" }]);
    here.now.socket.end();
    await here.now.pass(500);
    expect(here.now.socket.cursor).toBe("c1");
  });

  test("an answer to a question that nobody asked is passed over", async () => {
    const client = await here.now.live();
    here.now.socket.say(6, { conversations: [] }, { re: 99 });
    here.now.socket.say(6, { conversations: [] }, { re: "text" });
    expect(client.state).toBe("live");
  });

  test("a second HELLO is passed over", async () => {
    const client = await here.now.live();
    here.now.socket.say(3, hello({ user: "bob" }));
    expect(client.user).toBe("ann");
    expect(client.state).toBe("live");
  });
});

describe("the user", () => {
  test("HELLO of another user than the store's: refused, and nothing is sent", async () => {
    const store = new MemoryStore();
    const ann = await here.now.live({ store });
    await ann.close();
    const bob = await here.now.connect({ store });
    void bob.command(7, { conversation: "c", text: "to whom?" }).catch(() => {});
    here.now.socket.greet({ user: "bob" });
    await here.now.settle();
    expect(bob.state).toBe("refused");
    expect(bob.reason).toMatchObject({ name: "WrongUser", expected: "ann", found: "bob" });
    expect(here.now.socket.sent).toEqual([]);
    expect(bob.outbox.entries()).toHaveLength(1);
  });

  test("a name typed in another form is the same name", async () => {
    const client = await here.now.connect({ user: "Zoe\u0308" });
    here.now.socket.greet({ user: "Zoë" });
    expect(client.state).toBe("live");
  });
});

describe("close()", () => {
  test("nothing is told after it, and no timer is left", async () => {
    const client = await here.now.live();
    const told = here.now.events.length;
    const iterator = client.events();
    const next = iterator.next();
    const question = client.ask(5, {});
    const command = client.command(7, { conversation: "c", text: "x" });
    const ends = Promise.allSettled([question, command, next]);
    here.now.socket.say(18, { conversation: "c", user: "bob", typing: true, lifetime_ms: 10_000 });
    const before = here.now.events.length;
    await client.close();
    here.now.socket.say(16, alert(1));
    client.connect();
    client.setToken("x");
    await here.now.pass(86_400_000);
    expect(here.now.events.length).toBe(before);
    expect(before).toBeGreaterThan(told);
    expect(client.state).toBe("closed");
    expect(here.now.sockets).toHaveLength(1);
    const [asked, commanded, ended] = await ends;
    expect(asked).toMatchObject({ reason: { name: "ClientClosed" } });
    expect(commanded).toMatchObject({ reason: { name: "ClientClosed" } });
    expect(ended).toMatchObject({ status: "fulfilled" });
    await expect(client.ask(5, {})).rejects.toMatchObject({ name: "ClientClosed" });
    await expect(client.command(7, { conversation: "c", text: "x" })).rejects.toMatchObject({
      name: "ClientClosed",
    });
  });

  test("retain and release: one socket, also when React mounts twice", async () => {
    const client = here.now.client();
    client.retain();
    client.release();
    client.retain();
    await here.now.pass(10_000);
    expect(here.now.sockets).toHaveLength(1);
    expect(client.state).not.toBe("closed");
    client.release();
    await here.now.pass(1_000);
    expect(client.state).toBe("closed");
  });
});
