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

/** What pages use, and how many bytes they may load for it. */
export const PARTS: readonly { name: string; code: string; limit: number }[] = [
  {
    name: "all of the main entry",
    code: `import * as all from "/src/index.ts"; globalThis.used = all;`,
    limit: 20 * 1024,
  },
];

if (import.meta.main) {
  for (const { name, code, limit } of PARTS) {
    const { bytes } = await bundle(code);
    process.stdout.write(`${String(bytes).padStart(6)} of ${limit} bytes: ${name}\n`);
  }
}
