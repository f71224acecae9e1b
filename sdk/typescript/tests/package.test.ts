import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));

test("the library needs nothing else at run time", () => {
  expect(manifest).not.toHaveProperty("dependencies");
  expect(manifest).not.toHaveProperty("optionalDependencies");
  expect(Object.keys(manifest.peerDependencies)).toEqual(["react"]);
  expect(manifest.peerDependenciesMeta.react.optional).toBe(true);
});

test("each entry has its code and its types", () => {
  const { "./package.json": _, ...entries } = manifest.exports;
  for (const { types, default: code } of Object.values<Record<string, string>>(entries)) {
    expect(types).toMatch(/^\.\/dist\/.+\.d\.ts$/);
    expect(code).toBe(types?.replace(/\.d\.ts$/, ".js"));
  }
});
