import { readdirSync, readFileSync } from "node:fs";
import { type MessageFormatElement, parse, TYPE } from "@formatjs/icu-messageformat-parser";
import { describe, expect, it } from "vitest";

type Messages = Record<string, string>;

/** The apps that have words, each in the folder `messages`. */
const APPS = readdirSync(new URL("../src", import.meta.url)).filter((app) => {
  const folder = new URL(`../src/${app}/`, import.meta.url);
  return readdirSync(folder).includes("messages");
});

function messages(app: string, language: string): Messages {
  const file = new URL(`../src/${app}/messages/${language}.json`, import.meta.url);
  return JSON.parse(readFileSync(file, "utf8")) as Messages;
}

/** The names of the arguments of a message. */
function argumentsOf(elements: readonly MessageFormatElement[]): Set<string> {
  const names = new Set<string>();
  for (const element of elements) {
    if (element.type === TYPE.literal || element.type === TYPE.pound) continue;
    names.add(element.value);
    if (element.type !== TYPE.select && element.type !== TYPE.plural) continue;
    for (const { value } of Object.values(element.options)) {
      for (const name of argumentsOf(value)) names.add(name);
    }
  }
  return names;
}

describe.each(APPS)("the words of %s", (app) => {
  const [english, french] = [messages(app, "en"), messages(app, "fr")];

  it("are there in both languages, in order", () => {
    expect(Object.keys(english)).toEqual(Object.keys(french));
    expect(Object.keys(english)).toEqual(Object.keys(english).toSorted());
    expect(Object.keys(english).length).toBeGreaterThan(0);
  });

  it.each(Object.keys(english))("%s can be read, and has the same arguments in both", (key) => {
    const read = (text = "") => argumentsOf(parse(text, { ignoreTag: true }));
    expect(read(french[key])).toEqual(read(english[key]));
    expect(french[key]?.trim()).toBeTruthy();
  });
});

it("has an app with words", () => {
  expect(APPS).toContain("people");
});
