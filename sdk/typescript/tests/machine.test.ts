/** The state machine of the connection: what holds after any inputs, at any time. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  dueAt,
  type Effect,
  type Input,
  initial,
  type Model,
  step,
  TIMING,
} from "../src/connection/machine.ts";
import { ProtocolError, rejection, TokenError, WrongUser } from "../src/errors.ts";

const delay = fc.oneof(fc.nat(100_000), fc.constantFrom(-1, 0, Number.NaN, Infinity, 1e15));
const found = fc.record({
  status: fc.constantFrom(0, 200, 400, 401, 403, 404, 408, 426, 429, 500, 503),
  reason: fc.constantFrom("", "word"),
  retryAfter: fc.option(delay, { nil: undefined }),
  standing: fc.option(fc.constant({ banned: true }), { nil: undefined }),
  suspendedFor: fc.option(delay, { nil: undefined }),
});
const greeting = fc.record({
  pingInterval: fc.nat(10_000),
  silence: fc.integer({ min: 1_000, max: 600_000 }),
  life: fc.integer({ min: -10_000, max: 1e10 }),
  live: fc.boolean(),
});
const code = fc.oneof(fc.constantFrom(1000, 1006, 4403), fc.integer({ min: 3000, max: 4999 }));
const refusal = (code: string) =>
  rejection({ code, message: "", retryable: code === "UNAVAILABLE" });

const input: fc.Arbitrary<Input> = fc.oneof(
  fc.record({
    type: fc.constantFrom("connect", "opened", "missed", "resumed", "suspect", "overflow"),
  }),
  fc.record({ type: fc.constantFrom("caughtUp", "wake", "tick", "tick", "opened", "opened") }),
  fc.record({ type: fc.constant("frame"), progress: fc.boolean() }),
  fc.record({
    type: fc.constant("setToken"),
    token: fc.option(fc.constant("set"), { nil: undefined }),
  }),
  fc.record({
    type: fc.constant("token"),
    token: fc.constantFrom("a", "b", null, "c", new TokenError("threw")),
  }),
  fc.record({ type: fc.constant("closed"), code, reason: fc.constant("") }),
  fc.record({ type: fc.constant("hello"), greeting }),
  fc.record({ type: fc.constant("hello"), greeting }),
  fc.record({ type: fc.constant("renewed"), life: fc.nat(100_000) }),
  fc.record({
    type: fc.constant("renewFailed"),
    error: fc.constantFrom(
      undefined,
      ...["PERMISSION_DENIED", "INVALID_ARGUMENT", "UNAVAILABLE"].map(refusal),
    ),
  }),
  fc.record({ type: fc.constant("reconnect"), delay }),
  fc.record({ type: fc.constant("probed"), found }),
  fc.constant({ type: "nonsense", error: new ProtocolError("") }),
  fc.constant({ type: "wrongUser", error: new WrongUser() }),
) as fc.Arbitrary<Input>;

/** One step of a run: an input, how much later it comes, and what chance says. */
const happening = fc.record({
  input,
  // Often exactly when the machine wants its tick.
  later: fc.option(fc.nat(100_000), { nil: undefined }),
  chance: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
});
const happenings = fc.array(happening, { maxLength: 60, size: "max" });
const RUNS = 600;
const token = fc.constantFrom(undefined, "fixed");

/** A machine, and what its effects have left open. */
class Run {
  model: Model;
  now = 0;
  sockets = 0;
  fetches = 0;
  probes = 0;
  effects: readonly Effect[] = [];

  constructor(fixed: string | undefined) {
    this.model = initial(fixed);
  }

  take(input: Input, later: number | undefined, chance: number): void {
    const due = dueAt(this.model);
    if (later !== undefined) this.now += later;
    else if (due < Infinity) this.now = Math.max(this.now, due);
    // What an input itself ends.
    if (input.type === "closed" && this.model.socket) this.sockets--;
    if (input.type === "token") this.fetches = 0;
    if (input.type === "probed") this.probes = 0;
    [this.model, this.effects] = step(TIMING, this.model, input, this.now, () => chance);
    for (const effect of this.effects) {
      if (effect.do === "open") this.sockets++;
      if (effect.do === "drop") this.sockets--;
      if (effect.do === "fetchToken") this.fetches++;
      if (effect.do === "abortToken") this.fetches--;
      if (effect.do === "probe") this.probes++;
      if (effect.do === "abortProbe") this.probes--;
      this.check();
    }
    this.check();
  }

  check(): void {
    // `expect` takes its time, and this is asked a million times.
    for (const [name, count] of Object.entries({
      sockets: this.sockets,
      fetches: this.fetches,
      probes: this.probes,
    }))
      if (count !== 0 && count !== 1) expect.fail(`${count} ${name}`);
  }
}

function always(holds: (run: Run) => void): void {
  fc.assert(
    fc.property(token, happenings, (fixed, steps) => {
      const run = new Run(fixed);
      run.take({ type: "connect" }, 0, 0.5);
      for (const { input, later, chance } of steps) {
        run.take(input, later, chance);
        holds(run);
      }
    }),
    { numRuns: RUNS },
  );
}

describe("after any inputs", () => {
  test("every state has a timer, or a typed and final reason", () => {
    always(({ model, now }) => {
      expect(dueAt(model)).not.toBeNaN();
      if (model.state === "unauthorized" || model.state === "refused")
        expect(model.reason).toBeInstanceOf(Error);
      else if (model.state === "waiting") {
        expect(model.reason).toBeInstanceOf(Error);
        expect(dueAt(model)).toBeLessThanOrEqual(now + TIMING.serverDelayLimit + 30_000);
      } else if (model.state !== "closed")
        expect(dueAt(model)).toBeLessThanOrEqual(now + TIMING.serverDelayLimit);
    });
  });

  test("its timers alone bring it to another attempt, or to a final reason", () => {
    always((run) => {
      const alone = new Run(undefined);
      Object.assign(alone, run);
      for (let count = 0; count < 12; count++) {
        const { state } = alone.model;
        if (state === "closed" || state === "unauthorized" || state === "refused") return;
        alone.take({ type: "tick" }, undefined, 0.5);
        if (alone.effects.some(({ do: it }) => it === "open" || it === "fetchToken")) return;
        // It cannot open one while consumers are too slow, but looks again.
        if (alone.model.blocked) return;
      }
      expect.fail(`nothing comes of ${JSON.stringify(run.model)}`);
    });
  });

  test("there is at most one socket, one fetch of a token and one request, as the model says", () => {
    always((run) => {
      expect(run.sockets).toBe(Number(run.model.socket));
      expect(run.fetches).toBe(Number(run.model.fetchUntil < Infinity));
      expect(run.probes).toBe(Number(run.model.phase === "probe"));
    });
  });

  test("a socket is open in the states that have one, and in no other", () => {
    always(({ model }) => {
      const opening = model.phase === "socket" || model.phase === "hello";
      const { state } = model;
      expect(model.socket).toBe(state === "live" || state === "resuming" || opening);
      expect(model.phase !== undefined).toBe(state === "connecting");
    });
  });

  test("after close() there is nothing left, and nothing happens", () => {
    fc.assert(
      fc.property(token, happenings, happenings, (fixed, before, after) => {
        const run = new Run(fixed);
        run.take({ type: "connect" }, 0, 0.5);
        for (const { input, later, chance } of before) run.take(input, later, chance);
        run.take({ type: "close" }, 0, 0.5);
        expect([run.sockets, run.fetches, run.probes]).toEqual([0, 0, 0]);
        for (const { input, later, chance } of after) {
          run.take(input, later, chance);
          expect(run.effects).toEqual([]);
          expect(run.model.state).toBe("closed");
          expect(dueAt(run.model)).toBe(Infinity);
        }
      }),
      { numRuns: RUNS },
    );
  });

  test("it changes nothing that it was given", () => {
    const freeze = (run: Run) => {
      Object.freeze(run.model);
    };
    always(freeze);
  });
});

describe("a wake-up", () => {
  const live = () => {
    const run = new Run("fixed");
    const greeting = { pingInterval: 5_000, silence: 35_000, life: 1e9, live: true };
    run.take({ type: "connect" }, 0, 0.5);
    run.take({ type: "opened" }, 0, 0.5);
    run.take({ type: "hello", greeting }, 0, 0.5);
    return run;
  };

  test("allows a live connection no more than the next PING, and a little", () => {
    const run = live();
    run.take({ type: "wake" }, 1_000, 0.5);
    expect(dueAt(run.model)).toBe(7_000);
    run.take({ type: "frame", progress: false }, 4_000, 0.5);
    expect(dueAt(run.model)).toBe(run.now + 35_000);
  });

  test("after a long sleep gives it two seconds, and then another socket", () => {
    const run = live();
    run.take({ type: "wake" }, 34_000, 0.5);
    expect(dueAt(run.model)).toBe(35_000);
    run.take({ type: "tick" }, 3_600_000, 0.5);
    expect(run.model.state).toBe("waiting");
  });

  test("ends a wait at once, but for one that the server asked for", () => {
    const run = live();
    run.take({ type: "closed", code: 1006, reason: "" }, 0, 0.9);
    run.take({ type: "wake" }, 0, 0.5);
    expect(run.model.state).toBe("connecting");
    const asked = live();
    asked.take({ type: "reconnect", delay: 9_000 }, 0, 0.5);
    asked.take({ type: "wake" }, 0, 0.5);
    expect(asked.model.state).toBe("waiting");
  });
});
