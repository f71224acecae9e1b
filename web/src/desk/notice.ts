/** The line that says what was done: by the moderator, or meanwhile by another. */

import { signal } from "@preact/signals";

export const notice = signal("");

const SHOWN_MS = 15_000;
let timer: ReturnType<typeof setTimeout> | undefined;

/** Say it, to eyes and to screen readers, for a while. */
export function say(words: string): void {
  clearTimeout(timer);
  notice.value = words;
  timer = setTimeout(() => {
    notice.value = "";
  }, SHOWN_MS);
}
