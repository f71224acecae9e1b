import { fileURLToPath } from "node:url";
import { defineConfig, mergeConfig } from "vite";
import people from "./vite.config.ts";

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export default mergeConfig(
  people,
  defineConfig({
    root: file("desk"),
    // It has no service worker: nothing that moderators see is kept.
    publicDir: false,
    build: { outDir: file("dist/desk"), emptyOutDir: true },
  }),
);
