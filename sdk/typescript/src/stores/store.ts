/** What can be watched: `subscribe` and `getSnapshot`, as React, Svelte, Solid and signals want it. */

import type { Book } from "./book.ts";

/** How far a store has come. `failed` says why in `error`, and tries again when the client is live. */
export type Loading = "idle" | "loading" | "ready" | "failed";

/**
 * A value over time. `subscribe` and `getSnapshot` may be passed on without their object.
 *
 * A snapshot is never changed, and stays the same object for as long as nothing has changed.
 */
export abstract class WatchedStore<Snapshot> {
  protected readonly book: Book;
  readonly #listeners = new Set<() => void>();
  #snapshot: Snapshot | undefined;
  // The revision of the book from which the snapshot was made, while nobody tells of changes.
  #revision = -1;

  constructor(book: Book) {
    this.book = book;
  }

  /** Call `listener` after each change, until the function that this gives is called. */
  readonly subscribe = (listener: () => void): (() => void) => {
    // Whoever subscribes twice with one listener is called twice, and leaves twice.
    const called = (): void => listener();
    this.#outdate();
    this.#listeners.add(called);
    this.book.watch(this);
    this.wanted();
    return () => {
      this.#listeners.delete(called);
      if (!this.#listeners.size) this.book.unwatch(this);
    };
  };

  readonly getSnapshot = (): Snapshot => {
    this.#outdate();
    this.#snapshot ??= this.build();
    return this.#snapshot;
  };

  /** Make the snapshot anew when it is asked for next, and tell all who look. */
  changed(): void {
    this.#snapshot = undefined;
    for (const listener of [...this.#listeners]) {
      try {
        listener();
      } catch (error) {
        // Neither the connection nor who else listens has a part in it; it is reported as uncaught.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  /** Whether it shows any of these: ids of conversations, deals and disputes, `outbox`, `state`. */
  abstract shows(changed: ReadonlySet<string>): boolean;

  /** Do what is due when somebody begins to look, and when what is known may be old. */
  wanted(): void {}

  protected abstract build(): Snapshot;

  #outdate(): void {
    const { revision } = this.book;
    if (!this.#listeners.size && this.#revision !== revision) this.#snapshot = undefined;
    this.#revision = revision;
  }
}

/** A store that loads itself when somebody looks, and anew after a reset. */
export abstract class LoadingStore<Snapshot> extends WatchedStore<Snapshot> {
  protected progress: { loading: Loading; error: Error | undefined } = {
    loading: "idle",
    error: undefined,
  };
  #load: Promise<void> | undefined;
  #again = false;

  /** Load what is not loaded yet. Rejects with a ParleyError, which the snapshot shows as well. */
  load(): Promise<void> {
    if (!this.isLoaded()) this.#load ??= this.#loadAll();
    return this.#load ?? Promise.resolve();
  }

  /** Load anew what is shown. */
  reload(): void {
    this.book.loaded.delete(this);
    this.#again = true;
    this.wanted();
  }

  override wanted(): void {
    // The snapshot says how it went.
    this.load().catch(() => {});
  }

  override changed(): void {
    super.changed();
    // What was loaded does not do any more.
    if (this.progress.loading === "ready" && !this.isLoaded()) this.wanted();
  }

  /** Whether nothing has to be asked for. */
  protected isLoaded(): boolean {
    return this.book.loaded.has(this);
  }

  /** Ask for everything that is shown. */
  protected abstract read(): Promise<void>;

  async #loadAll(): Promise<void> {
    const tell = (loading: Loading, error?: Error) => {
      this.progress = { loading, error };
      this.book.tell(new Set(), this);
    };
    tell("loading");
    try {
      let loaded: WeakSet<object>;
      do {
        ({ loaded } = this.book);
        this.#again = false;
        await this.read();
        loaded.add(this);
        // What was read before a reset may be of another database, and what was asked for before
        // `reload` may be older than its reason.
      } while (this.#again || loaded !== this.book.loaded);
      this.#load = undefined;
      tell("ready");
    } catch (error) {
      this.#load = undefined;
      tell("failed", error as Error);
      throw error;
    }
  }
}
