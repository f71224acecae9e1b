/** The client and a real edge, over a line that is good or bad. */
import { createHmac, randomUUID } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Client, type ClientOptions, type Event, MemoryStore } from "../../src/index.ts";
import { msgpack } from "../../src/msgpack.ts";
import { Line } from "../support/line.ts";

const { PARLEY_URL: url = "", PARLEY_TOKEN_KEY: key = "" } = process.env;
// The machine may be busy with other tests.
vi.setConfig({ testTimeout: 30_000 });

/** Mints a token, as the marketplace does. */
function mint(user: string, seconds = 3_600, signedWith = key): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const exp = Math.floor(Date.now() / 1_000) + seconds;
  const signed = `${part({ alg: "HS256" })}.${part({ sub: user, exp, jti: randomUUID() })}`;
  return `${signed}.${createHmac("sha256", signedWith).update(signed).digest("base64url")}`;
}

/** A client, and all that it was told. */
class Device {
  readonly events: Event[] = [];
  readonly client: Client;

  constructor(user: string, options: Partial<ClientOptions> = {}) {
    this.client = new Client({ url, token: () => mint(user), ...options });
    this.client.on((event) => this.events.push(event));
    this.client.connect();
    devices.push(this);
  }

  /** The texts that it was told of, in order. */
  get texts(): string[] {
    return this.events.flatMap((event) =>
      event.type === "message" ? [event.message.text ?? ""] : [],
    );
  }

  /** Resolves once what was told is as wanted. */
  until(wanted: () => unknown): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!wanted()) return;
        stop();
        resolve();
      };
      const stop = this.client.on(look);
      look();
    });
  }

  async history(conversation: string): Promise<string[]> {
    const texts: string[] = [];
    for (let after = 0; ; ) {
      const page = await this.client.ask(10, { conversation, after, limit: 200 });
      for (const message of page.messages) texts.push(message.text ?? "");
      if (!page.more) return texts;
      after = page.messages.at(-1)?.seq ?? after;
    }
  }
}

const devices: Device[] = [];
let line: Line;
let ann = "";
let bob = "";

beforeEach(async () => {
  ann = `ann-${randomUUID()}`;
  bob = `bob-${randomUUID()}`;
  line = await Line.to(url);
});
afterEach(async () => {
  for (const { client } of devices.splice(0)) await client.close();
  line.close();
});

describe.each([
  ["JSON", {}],
  ["MessagePack", { codec: msgpack }],
])("in %s", (_, options: Partial<ClientOptions>) => {
  test("a message, its change, and a deal are stored and told", async () => {
    const [one, other] = [new Device(ann, options), new Device(bob, options)];
    await other.client.whenLive();
    const text = "Grüß dich, \u{1f600}";
    const message = { to: bob, subject: "Roof", text };
    const { conversation, seq, message: id } = await one.client.command(7, message);
    expect(seq).toBe(1);
    await other.until(() => other.texts.includes(text));
    const changed = await one.client.command(20, { message: id, text: "edited" });
    expect(changed).toMatchObject({ change: "edited", text: "edited" });
    await other.until(() => other.events.some(({ type }) => type === "messageChanged"));
    const price = { amount_minor: 12_050, currency: "EUR" };
    const proposal = { conversation, role: "provider", title: "Roof", price } as const;
    const { service } = await one.client.command(225, proposal);
    expect(service).toMatchObject({ state: "offered", offer: { price } });
    await other.until(() => other.events.some(({ type }) => type === "deal"));
    const offer = { service: service?.service ?? "", outcome: "agreed", offer: 1 } as const;
    const low = { ...offer, price: { amount_minor: 1, currency: "EUR" } };
    await expect(other.client.command(230, low)).rejects.toMatchObject({
      name: "StaleOffer",
      current: { service: service?.service, offer: { price } },
    });
    const agreed = await other.client.command(230, { ...offer, price });
    expect(agreed.service?.state).toBe("agreed");
    expect(other.client.objects.of("message", id)?.content["text"]).toBe("edited");
  });
});

describe("over a bad line", () => {
  test("cut again and again: each message is stored once, in order, and told once", async () => {
    const [one, other] = [
      new Device(ann, { url: line.url, backoffBase: 20, backoffLimit: 100 }),
      new Device(bob, { url: line.url, backoffBase: 20, backoffLimit: 100 }),
    ];
    // A new client is told what comes from its first HELLO on.
    await other.client.whenLive();
    const texts = Array.from({ length: 120 }, (_, index) => `text ${index}`);
    const sent = texts.map((text) => one.client.command(7, { to: bob, text }));
    for (let count = 0; count < 25; count++) {
      await new Promise((resolve) => setTimeout(resolve, 15 + 10 * (count % 4)));
      line.cut();
    }
    const answers = await Promise.all(sent);
    await other.until(() => other.texts.length >= texts.length);
    expect(answers.map(({ seq }) => seq)).toEqual(texts.map((_, index) => index + 1));
    expect(await one.history(answers[0]?.conversation ?? "")).toEqual(texts);
    expect(other.texts).toEqual(texts);
    expect(one.client.outbox.entries()).toEqual([]);
  });

  test("an answer that is lost with the socket: the command was carried out once", async () => {
    const one = new Device(ann, { url: line.url, backoffBase: 20 });
    await one.client.whenLive();
    const heard = new Device(bob);
    await heard.client.whenLive();
    line.deaf = true;
    const answer = one.client.command(7, { to: bob, text: "once" });
    await heard.until(() => heard.texts.length);
    line.cut();
    expect(await answer).toMatchObject({ seq: 1, duplicate: true });
    expect(await one.history((await answer).conversation)).toEqual(["once"]);
  });

  test("a line that swallows everything is left as soon as a command is not answered", async () => {
    const one = new Device(ann, { url: line.url, answerTimeout: 300, backoffBase: 20 });
    await one.client.whenLive();
    line.silent = true;
    const answer = one.client.command(7, { to: bob, text: "x" });
    await one.until(() => one.client.state === "waiting");
    expect(one.client.reason?.code).toBe("SILENT");
    line.cut();
    line.silent = false;
    expect(await answer).toMatchObject({ seq: 1 });
  });

  test("what comes while a page is away is told to the next one, once", async () => {
    const store = new MemoryStore();
    const first = new Device(bob, { store });
    await first.client.whenLive();
    const one = new Device(ann);
    await one.client.command(7, { to: bob, text: "before" });
    await first.until(() => first.texts.includes("before"));
    await first.client.close();
    await one.client.command(7, { to: bob, text: "meanwhile" });
    const second = new Device(bob, { store });
    await second.client.whenLive();
    await one.client.command(7, { to: bob, text: "after" });
    await second.until(() => second.texts.includes("after"));
    expect(second.texts).toEqual(["meanwhile", "after"]);
  });
});

describe("what a server refuses", () => {
  test("a token with another signature, three times: unauthorized", async () => {
    let calls = 0;
    const one = new Device(ann, {
      backoffBase: 10,
      token: () => {
        calls++;
        return mint(ann, 3_600, "another key, which is as long as it must be");
      },
    });
    await expect(one.client.whenLive()).rejects.toMatchObject({ kind: "refused" });
    expect(calls).toBe(3);
    one.client.setToken(mint(ann));
    await one.client.whenLive();
  });

  test("an address at which there is nothing", async () => {
    const one = new Device(ann, { url: url.replace("/ws", "/nowhere") });
    await expect(one.client.whenLive()).rejects.toMatchObject({ status: 404 });
  });

  test("a port at which nobody listens is tried again", async () => {
    const one = new Device(ann, { url: "ws://127.0.0.1:9/ws", backoffBase: 10 });
    await one.until(() => one.events.filter(({ type }) => type === "state").length > 5);
    expect(["waiting", "connecting"]).toContain(one.client.state);
  });

  test.each(["rubbish", "x".repeat(900)])("a cursor of another server: a reset", async (cursor) => {
    const store = new MemoryStore();
    const { origin, pathname } = new URL(url);
    await store.save(JSON.stringify([origin + pathname, ""]), { cursor });
    const one = new Device(ann, { store });
    await one.client.whenLive();
    await one.until(() => one.events.some(({ type }) => type === "reset"));
    const other = new Device(bob);
    await other.client.command(7, { to: ann, text: "after" });
    await one.until(() => one.texts.includes("after"));
  });

  test("a store of another user: nothing of it is sent", async () => {
    const store = new MemoryStore();
    const first = new Device(ann, { store });
    await first.client.whenLive();
    await first.client.close();
    const second = new Device(bob, { store });
    const command = second.client.command(7, { to: ann, text: "mine" });
    command.catch(() => {});
    await expect(second.client.whenLive()).rejects.toMatchObject({ name: "WrongUser" });
    expect(second.client.outbox.entries()).toMatchObject([{ state: "queued" }]);
  });
});

test("a token that expires is renewed over the same socket", async () => {
  const reasons: string[] = [];
  let often: () => void = () => {};
  const renewed = new Promise<void>((resolve) => {
    often = resolve;
  });
  const one = new Device(ann, {
    token: (reason) => {
      if (reasons.push(reason) > 3) often();
      // It lives as long as clocks may differ, 5 s, less these.
      return mint(ann, -2);
    },
  });
  await renewed;
  expect(reasons).toEqual(["connect", "expiring", "expiring", "expiring"]);
  const states = one.events.flatMap((event) => (event.type === "state" ? [event.state] : []));
  expect(states).toEqual(["connecting", "live"]);
});
