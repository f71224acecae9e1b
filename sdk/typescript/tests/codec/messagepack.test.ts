/** The codec of MessagePack: against bytes that msgspec wrote, and back and forth. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decode, encode, msgpack } from "../../src/msgpack.ts";

/** Values and what Python's msgspec writes for them: `tests/typescript/test_messagepack.py` makes them anew. */
const VECTORS = readFileSync(new URL("messagepack.jsonl", import.meta.url), "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as { value: unknown; bytes: string });

const bytes = (...values: number[]) => new Uint8Array(values);

describe("bytes that msgspec writes", () => {
  test.each(VECTORS.map(({ value, bytes }) => [JSON.stringify(value).slice(0, 60), value, bytes]))(
    "%s",
    (_, value, written) => {
      expect(Buffer.from(encode(value)).toString("base64")).toBe(written);
      expect(decode(Buffer.from(written as string, "base64"))).toEqual(value);
    },
  );
});

describe("back and forth", () => {
  test("any value of JSON", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        expect(decode(encode(value))).toEqual(value);
      }),
    );
  });

  test("any integer that a number can hold, at its shortest", () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        const written = encode(value);
        expect(decode(written)).toBe(value);
        expect(written.length).toBeLessThanOrEqual(9);
      }),
    );
  });

  test("any number with a fraction, minus zero, and those without an end", () => {
    fc.assert(
      fc.property(fc.double(), (value) => {
        expect(decode(encode(value))).toBe(value);
      }),
    );
  });

  test("texts of all lengths of their header", () => {
    for (const length of [0, 31, 32, 255, 256, 65_535, 65_536]) {
      const text = "é".repeat(length);
      expect(decode(encode({ text, list: Array(length).fill(1) }))).toEqual({
        text,
        list: Array(length).fill(1),
      });
    }
  });

  test("a field that is undefined is left out, and one named __proto__ is a field", () => {
    expect(decode(encode({ one: undefined, two: 2 }))).toEqual({ two: 2 });
    const read = decode(bytes(0x81, 0xa9, ...Buffer.from("__proto__"), 1)) as object;
    expect(Object.keys(read)).toEqual(["__proto__"]);
  });

  test("bytes", () => {
    expect(decode(encode(bytes(1, 2, 3)))).toEqual(bytes(1, 2, 3));
  });
});

describe("what is no packet", () => {
  test("any bytes are read, or refused with an error", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (data) => {
        try {
          decode(data);
        } catch (error) {
          expect(error).toSatisfy((one) => one instanceof RangeError || one instanceof TypeError);
        }
      }),
    );
  });

  test("a prefix of a value is refused", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.nat(), (value, at) => {
        const written = encode(value);
        expect(() => decode(written.subarray(0, at % written.length))).toThrow();
      }),
    );
  });

  test.each([
    ["more than one value", [1, 1]],
    ["an extension", [0xd4, 1, 1]],
    ["the byte that is never used", [0xc1]],
    ["text that is no UTF-8", [0xa1, 0xff]],
    ["a list that would take all memory", [0xdd, 0xff, 0xff, 0xff, 0xff]],
    ["a map that would take all memory", [0xdf, 0xff, 0xff, 0xff, 0xff]],
    ["a field without a name", [0x81, 1, 1]],
    ["nesting without an end", Array(10_000).fill(0x91)],
  ])("%s", (_, data) => {
    expect(() => decode(bytes(...data))).toThrow();
  });

  test("a text frame, a list and a packet without a number are no packets", () => {
    expect(() => msgpack.decode("{}")).toThrow();
    for (const value of [[1], { d: {} }, { op: "1" }, { op: 1, d: [1] }, null])
      expect(() => msgpack.decode(encode(value).buffer)).toThrow();
    expect(msgpack.decode(encode({ op: 1, cur: "x" }).buffer)).toEqual({ op: 1, cur: "x", d: {} });
  });

  test("half of a surrogate pair is not changed into something else", () => {
    expect(() => decode(encode("\ud800"))).toThrow();
    expect(decode(encode("\u{1f600}"))).toBe("\u{1f600}");
  });

  test("what MessagePack cannot hold is refused, also without an end", () => {
    const endless: unknown[] = [];
    endless.push(endless);
    for (const value of [() => 1, Symbol("x"), 1n, endless]) expect(() => encode(value)).toThrow();
  });
});
