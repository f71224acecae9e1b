/**
 * Sizes of what a page loads when it uses a part of the library: bundled, minified, gzipped.
 *
 * `node scripts/sizes.ts` prints them; `tests/sizes.test.ts` holds them to their limits.
 */
import { gzipSync } from "node:zlib";
import { build, type Rolldown } from "vite";

const ROOT = new URL("..", import.meta.url).pathname;
const ENTRY = "virtual:what-a-page-uses";

/** A page's bundle: its code, its size in bytes after gzip, and the files under `src/` in it. */
export interface Bundle {
  readonly code: string;
  readonly bytes: number;
  readonly modules: readonly string[];
}

/** Bundles a page that consists of `code`, which imports from `/src/...`. React stays outside. */
export async function bundle(code: string): Promise<Bundle> {
  const built = (await build({
    root: ROOT,
    configFile: false,
    logLevel: "error",
    plugins: [
      {
        name: "entry",
        resolveId: (id) => (id === ENTRY ? id : null),
        load: (id) => (id === ENTRY ? code : null),
      },
    ],
    build: {
      write: false,
      target: "es2022",
      minify: true,
      modulePreload: { polyfill: false },
      rolldownOptions: {
        input: ENTRY,
        external: [/^react/],
        output: { codeSplitting: false },
      },
    },
  })) as Rolldown.RolldownOutput;
  const [chunk] = built.output;
  return {
    code: chunk.code,
    bytes: gzipSync(chunk.code, { level: 9 }).length,
    modules: Object.entries(chunk.modules)
      .filter(([id, { renderedLength }]) => renderedLength > 0 && id.startsWith(ROOT))
      .map(([id]) => id.slice(ROOT.length)),
  };
}

/** Something that pages use, and how many bytes they may load for it. */
export interface Part {
  readonly name: string;
  /** The page's code. */
  readonly code: string;
  readonly limit: number;
  /** The code of a page that has loaded all the rest anyway. */
  readonly beside?: string;
}

const CLIENT = `import { Client } from "/src/index.ts"; globalThis.client = Client;`;

export const PARTS: readonly Part[] = [
  {
    name: "a connection",
    code: `import { Connection } from "/src/index.ts"; globalThis.used = Connection;`,
    limit: 8 * 1024,
  },
  {
    name: "a connection with an outbox",
    code: `import { OutboxClient } from "/src/index.ts"; globalThis.used = OutboxClient;`,
    limit: 12 * 1024,
  },
  {
    name: "a client, with views and stores of conversations and deals",
    code: CLIENT,
    limit: 18_400,
  },
  {
    name: "the outbox in IndexedDB, shared by tabs",
    code: `${CLIENT} import { IndexedDbStore } from "/src/storage/indexeddb.ts"; globalThis.used = IndexedDbStore;`,
    beside: CLIENT,
    limit: 1_536,
  },
  {
    name: "HTTP for who is let into no socket",
    code: `${CLIENT} import { HttpClient } from "/src/http.ts"; globalThis.used = HttpClient;`,
    beside: CLIENT,
    limit: 1_536,
  },
  {
    name: "MessagePack",
    code: `${CLIENT} import * as all from "/src/msgpack.ts"; globalThis.used = all;`,
    beside: CLIENT,
    limit: 2 * 1024,
  },
  {
    name: "hooks for React",
    code: `${CLIENT} import * as all from "/src/react.ts"; globalThis.used = all;`,
    beside: CLIENT,
    limit: 2 * 1024,
  },
  {
    name: "the hooks for React, without the client",
    code: `import * as all from "/src/react.ts"; globalThis.used = all;`,
    limit: 2 * 1024,
  },
];

/** How many bytes a page loads for a part, minified and gzipped. */
export async function sizeOf({ code, beside }: Part): Promise<number> {
  const { bytes } = await bundle(code);
  return beside === undefined ? bytes : bytes - (await bundle(beside)).bytes;
}

if (import.meta.main) {
  for (const part of PARTS) {
    const bytes = await sizeOf(part);
    process.stdout.write(`${String(bytes).padStart(6)} of ${part.limit} bytes: ${part.name}\n`);
  }
}
