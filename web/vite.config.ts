import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";
import { readMessages } from "./vite.messages.ts";

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  root: file("."),
  // Any host can serve it below any path.
  base: "./",
  plugins: [readMessages()],
  resolve: {
    alias: [
      {
        find: "@parley/client/http",
        replacement: file("../sdk/typescript/src/http.ts"),
      },
      {
        find: "@parley/client/storage/indexeddb",
        replacement: file("../sdk/typescript/src/storage/indexeddb.ts"),
      },
      { find: "@parley/client", replacement: file("../sdk/typescript/src/index.ts") },
    ],
  },
  build: {
    target: "es2022",
    outDir: "dist/people",
    // The policy of the page lets no style or image be written into it.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
