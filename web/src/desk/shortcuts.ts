/** Keyboard short cuts: single keys, or one after another as in "g q". None while somebody types. */

import { signal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { recall, remember } from "../shared/settings.ts";

/** A short cut, and what it does in words. */
export interface Shortcut {
  /** As `KeyboardEvent.key` says them, with a space between two that follow one another. */
  readonly keys: string;
  readonly label: string;
  readonly run: () => void;
}

/** The short cuts of a part of the page. */
export interface Group {
  readonly title: string;
  readonly shortcuts: readonly Shortcut[];
}

const SEQUENCE_MS = 1_500;
const SETTING = "shortcuts";
// Keys that are pressed in these are theirs.
const TYPING =
  "input:not([type=checkbox],[type=radio],[type=button]),textarea,select,[contenteditable]";

const active = new Map<object, { readonly current: Group }>();

/** Whether single keys do something: who dictates, or hits keys by mistake, turns that off. */
export const areShortcutsOn = signal(recall(SETTING) !== "off");

/** Turn short cuts on or off, also for the next time. */
export function turnShortcuts(on: boolean): void {
  remember(SETTING, on ? undefined : "off");
  areShortcutsOn.value = on;
}

/** Give the short cuts of all that is shown. */
export function activeGroups(): Group[] {
  return [...active.values()].map(({ current }) => current);
}

/** Have short cuts while a component is shown; those of the one shown last go first. */
export function useShortcuts(title: string, shortcuts: readonly Shortcut[]): void {
  const latest = useRef<Group>({ title, shortcuts });
  latest.current = { title, shortcuts };
  // In the turn in which the focus moves: the next key may come at once.
  useLayoutEffect(() => {
    active.set(latest, latest);
    return () => {
      active.delete(latest);
    };
  }, []);
}

/** Tell what a press of a key does, after the keys that were pressed before it. */
export function match(
  groups: readonly Group[],
  before: string,
  key: string,
): { readonly run?: Shortcut; readonly isBegun: boolean } {
  const all = groups.toReversed().flatMap(({ shortcuts }) => shortcuts);
  const typed = before ? `${before} ${key}` : key;
  const run = all.find(({ keys }) => keys === typed);
  if (run) return { run, isBegun: false };
  return { isBegun: all.some(({ keys }) => keys.startsWith(`${typed} `)) };
}

/** Listen to the keys of the page. */
export function listenToKeys(): void {
  let before = "";
  let until = 0;
  document.addEventListener("keydown", (event) => {
    if (!isMeant(event)) return;
    const groups = activeGroups();
    const begun = event.timeStamp < until ? before : "";
    let found = match(groups, begun, event.key);
    // Keys that lead nowhere are forgotten, and this one counts by itself.
    if (begun && !found.run && !found.isBegun) found = match(groups, "", event.key);
    before = found.isBegun ? event.key : "";
    until = event.timeStamp + SEQUENCE_MS;
    if (!found.run) return;
    event.preventDefault();
    found.run.run();
  });
}

function isMeant(event: KeyboardEvent): boolean {
  if (!areShortcutsOn.value || event.defaultPrevented || event.isComposing) return false;
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  const { target } = event;
  if (target instanceof Element && target.closest(TYPING)) return false;
  // Behind a dialog all is out of reach.
  return !document.querySelector("dialog[open]");
}
