/** The token: the function that gives it, whatever it does, and its renewal. */
import { describe, expect, test } from "vitest";
import { hello, newWorlds } from "./support/world.ts";

const here = newWorlds();

const HOUR = 3_600_000;

describe("a token function", () => {
  test.each<[string, string, () => unknown]>([
    [
      "throws",
      "threw",
      () => {
        throw new Error("the session is gone");
      },
    ],
    ["rejects", "threw", () => Promise.reject(new Error("503"))],
    ["gives a number", "invalid", () => 7],
    ["gives an object", "invalid", () => ({ token: "x" })],
    ["gives nothing to read", "invalid", () => ""],
    ["gives white space", "invalid", () => "  "],
    ["gives a page of HTML", "invalid", () => "<!doctype html>"],
    ["gives a line break", "invalid", () => "abc\n"],
    ["gives more than any token has", "invalid", () => "x".repeat(7_169)],
  ])("that %s: a typed error, and it is asked again later", async (_, kind, wrong) => {
    let calls = 0;
    const token = () => (++calls === 1 ? wrong() : "good") as string;
    const client = await here.now.connect({ token });
    expect(client.state).toBe("waiting");
    expect(client.reason).toMatchObject({ name: "TokenError", kind });
    expect(here.now.of("error").map(({ error }) => error)).toEqual([client.reason]);
    await here.now.pass(500);
    here.now.socket.greet();
    expect(client.state).toBe("live");
    expect(calls).toBe(2);
  });

  test("that hangs is given up, told so by its signal, and not heard any more", async () => {
    const signals: AbortSignal[] = [];
    let late: (token: string) => void = () => {};
    const client = await here.now.connect({
      token: (_reason, signal) => {
        signals.push(signal);
        return new Promise((resolve) => {
          late = resolve;
        });
      },
    });
    const first = late;
    await here.now.pass(9_999);
    expect(signals[0]?.aborted).toBe(false);
    await here.now.pass(1);
    expect(signals[0]?.aborted).toBe(true);
    expect(client.reason).toMatchObject({ name: "TokenError", kind: "timeout" });
    first("late");
    await here.now.settle();
    expect(here.now.sockets).toHaveLength(0);
    await here.now.pass(500);
    expect(signals).toHaveLength(2);
  });

  test.each([null, undefined])("that gives %s: nobody is signed in", async (nobody) => {
    let token: string | null | undefined = nobody;
    const client = await here.now.connect({ token: () => token as string });
    expect(client.state).toBe("unauthorized");
    expect(client.reason?.name).toBe("SignedOut");
    await here.now.pass(24 * HOUR);
    expect(here.now.sockets).toHaveLength(0);
    token = "good";
    client.setToken();
    await here.now.settle();
    here.now.socket.greet();
    expect(client.state).toBe("live");
  });

  test("is not called twice at the same time, whatever happens meanwhile", async () => {
    let calls = 0;
    const client = await here.now.connect({ token: () => new Promise(() => calls++) });
    client.connect();
    client.connect();
    await here.now.pass(5_000);
    expect(calls).toBe(1);
  });

  test("is not called while the token at hand is good", async () => {
    let calls = 0;
    await here.now.live({ token: async () => `token${++calls}` });
    for (let count = 0; count < 5; count++) {
      here.now.socket.end();
      await here.now.pass(30_000);
      here.now.socket.greet({ resumed: true });
    }
    expect(calls).toBe(1);
  });

  test("is called when the token at hand has expired meanwhile", async () => {
    let calls = 0;
    await here.now.live({ token: async () => `token${++calls}` });
    // While the machine slept.
    here.now.socket.end();
    const { vi } = await import("vitest");
    vi.setSystemTime(Date.now() + 2 * HOUR);
    await here.now.pass(1_000);
    expect(calls).toBe(2);
    expect(here.now.socket.token).toBe("token2");
  });

  test("is aborted by close()", async () => {
    let aborted: AbortSignal | undefined;
    const client = await here.now.connect({
      token: (_reason, signal) => {
        aborted = signal;
        return new Promise(() => {});
      },
    });
    await client.close();
    expect(aborted?.aborted).toBe(true);
  });
});

describe("renewal", () => {
  const expiring = (milliseconds: number) => ({
    token_expires_at: new Date(Date.now() + milliseconds).toISOString(),
  });
  const counting = () => {
    const reasons: string[] = [];
    return { reasons, token: async (reason: string) => `token${reasons.push(reason)}` };
  };

  test.each([
    [10_000, 8_000],
    [100_000, 80_000],
    [HOUR, HOUR - 60_000],
    [365 * 24 * HOUR, 365 * 24 * HOUR - 60_000],
  ])("of a token for %i ms comes after %i ms", async (life, after) => {
    const { reasons, token } = counting();
    const client = await here.now.connect({ token });
    here.now.socket.greet(expiring(life));
    const { vi } = await import("vitest");
    // Without the sleep of a year between two PINGs.
    const step = 30_000;
    let left = after;
    if (left > HOUR) {
      vi.setSystemTime(Date.now() + left - HOUR);
      left = HOUR;
      here.now.socket.say(1);
    }
    for (; left > step; left -= step) {
      await here.now.pass(step);
      here.now.socket.say(1);
    }
    await here.now.pass(left - 10);
    expect(reasons).toEqual(["connect"]);
    await here.now.pass(10);
    expect(reasons).toEqual(["connect", "expiring"]);
    expect(here.now.socket.of(14)[0]?.d).toEqual({ token: "token2" });
    here.now.socket.answer(14, 3, hello());
    expect(client.state).toBe("live");
    expect(here.now.sockets).toHaveLength(1);
  });

  test("by the server's clock, however wrong the one here is", async () => {
    const { reasons, token } = counting();
    await here.now.connect({ token });
    // The server's clock is a day ahead of this one; sessions are named by its time.
    const now = Date.now() + 24 * HOUR;
    const time = now.toString(16).padStart(12, "0");
    here.now.socket.greet({
      session: `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-000000000000`,
      token_expires_at: new Date(now + 30_000).toISOString(),
    });
    await here.now.pass(23_900);
    expect(reasons).toEqual(["connect"]);
    await here.now.pass(200);
    expect(reasons).toEqual(["connect", "expiring"]);
  });

  test("of a fixed token is not tried", async () => {
    await here.now.connect({ token: "fixed" });
    here.now.socket.greet(expiring(10_000));
    await here.now.pass(20_000);
    expect(here.now.socket.of(14)).toEqual([]);
  });

  test("that fails changes nothing until the token expires, and is tried again", async () => {
    let calls = 0;
    const client = await here.now.connect({
      token: async () => {
        if (++calls > 1) throw new Error("503");
        return "token1";
      },
    });
    here.now.socket.greet(expiring(60_000));
    await here.now.pass(50_000 - 16_000);
    here.now.socket.say(1);
    await here.now.pass(25_000);
    expect(calls).toBeGreaterThan(2);
    expect(calls).toBeLessThan(10);
    expect(client.state).toBe("live");
    expect(here.now.of("error").every(({ error }) => error.name === "TokenError")).toBe(true);
  });

  test("with a token that the server refuses fetches another one", async () => {
    const { reasons, token } = counting();
    const client = await here.now.connect({ token });
    here.now.socket.greet(expiring(10_000));
    await here.now.pass(8_000);
    const refused = { code: "INVALID_ARGUMENT", message: "token: revoked", retryable: false };
    here.now.socket.answer(14, 4, refused);
    await here.now.pass(2_000);
    expect(reasons).toEqual(["connect", "expiring", "refused"]);
    expect(here.now.socket.of(14)).toHaveLength(2);
    expect(client.state).toBe("live");
  });

  test("with a token of another user ends the connection, and nothing is sent", async () => {
    const client = await here.now.connect({ token: counting().token });
    here.now.socket.greet(expiring(10_000));
    await here.now.pass(8_000);
    const denied = { code: "PERMISSION_DENIED", message: "another user's", retryable: false };
    here.now.socket.answer(14, 4, denied);
    expect(client.state).toBe("refused");
    expect(client.reason?.name).toBe("WrongUser");
    expect(here.now.socket.open).toBe(false);
  });

  test("that says that nobody is signed in any more ends the connection", async () => {
    let token: string | null = "token1";
    const client = await here.now.connect({ token: () => token });
    here.now.socket.greet(expiring(10_000));
    token = null;
    await here.now.pass(8_000);
    expect(client.state).toBe("unauthorized");
    expect(here.now.socket.open).toBe(false);
  });

  test("by setToken goes over the same socket", async () => {
    const client = await here.now.live({ token: "token1" });
    client.setToken("token2");
    expect(here.now.socket.of(14)[0]?.d).toEqual({ token: "token2" });
    expect(client.state).toBe("live");
  });

  test("that is still fetched when the socket ends is used for the next one", async () => {
    let give: (token: string) => void = () => {};
    let calls = 0;
    await here.now.connect({
      token: () => {
        if (++calls === 1) return "token1";
        return new Promise((resolve) => {
          give = resolve;
        });
      },
    });
    here.now.socket.greet(expiring(10_000));
    await here.now.pass(8_000);
    here.now.socket.end();
    give("token2");
    await here.now.pass(500);
    expect(here.now.socket.token).toBe("token2");
    expect(calls).toBe(2);
  });
});
