import { describe, expect, it } from "vitest";
import { type Group, match } from "../src/desk/shortcuts.ts";

function group(...keys: string[]): Group {
  return { title: "", shortcuts: keys.map((one) => ({ keys: one, label: one, run: () => {} })) };
}

const GROUPS = [group("?", "g q", "g a"), group("j", "g a", "a")];

describe("a short cut", () => {
  it.each([
    ["", "j", "j", false],
    ["", "g", undefined, true],
    ["g", "q", "g q", false],
    ["g", "x", undefined, false],
    ["", "q", undefined, false],
    ["", "a", "a", false],
  ])("after %o is found by %s", (before, key, found, isBegun) => {
    const { run, isBegun: begun } = match(GROUPS, before, key);
    expect(run?.keys).toBe(found);
    expect(begun).toBe(isBegun);
  });

  it("is that of what was shown last, where two have the same keys", () => {
    expect(match(GROUPS, "g", "a").run).toBe(GROUPS[1]?.shortcuts[1]);
  });
});
