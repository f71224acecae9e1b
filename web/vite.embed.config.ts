import { copyFileSync, mkdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig, mergeConfig } from "vite";
import people from "./vite.config.ts";

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** The custom properties of the look, each with the value that it has until a page gives another. */
const look = new Map<string, string>();
const theme = readFileSync(file("src/shared/theme.css"), "utf8");
const defaults = /:host\s*\{([^}]*)\}/.exec(theme)?.[1] ?? "";
for (const [, name = "", value = ""] of defaults.matchAll(/(--parley-[\w-]+):\s*([^;]+);/g)) {
  look.set(name, value);
}

interface Declaration {
  prop: string;
  value: string;
  remove(): void;
}

/**
 * Makes style sheets of an app into those of elements in a page of somebody else: custom properties come from anywhere
 * in the page, and sizes do not depend on the size of the page's text.
 */
const embedding = {
  postcssPlugin: "parley-embedding",
  Declaration(one: Declaration) {
    if (look.has(one.prop)) {
      one.remove();
      return;
    }
    one.value = one.value
      .replace(/var\((--parley-[\w-]+)\)/g, (whole, name: string) => {
        const value = look.get(name);
        return value === undefined ? whole : `var(${name}, ${value})`;
      })
      .replace(/(\d*\.?\d+)rem\b/g, "calc($1 * var(--parley-unit))");
  },
};

export default mergeConfig(
  people,
  defineConfig({
    publicDir: false,
    css: { postcss: { plugins: [embedding] } },
    build: {
      outDir: "dist/embed",
      emptyOutDir: true,
      // One module that others import; not Vite's form of a library, which leaves it large.
      rolldownOptions: {
        input: file("src/embed/parley.tsx"),
        preserveEntrySignatures: "strict",
        output: { entryFileNames: "parley.js", codeSplitting: false },
      },
    },
    plugins: [
      {
        name: "parley-embed-files",
        closeBundle() {
          copyFileSync(file("src/embed/declared.d.ts"), file("dist/embed/parley.d.ts"));
          // Beside the app, so that whoever serves it serves the elements.
          mkdirSync(file("dist/people/embed"), { recursive: true });
          copyFileSync(file("dist/embed/parley.js"), file("dist/people/embed/parley.js"));
        },
      },
    ],
  }),
);
