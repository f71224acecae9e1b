/** The examples of the README: each is type-checked and runs against a real edge. */

import "fake-indexeddb/auto";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createElement } from "react";
import { renderToString } from "react-dom/server";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { TIMING } from "../../src/connection/machine.ts";
import * as library from "../../src/index.ts";
import { OUTBOX_LIMITS } from "../../src/outbox/outbox.ts";
import { LIMITS } from "../../src/stores/book.ts";
import { mint } from "../support/people.ts";
import { begin, client, conversation, names } from "../support/readme.ts";

const ROOT = join(import.meta.dirname, "../..");
// Below the library, so that what it imports is found.
const FOLDER = join(ROOT, "tests", `readme-${process.pid}`);
const TEXT = readFileSync(join(ROOT, "README.md"), "utf8");
const GIVEN = ["Client", "client", "conversation", "until", "url", "token"];
const SOURCES: Record<string, string> = {
  "@parley/client": "../../src/index.ts",
  "@parley/client/http": "../../src/http.ts",
  "@parley/client/react": "../../src/react.ts",
  "@parley/client/storage/indexeddb": "../../src/storage/indexeddb.ts",
};

let his: library.ConversationStore;

interface Block {
  readonly file: string;
  readonly code: string;
}

/** Make a module of an example: it imports the sources, and what it takes for granted. */
function moduleOf(code: string): string {
  const imported = code
    .replace(/from "(@parley[^"]*)"/g, (_, name) => `from "${SOURCES[name]}"`)
    .replace(/"(alice|bob|carol)"/g, (_, name) => JSON.stringify(names[name]));
  const declared = (name: string) =>
    new RegExp(`(const|import) (\\{[^}]*)?\\b${name}\\b`).test(code);
  const used = GIVEN.filter((name) => new RegExp(`\\b${name}\\b`).test(code) && !declared(name));
  const given = used.length ? `import { ${used.join(", ")} } from "../support/readme.ts";\n` : "";
  return `${given}${imported.replace("ws://127.0.0.1:8080/ws", process.env["PARLEY_URL"] ?? "")}\nexport {};\n`;
}

const BLOCKS: Block[] = [...TEXT.matchAll(/```(tsx?)\n(.*?)```/gs)].map(
  ([, kind, code = ""], at) => ({
    file: join(FOLDER, `block${at}.${kind}`),
    code,
  }),
);

beforeAll(async () => {
  mkdirSync(FOLDER);
  for (const { file, code } of BLOCKS) writeFileSync(file, moduleOf(code));
  const config = {
    extends: "../../tsconfig.json",
    compilerOptions: { noUnusedLocals: false, noPropertyAccessFromIndexSignature: false },
    include: ["."],
  };
  writeFileSync(join(FOLDER, "tsconfig.json"), JSON.stringify(config));
  his = await begin();
});

afterAll(() => rmSync(FOLDER, { recursive: true }));

test("the examples have the types that they claim", () => {
  const tsc = join(ROOT, "../../node_modules/typescript/bin/tsc");
  const { stdout } = spawnSync(process.execPath, [tsc, "-p", FOLDER, "--noEmit"], {
    encoding: "utf8",
  });
  expect(stdout).toBe("");
});

test.each(BLOCKS)("the example of $file runs", async ({ file, code }) => {
  const log = vi.spyOn(console, "log").mockImplementation(() => {});
  vi.stubEnv("TOKEN", mint(names["alice"] ?? ""));
  // The marketplace's own server.
  if (code.includes('fetch("/token"')) {
    vi.stubGlobal("fetch", async () => Response.json({ token: mint(names["alice"] ?? "") }));
  }
  try {
    const running = import(file);
    if (code.includes("client.events()")) await his.send("Bye");
    const { App } = await running;
    if (App) {
      await Promise.all([client.conversationList.load(), conversation.load()]);
      expect(renderToString(createElement(App))).toContain("my roof leaks");
    } else if (code.includes("console.log")) expect(log).toHaveBeenCalled();
  } finally {
    vi.unstubAllGlobals();
    vi.unstubAllEnvs();
    log.mockRestore();
  }
});

test("a first conversation takes ten lines", () => {
  expect(BLOCKS[0]?.code.trim().split("\n").filter(Boolean).length).toBeLessThanOrEqual(10);
});

test("the tables name every error and every option", () => {
  const errors = Object.entries(library)
    .filter(([, one]) => typeof one === "function" && one.prototype instanceof Error)
    .map(([name]) => name);
  const options = Object.keys({ ...TIMING, ...OUTBOX_LIMITS, ...LIMITS });
  expect(errors.length).toBeGreaterThan(20);
  expect([...errors, ...options].filter((name) => !TEXT.includes(`\`${name}\``))).toEqual([]);
});
