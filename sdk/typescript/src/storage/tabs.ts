/** A message among tabs: something to hear; the question whether the leader is awake; its answer. */
type Message<Told> = { readonly told: Told } | "awake?" | "awake";

/**
 * The tabs of one person: what one tells is heard by the others, and one of them leads.
 *
 * The lead is a Web Lock, which the browser passes on when a tab ends. A leader that sleeps, as tabs in the background
 * of phones do, keeps its lock; so a tab that needs the leader and gets no answer takes the lead away from it. Without
 * Web Locks (pages of http: from another machine) or channels every tab leads, and hears nothing of the others.
 */
export class Tabs<Told> {
  readonly #name: string;
  readonly #patience: number;
  readonly #locks: LockManager | undefined;
  #channel: BroadcastChannel | undefined;
  #leading = false;
  #steal: (() => void) | undefined;
  #needed = false;
  #unanswered = 0;
  #asking: ReturnType<typeof setTimeout> | undefined;

  /** `patience` is the time in milliseconds within which a leader that is awake answers one of two questions. */
  constructor(name: string, patience: number) {
    this.#name = name;
    this.#patience = patience;
    this.#locks = typeof BroadcastChannel === "function" ? globalThis.navigator?.locks : undefined;
  }

  /** Calls back with what other tabs tell; gives the function that ends it. */
  hear(listener: (told: Told) => void): () => void {
    if (!this.#locks) return () => {};
    const channel = new BroadcastChannel(this.#name);
    this.#channel = channel;
    channel.onmessage = ({ data }: MessageEvent<Message<Told>>) => {
      if (data === "awake?") {
        if (this.#leading) channel.postMessage("awake");
      } else if (data === "awake") this.#unanswered = 0;
      else listener(data.told);
    };
    return () => {
      channel.close();
      if (this.#channel === channel) this.#channel = undefined;
    };
  }

  /** Tells the other tabs, if any of them hear. */
  tell(told: Told): void {
    this.#channel?.postMessage({ told });
  }

  /**
   * Resolves when this tab leads, which it does until `signal` is aborted, or until another tab takes the lead:
   * then `lost` is called. Rejects when `signal` is aborted before.
   */
  lead(signal: AbortSignal, lost: () => void): Promise<void> {
    const locks = this.#locks;
    if (!locks) return Promise.resolve();
    return new Promise((resolve, reject) => {
      // The lock is asked for once, and a second time by whoever steals it.
      let latest = 0;
      const ask = (options: LockOptions) => {
        latest += 1;
        const mine = latest;
        let held = false;
        const hold = () => {
          if (mine !== latest || signal.aborted) return undefined;
          held = true;
          this.#leading = true;
          resolve();
          return new Promise<void>((release) => {
            signal.addEventListener("abort", () => release(), { once: true });
          });
        };
        const ended = (error: unknown) => {
          if (mine !== latest) return;
          this.#leading = false;
          this.#steal = undefined;
          if (held && !signal.aborted) lost();
          reject(error);
        };
        locks.request(this.#name, options, hold).then(ended, ended);
      };
      const queued = new AbortController();
      signal.addEventListener("abort", () => queued.abort(signal.reason), { once: true });
      if (signal.aborted) queued.abort(signal.reason);
      ask({ signal: queued.signal });
      this.#steal = () => {
        if (signal.aborted) return;
        ask({ steal: true });
        queued.abort();
      };
      this.#watch();
    });
  }

  /** Says whether this tab waits for something that the leader does. */
  need(needed: boolean): void {
    this.#needed = needed;
    this.#watch();
  }

  /** Asks the leader for a sign of life as long as it is needed, and takes its place when there is none. */
  #watch(): void {
    if (this.#asking !== undefined || this.#isIdle()) return;
    this.#unanswered = 0;
    this.#ask();
  }

  #isIdle(): boolean {
    return this.#leading || !this.#needed || !this.#steal || !this.#channel;
  }

  /** Asks twice before it judges: a tab that slept itself has its timer called before the answer that waits for it. */
  #ask(): void {
    this.#unanswered += 1;
    this.#channel?.postMessage("awake?" satisfies Message<Told>);
    this.#asking = setTimeout(() => {
      this.#asking = undefined;
      if (this.#isIdle()) return;
      if (this.#unanswered < 2) this.#ask();
      else this.#steal?.();
    }, this.#patience);
  }
}
