/** HTTP beside the socket: the address, the token, the key of a command, and typed refusals. */
import { describe, expect, test } from "vitest";
import { HttpClient, type HttpOptions } from "../src/http.ts";

interface Asked {
  readonly method: string;
  readonly address: string;
  readonly token: string;
  readonly body: Record<string, unknown>;
}

/** A client whose requests are answered in turn; an answer of `undefined` is a network that is away. */
function answering(
  answers: readonly (readonly [number, unknown] | undefined)[],
  options: Partial<HttpOptions> = {},
) {
  const asked: Asked[] = [];
  const left = [...answers];
  const http = new HttpClient({
    url: "wss://chat.example/parley/ws",
    token: "aaa",
    fetch: async (address, request = {}) => {
      const headers = new Headers(request.headers);
      asked.push({
        method: request.method ?? "",
        address: String(address),
        token: headers.get("Authorization") ?? "",
        body: request.body ? JSON.parse(String(request.body)) : {},
      });
      const answer = left.shift();
      if (!answer) throw new TypeError("Failed to fetch");
      const [status, said] = answer;
      return new Response(typeof said === "string" ? said : JSON.stringify(said), { status });
    },
    ...options,
  });
  return { http, asked };
}

async function all<Item>(pages: AsyncIterable<Item>): Promise<Item[]> {
  const items: Item[] = [];
  for await (const item of pages) items.push(item);
  return items;
}

test("is asked beside the address of the socket, with the token in a header", async () => {
  const standing = { user: "ann", banned: true, sanctions: [] };
  const { http, asked } = answering([[200, standing]]);
  expect(await http.standing()).toEqual(standing);
  expect(asked).toEqual([
    {
      method: "GET",
      address: "https://chat.example/parley/standing",
      token: "Bearer aaa",
      body: {},
    },
  ]);
});

test("lists page by page, with offers that know their deal and their dispute", async () => {
  const offer = { number: 2, price: { amount_minor: 5, currency: "EUR" } };
  const { http, asked } = answering([
    [200, { services: [{ service: "s1", offer }], next: "a&b" }],
    [200, { services: [{ service: "s2" }] }],
    [200, { disputes: [{ dispute: "d1", offers: [offer] }] }],
  ]);
  expect(await all(http.deals())).toMatchObject([
    { service: "s1", offer: { service: "s1" } },
    { service: "s2" },
  ]);
  expect(asked[1]?.address).toBe("https://chat.example/parley/services?page=a%26b");
  expect(await all(http.disputes())).toMatchObject([{ offers: [{ dispute: "d1" }] }]);
});

test("speaks in a dispute as the store of one does", async () => {
  const answer: [number, unknown] = [200, { dispute: { dispute: "d1", state: "open" } }];
  const { http, asked } = answering([answer, answer, answer, answer, answer]);
  const refund = { amount_minor: 2, currency: "EUR" };
  await http.openDispute("s1", { reason: "quality", statement: "It leaks.", refund });
  const dispute = http.dispute("d1");
  const settlement = { provider_minor: 3, client_minor: 2 };
  const shown = { dispute: "d1", number: 4, by: "bob", created_at: "", settlement };
  expect(await dispute.state("It leaks.")).toMatchObject({ state: "open" });
  await dispute.propose(settlement, { text: "Half" });
  await dispute.accept(shown);
  await dispute.withdraw();
  expect(asked.map(({ body: { idempotency_key: _, ...said } }) => said)).toEqual([
    { service: "s1", reason: "quality", statement: "It leaks.", claim: { refund } },
    { dispute: "d1", text: "It leaks." },
    { dispute: "d1", settlement, text: "Half" },
    { dispute: "d1", accept: { offer: 4, settlement } },
    { dispute: "d1", withdraw: true },
  ]);
  expect(asked.map(({ address }) => address.split("/").at(-1))).toEqual([
    "litige-created",
    ...Array(4).fill("litige-statement"),
  ]);
});

describe("a command", () => {
  test("whose end is unknown is given again with its key, and another time with another", async () => {
    const appeal = { appeal: "a1", status: "open" };
    const { http, asked } = answering([
      undefined,
      [503, { reason: "unavailable" }],
      [502, "<html>"],
      [200, { appeal, duplicate: true }],
      [201, { appeal }],
    ]);
    const make = () => http.appeal("d1", "It was not me.");
    await expect(make()).rejects.toMatchObject({ name: "Disconnected", code: "UNREACHABLE" });
    await expect(make()).rejects.toMatchObject({ name: "Unavailable" });
    await expect(make()).rejects.toMatchObject({ code: "INTERNAL", retryable: true });
    expect(await make()).toEqual(appeal);
    await make();
    const keys = asked.map(({ body }) => body["idempotency_key"]);
    expect(new Set(keys.slice(0, 4)).size).toBe(1);
    expect(keys[4]).not.toBe(keys[0]);
    expect(String(keys[0]).length).toBeLessThanOrEqual(64);
  });

  test.each([
    [400, "invalid_argument", "InvalidArgument", undefined],
    [404, "decision_not_found", "NotFound", undefined],
    [409, "already_appealed", "InvalidState", "ALREADY_APPEALED"],
    [409, "conflict", "Conflict", undefined],
    [409, "stale_offer", "StaleOffer", undefined],
    [403, "sanctioned", "Sanctioned", undefined],
  ])("that is refused with %i %s rejects with %s", async (status, reason, name, told) => {
    const { http } = answering([[status, { reason, detail: "no", current: { service: "s" } }]]);
    const error = await http
      .send("service-terminated", { service: "s", outcome: "delivered" })
      .catch((cause) => cause);
    expect(error).toMatchObject({ name, message: "no", current: { service: "s" } });
    if (told) expect(error.reason).toBe(told);
  });
});

test("too many at once: the next waits as long as it is told, within its time", async () => {
  const slow: [number, unknown] = [429, { reason: "rate_limited", retry_after_ms: 5 }];
  const { http, asked } = answering([slow, slow, [200, { user: "ann" }]]);
  expect(await http.standing()).toEqual({ user: "ann" });
  expect(asked).toHaveLength(3);
  const { http: hasty } = answering([[429, { retry_after_ms: 60_000 }]]);
  await expect(hasty.standing()).rejects.toMatchObject({ code: "RATE_LIMITED", retryable: true });
});

describe("a token", () => {
  test("that is refused is asked for once more, and then no longer", async () => {
    const reasons: string[] = [];
    const token = (reason: string) => {
      reasons.push(reason);
      return `t${reasons.length}`;
    };
    const { http, asked } = answering(
      [
        [401, {}],
        [200, {}],
        [401, {}],
        [401, {}],
      ],
      { token },
    );
    await http.standing();
    expect(asked.map((one) => one.token)).toEqual(["Bearer t1", "Bearer t2"]);
    await expect(http.standing()).rejects.toMatchObject({ name: "TokenError", kind: "refused" });
    expect(reasons).toEqual(["connect", "refused", "connect", "refused"]);
  });

  test("of a link that is refused is not tried twice", async () => {
    const { http, asked } = answering([[401, {}]]);
    await expect(http.standing()).rejects.toMatchObject({ name: "TokenError" });
    expect(asked).toHaveLength(1);
  });

  test("that nobody gives asks nothing", async () => {
    const { http, asked } = answering([], { token: () => null });
    await expect(http.standing()).rejects.toMatchObject({ name: "SignedOut" });
    const { http: other } = answering([], { token: () => "no token" });
    await expect(other.standing()).rejects.toMatchObject({ name: "TokenError", kind: "invalid" });
    expect(asked).toEqual([]);
  });
});

test("a proxy's own page in place of an answer is no answer", async () => {
  const { http } = answering([[200, "<html>"]]);
  await expect(http.standing()).rejects.toMatchObject({ name: "Disconnected" });
});
