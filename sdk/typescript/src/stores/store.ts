/** What can be watched: `subscribe` and `getSnapshot`, as React, Svelte, Solid and signals want it. */

import type { ParleyError } from "../errors.ts";

/** How far a store has come. `failed` says why in `error`, and tries again once the client is live. */
export type Loading = "idle" | "loading" | "ready" | "failed";

/**
 * A value over time. Both methods may be passed on without their object.
 *
 * A snapshot is never changed, and stays the same object for as long as nothing has changed.
 */
export abstract class Store<Snapshot> {
  readonly #listeners = new Set<() => void>();
  #snapshot: Snapshot | undefined;

  /** Call `listener` after each change, until the function that this gives is called. */
  readonly subscribe = (listener: () => void): (() => void) => {
    // One listener that subscribes twice is called twice, and ends twice.
    const called = (): void => listener();
    this.#listeners.add(called);
    this.watched();
    return () => void this.#listeners.delete(called);
  };

  readonly getSnapshot = (): Snapshot => {
    this.#snapshot ??= this.build();
    return this.#snapshot;
  };

  /** Whether anybody looks. */
  get isWatched(): boolean {
    return this.#listeners.size > 0;
  }

  /** Make the snapshot anew when it is asked for next, and tell all who look. */
  protected changed(): void {
    this.#snapshot = undefined;
    for (const listener of [...this.#listeners]) listener();
  }

  protected abstract build(): Snapshot;

  /** Do what has to be done once somebody looks. */
  protected watched(): void {}
}

/** A store that loads itself when somebody looks, and loads anew after a reset. */
export abstract class LoadingStore<Snapshot> extends Store<Snapshot> {
  protected loading: Loading = "idle";
  protected error: ParleyError | undefined;
  #load: Promise<void> | undefined;
  #again = false;

  /** Load what is not loaded yet. Rejects with a ParleyError, which the snapshot shows as well. */
  load(): Promise<void> {
    if (this.loading === "ready") return Promise.resolve();
    this.#load ??= this.#loadAll();
    return this.#load;
  }

  /** Load anew: at once if somebody looks, or else when somebody does. */
  reload(): void {
    this.#again = true;
    this.loading = this.#load ? "loading" : "idle";
    if (this.isWatched) this.watched();
  }

  /** Try again what has failed, if somebody looks. */
  retry(): void {
    if (this.loading === "failed" && this.isWatched) this.watched();
  }

  protected override watched(): void {
    // The snapshot says how it went.
    if (this.loading !== "ready") this.load().catch(() => {});
  }

  /** Ask for everything that is shown. */
  protected abstract read(): Promise<void>;

  async #loadAll(): Promise<void> {
    try {
      this.loading = "loading";
      this.changed();
      do {
        this.#again = false;
        await this.read();
        // What was read before a reset may be of another database.
      } while (this.#again);
      this.loading = "ready";
      this.error = undefined;
    } catch (error) {
      this.loading = "failed";
      this.error = error as ParleyError;
      throw error;
    } finally {
      this.#load = undefined;
      this.changed();
    }
  }
}
