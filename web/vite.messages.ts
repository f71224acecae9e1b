import { parse, TYPE } from "@formatjs/icu-messageformat-parser";
import type { Plugin } from "vite";

const PARSER = "@formatjs/icu-messageformat-parser";
const MESSAGES = /\/messages\/\w+\.json$/;

/** Reads messages when an app is built, so that the reader of their format is no part of it. */
export function readMessages(): Plugin {
  return {
    name: "parley-messages",
    enforce: "pre",
    resolveId(source, importer) {
      if (source !== PARSER || !importer?.includes("/intl-messageformat/")) return undefined;
      return this.resolve(`${PARSER}/no-parser.js`, importer);
    },
    transform(source, id) {
      if (!MESSAGES.test(id)) return undefined;
      const messages = Object.entries(JSON.parse(source) as Record<string, string>);
      return JSON.stringify(Object.fromEntries(messages.map(([key, text]) => [key, read(text)])));
    },
  };
}

/** Give a message as it is shown, or its elements where it has arguments. */
function read(text: string): string | ReturnType<typeof parse> {
  // Messages are text, in which "<" is a character.
  const elements = parse(text, { ignoreTag: true });
  const [first] = elements;
  if (!first) return "";
  return elements.length === 1 && first.type === TYPE.literal ? first.value : elements;
}
