import type { Event, TypingEvent } from "./events.ts";

/** The longest that a server may let somebody be shown as typing, in milliseconds. */
const LONGEST_LIFETIME = 60_000;

/** Tells of who is typing, and that it ended when the time given for that is over, or by what they do. */
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
  heard(event: TypingEvent): void {
    const { conversation, user, typing, lifetimeMs = 0 } = event;
    const name = JSON.stringify([conversation, user]);
    const known = this.#timers.get(name);
    clearTimeout(known?.timer);
    if (!typing) {
      this.end((one) => one === known?.event);
      return;
    }
    const timer = setTimeout(
      () => this.end((one) => one === event),
      Math.min(lifetimeMs, LONGEST_LIFETIME),
    );
    this.#timers.set(name, { event, timer });
    if (!known) this.#tell(event);
  }

  /** Ends what another event ends: a message of that person, or a block. */
  endBy(event: Event): void {
    if (event.type === "message")
      this.end(
        ({ conversation, user }) =>
          conversation === event.conversation && user === event.message.sender,
      );
    else if (event.type === "block") this.end(({ user }) => user === event.user);
  }

  /** Ends what `which` picks. */
  end(which: (event: TypingEvent) => boolean): void {
    for (const [name, { event, timer }] of [...this.#timers])
      if (which(event)) {
        clearTimeout(timer);
        this.#timers.delete(name);
        const { conversation, user } = event;
        this.#tell({ type: "typing", conversation, user, typing: false });
      }
  }
}
