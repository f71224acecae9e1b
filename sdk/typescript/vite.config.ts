import { existsSync } from "node:fs";
import { defineConfig } from "vitest/config";

/** Modules under `src/` that others import, as `exports` of package.json names them. */
const entries = ["http", "index", "msgpack", "react", "storage/indexeddb"];

/** The source of an entry; a module with JSX has its own ending. */
function source(entry: string): string {
  const path = new URL(`src/${entry}.ts`, import.meta.url).pathname;
  return existsSync(path) ? path : `${path}x`;
}

export default defineConfig({
  build: {
    target: "es2022",
    // Declarations are written into the same folder after this, by tsc.
    emptyOutDir: true,
    sourcemap: true,
    lib: {
      entry: Object.fromEntries(entries.map((entry) => [entry, source(entry)])),
      formats: ["es"],
    },
    rolldownOptions: {
      external: ["react"],
      output: { chunkFileNames: "shared/[name].js" },
    },
  },
  test: {
    include: ["tests/**/*.test.{ts,tsx}"],
    // Files of this folder need a server, whose address the environment holds.
    exclude: process.env["PARLEY_URL"] ? [] : ["tests/edge/**"],
    // pytest runs many files at the same time.
    maxWorkers: 1,
  },
});
