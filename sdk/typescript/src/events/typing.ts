import type { TypingEvent } from "./events.ts";

/** The longest that a server may let somebody be shown as typing, in milliseconds. */
const LONGEST_LIFETIME = 60_000;

/** Tells of who is typing, and that it ended when the time given for that is over. */
export class TypingPeople {
  readonly #tell: (event: TypingEvent) => void;
  readonly #timers = new Map<
    string,
    { event: TypingEvent; timer: ReturnType<typeof setTimeout> }
  >();

  constructor(tell: (event: TypingEvent) => void) {
    this.#tell = tell;
  }

  /** Takes in TYPING; a repetition only prolongs it. */
  heard(conversation: string, user: string, typing: boolean, lifetime = 0): void {
    const name = JSON.stringify([conversation, user]);
    const known = this.#timers.get(name);
    clearTimeout(known?.timer);
    if (typing) {
      const event: TypingEvent = { type: "typing", conversation, user, typing };
      const timer = setTimeout(
        () => this.end((one) => one === event),
        Math.min(Math.max(lifetime, 0), LONGEST_LIFETIME),
      );
      this.#timers.set(name, { event, timer });
      if (!known) this.#tell(event);
      else this.#timers.set(name, { event, timer });
    } else if (known) this.end((one) => one === known.event);
  }

  /** Ends what `which` picks: by a message of that person, a block, or a new connection. */
  end(which: (event: TypingEvent) => boolean): void {
    for (const [name, { event, timer }] of [...this.#timers])
      if (which(event)) {
        clearTimeout(timer);
        this.#timers.delete(name);
        this.#tell({ ...event, typing: false });
      }
  }
}
