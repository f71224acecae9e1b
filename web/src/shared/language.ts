/** The language of the page, and its messages. */

import type { MessageFormatElement } from "@formatjs/icu-messageformat-parser";
import { signal } from "@preact/signals";
import IntlMessageFormat from "intl-messageformat";
import { recall, remember } from "./settings.ts";

/** The languages that there are, each by its own name. */
export const LANGUAGES = { en: "English", fr: "Français" } as const;

export type Language = keyof typeof LANGUAGES;

/** Values of the arguments of a message. */
export type Values = Readonly<Record<string, string | number | Date>>;

/** Give the text of a message in the language of the page, or in another one. */
export type Translate<Key extends string> = (
  key: Key,
  values?: Values,
  inLanguage?: Language,
) => string;

function isLanguage(name: string | undefined): name is Language {
  return name !== undefined && Object.hasOwn(LANGUAGES, name);
}

/** Give the first of some languages, "fr" or "fr-CA", that there are words in; without one the browser's. */
export function firstLanguage(...wanted: readonly (string | undefined)[]): Language {
  const names = [...wanted, ...navigator.languages].map((name) => name?.split("-")[0]);
  return names.find(isLanguage) ?? "en";
}

/** The language that is shown; components that read it render anew when it changes. */
export const language = signal<Language>(firstLanguage(recall("language")));

/** Show another language from now on, also after the page was loaded anew. */
export function chooseLanguage(chosen: Language): void {
  remember("language", chosen);
  language.value = chosen;
}

/** Make the translation of messages, which are in the format ICU MessageFormat; vite.messages.ts has read them. */
export function translator<Key extends string>(
  messages: Readonly<Record<Language, Readonly<Record<Key, string | MessageFormatElement[]>>>>,
): Translate<Key> {
  const formats = new Map<string, IntlMessageFormat>();
  return (key, values = {}, inLanguage = language.value) => {
    const message = messages[inLanguage][key];
    if (typeof message === "string") return message;
    const name = `${inLanguage} ${key}`;
    let format = formats.get(name);
    if (!format) {
      format = new IntlMessageFormat(message, inLanguage);
      formats.set(name, format);
    }
    return String(format.format(values));
  };
}
