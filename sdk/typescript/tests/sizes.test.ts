import { expect, test } from "vitest";
import { bundle, PARTS } from "../scripts/sizes.ts";

test.each(PARTS)("$name fits into its limit, minified and gzipped", async ({ code, limit }) => {
  const { bytes } = await bundle(code);
  expect(bytes).toBeGreaterThan(0);
  expect(bytes).toBeLessThanOrEqual(limit);
});
