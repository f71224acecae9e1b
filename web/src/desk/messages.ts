/** The words of the desk. */

import { translator } from "../shared/language.ts";
import en from "./messages/en.json";
import fr from "./messages/fr.json";

export type MessageKey = keyof typeof en;

/** Give a text of the desk in the language of the page. */
export const t = translator<MessageKey>({ en, fr });

/** Give the text that a family of messages has for a word of the API, or the word itself if it is newer. */
export function wordFor(family: string, word: string): string {
  const key = `${family}_${word || "unspecified"}`;
  return Object.hasOwn(en, key) ? t(key as MessageKey) : word.replaceAll("_", " ");
}
