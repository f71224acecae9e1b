import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

/** The page of each app; `--mode` names the one that is built, into a folder of its own below `dist`. */
const PAGES: Readonly<Record<string, string>> = { people: "index.html", desk: "desk.html" };

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig(({ mode, command }) => {
  const page = PAGES[mode];
  if (command === "build" && !page)
    throw new Error(`--mode is one of ${Object.keys(PAGES).join(", ")}`);
  return {
    root: file("."),
    // Any host can serve it below any path.
    base: "./",
    // The service worker is that of people; moderators do nothing without a network.
    publicDir: mode === "people" ? "public" : false,
    resolve: {
      alias: [
        {
          find: "@parley/client/storage/indexeddb",
          replacement: file("../sdk/typescript/src/storage/indexeddb.ts"),
        },
        { find: "@parley/client", replacement: file("../sdk/typescript/src/index.ts") },
      ],
    },
    build: {
      target: "es2022",
      outDir: `dist/${mode}`,
      // The policy of the page lets no style or image be written into it.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      rolldownOptions: page ? { input: file(page) } : {},
    },
  };
});
