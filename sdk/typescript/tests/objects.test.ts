/** The memory of objects: by the same vectors as that of Python, in any order of packets. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Objects, type Shown } from "../src/objects.ts";
import type { Data } from "../src/protocol.ts";

interface Vector {
  readonly packets: readonly (readonly [number, Data])[];
  readonly known: readonly Omit<Shown, "part">[];
}

/** Packets, and what Python knows after them: `tests/typescript/test_objects.py` makes them anew. */
const VECTORS: Vector[] = readFileSync(new URL("objects.jsonl", import.meta.url), "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line));

const KINDS = [...new Set(VECTORS.flatMap(({ known }) => known.map(({ kind }) => kind)))];

function remember(limit = 1_000): Objects {
  const objects = new Objects(limit);
  objects.user = "me";
  return objects;
}

/** Gives what is known, without what is absent. */
function known(objects: Objects): unknown[] {
  return KINDS.flatMap((kind) => objects.all(kind)).map(
    ({ kind, key, version, whole, content }) => ({
      kind,
      key,
      version,
      whole,
      content: Object.fromEntries(
        Object.entries(content).filter(([, value]) => value !== null && value !== undefined),
      ),
    }),
  );
}

const sorted = (list: readonly unknown[]) => list.map((one) => JSON.stringify(one, order)).sort();

/** Writes the fields of objects in one order. */
function order(_: string, value: unknown): unknown {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)));
}

test("after the same packets it knows what Python knows", () => {
  for (const vector of VECTORS) {
    const objects = remember();
    for (const [op, data] of vector.packets) objects.take(op, data);
    expect(sorted(known(objects))).toEqual(sorted(vector.known));
  }
});

describe("one message in any order", () => {
  const whole = (version: number, text: string): [number, Data] => [
    11,
    {
      conversation: "c",
      more: false,
      messages: [
        { message: "m", conversation: "c", seq: 1, sender: "a", kind: "text", version, text },
      ],
    },
  ];
  const changed = (version: number, change: string, text?: string): [number, Data] => [
    22,
    { conversation: "c", message: "m", seq: 1, change, version, ...(text && { text }) },
  ];
  const packets = [
    whole(1, "first"),
    changed(2, "edited", "second"),
    whole(2, "second"),
    changed(3, "removed"),
    changed(4, "restored", "second"),
    changed(5, "edited", "third"),
  ];

  test("the newest text stands", () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(packets, { minLength: 6 }), (shuffled) => {
        const objects = remember();
        for (const [op, data] of shuffled) objects.take(op, data);
        const message = objects.of("message", "m");
        expect(message?.content).toMatchObject({ text: "third", sender: "a" });
        expect(message?.content["tombstone"] ?? null).toBeNull();
      }),
    );
  });

  test("a packet that changes nothing is told as no change", () => {
    const objects = remember();
    expect(objects.take(...whole(1, "first"))).toHaveLength(1);
    expect(objects.take(...whole(1, "first"))).toHaveLength(0);
    expect(objects.take(...changed(1, "edited", "older"))).toHaveLength(1);
  });
});

test("beyond its limit it forgets what no packet has shown for the longest time", () => {
  const objects = remember(2);
  const online = (user: string) => objects.take(19, { user, online: true, version: 1 });
  online("a");
  online("b");
  online("a");
  online("c");
  expect(objects.of("presence", "b")).toBeUndefined();
  expect(objects.of("presence", "a")).toBeDefined();
});

test("after a reset an older version is taken as it comes", () => {
  const objects = remember();
  objects.take(19, { user: "a", online: true, version: 9 });
  objects.clear();
  objects.take(19, { user: "a", online: false, version: 1 });
  expect(objects.of("presence", "a")?.content).toEqual({ user: "a", online: false });
});

test("a packet that is newer than this library shows nothing", () => {
  expect(remember().take(0x77, { conversation: "c", version: 1 })).toEqual([]);
});
