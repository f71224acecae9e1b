import { expect, test } from "vitest";
import { bundle, PARTS, sizeOf } from "../scripts/sizes.ts";

test.each(PARTS)("$name: fits into its limit, minified and gzipped", async (part) => {
  const bytes = await sizeOf(part);
  expect(bytes).toBeGreaterThan(0);
  expect(bytes).toBeLessThanOrEqual(part.limit);
});

test("a page that uses one error loads nothing else", async () => {
  const { modules } = await bundle(
    `import { StaleOffer } from "/src/index.ts"; globalThis.used = StaleOffer;`,
  );
  expect(modules).toEqual(["src/errors.ts"]);
});

test("importing for nothing loads nothing", async () => {
  for (const entry of ["http", "index", "msgpack", "react", "storage/indexeddb"]) {
    const { modules } = await bundle(`import "/src/${entry}.ts";`);
    expect(modules, entry).toEqual([]);
  }
});

test("a page without memory, outbox, stores and MessagePack loads none of them", async () => {
  const { modules } = await bundle(
    `import { Connection } from "/src/index.ts"; globalThis.used = Connection;`,
  );
  const elsewhere = /outbox|objects|storage|messagepack|stores|react|pages|money/;
  expect(modules.filter((module) => elsewhere.test(module))).toEqual([]);
});
