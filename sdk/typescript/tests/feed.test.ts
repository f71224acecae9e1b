/** The queue of events: each consumer is told each event once, in order, and cursors follow the slowest. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Feed } from "../src/events/feed.ts";

function make(limit = 10) {
  const confirmed: string[] = [];
  let roomy = 0;
  const feed = new Feed<number>(
    limit,
    (cursor) => confirmed.push(cursor),
    () => roomy++,
  );
  return { feed, confirmed, roomy: () => roomy };
}

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("without a consumer", () => {
  test("events wait for the first one", () => {
    const { feed, confirmed } = make();
    feed.push(1, "c1");
    feed.push(2, "c2");
    expect(confirmed).toEqual([]);
    const told: number[] = [];
    feed.on((event) => told.push(event));
    expect(told).toEqual([1, 2]);
    expect(confirmed).toEqual(["c1", "c2"]);
  });

  test("beyond the limit the oldest go, and never make it full", () => {
    const { feed } = make(3);
    for (let event = 1; event <= 5; event++) feed.push(event);
    expect(feed.full).toBe(false);
    const told: number[] = [];
    feed.on((event) => told.push(event));
    expect(told).toEqual([3, 4, 5]);
  });

  test("a cursor that tells of nothing is confirmed at once, but not before what waits", () => {
    const { feed, confirmed } = make();
    feed.cover("c1");
    expect(confirmed).toEqual(["c1"]);
    feed.push(1, "c2");
    feed.cover("c3");
    expect(confirmed).toEqual(["c1"]);
    feed.on(() => {});
    expect(confirmed).toEqual(["c1", "c3"]);
  });
});

describe("several consumers", () => {
  test("the slowest decides what is confirmed", async () => {
    const { feed, confirmed } = make();
    const iterator = feed.iterate();
    feed.on(() => {});
    feed.push(1, "c1");
    feed.push(2, "c2");
    expect(confirmed).toEqual([]);
    await iterator.next();
    expect(confirmed).toEqual([]);
    await iterator.next();
    expect(confirmed).toEqual(["c1"]);
    await iterator.return?.();
    expect(confirmed).toEqual(["c1", "c2"]);
  });

  test("one that leaves in the middle of an event leaves the rest to the next", async () => {
    const { feed, confirmed } = make();
    const iterator = feed.iterate();
    for (let event = 1; event <= 3; event++) feed.push(event, `c${event}`);
    for await (const event of iterator) if (event === 2) break;
    expect(confirmed).toEqual(["c1"]);
    const told: number[] = [];
    feed.on((event) => told.push(event));
    expect(told).toEqual([3]);
    expect(confirmed.at(-1)).toBe("c3");
  });

  test("a second one is told what comes from then on", () => {
    const { feed } = make();
    feed.on(() => new Promise(() => {}));
    feed.push(1);
    const told: number[] = [];
    feed.on((event) => told.push(event));
    feed.push(2);
    expect(told).toEqual([2]);
  });
});

describe("the end", () => {
  test("iterators that wait end, and listeners are told nothing more", async () => {
    const { feed, confirmed } = make();
    const told: number[] = [];
    feed.on((event) => told.push(event));
    const waiting = feed.iterate().next();
    feed.close();
    feed.push(1);
    feed.cover("c");
    expect(confirmed).toEqual([]);
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(await feed.iterate().next()).toEqual({ done: true, value: undefined });
    expect(told).toEqual([]);
  });

  test("an aborted iterator raises the reason, and holds nothing up", async () => {
    const { feed, confirmed } = make();
    const abort = new AbortController();
    const iterator = feed.iterate(abort.signal);
    const other = feed.on(() => {});
    const waiting = iterator.next();
    abort.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    feed.push(1, "c1");
    expect(confirmed).toEqual(["c1"]);
    other();
  });

  test("an error in a listener is reported, and the next event comes", async () => {
    const { feed } = make();
    const told: number[] = [];
    const reported: unknown[] = [];
    const report = (error: unknown) => reported.push(error);
    process.on("uncaughtException", report);
    feed.on((event) => {
      told.push(event);
      if (event === 1) throw new Error("a defect");
    });
    feed.push(1);
    feed.push(2);
    await settled();
    process.off("uncaughtException", report);
    expect(told).toEqual([1, 2]);
    expect(reported).toMatchObject([{ message: "a defect" }]);
  });
});

test("whoever consumes, and however slowly, is told each event once and in order", async () => {
  const consumer = fc.record({ from: fc.nat(20), steps: fc.array(fc.nat(3), { maxLength: 30 }) });
  await fc.assert(
    fc.asyncProperty(fc.array(consumer, { minLength: 1, maxLength: 4 }), async (consumers) => {
      const { feed, confirmed } = make(1_000);
      const runs = consumers.map(() => ({ told: [] as number[], iterator: feed.iterate() }));
      for (let event = 0; event < 20; event++) {
        feed.push(event, String(event));
        for (const [index, { steps }] of consumers.entries()) {
          const run = runs[index];
          for (let count = steps[event] ?? 0; run && count > 0; count--)
            if (run.told.length <= event)
              run.told.push((await run.iterator.next()).value as number);
        }
        // What is confirmed was handled by all: each has asked for the one after it.
        const last = Number(confirmed.at(-1) ?? -1);
        for (const { told } of runs) expect(last).toBeLessThan(Math.max(told.length, 1));
      }
      for (const { told } of runs) expect(told).toEqual(told.map((_, index) => index));
    }),
  );
});
