import { type ParleyError, StorageError } from "../errors.ts";
import type { Change, Store, Stored } from "./store.ts";

/** For how long a store may take, in milliseconds. */
const STORAGE_TIMEOUT = 5_000;

const LATE = new Error("no answer in time");

/**
 * What a client keeps in one namespace of a store. Where there is none nothing is kept, and where it fails the
 * client is told so and goes on.
 */
export class Keeper {
  readonly store: Store | undefined;
  readonly namespace: string;
  readonly #failed: (error: ParleyError) => void;
  #loaded: Promise<Stored> | undefined;
  #saving: Promise<unknown> = Promise.resolve();
  #cursor: string | undefined;
  #lastCursor: string | undefined;
  #savingCursor = false;
  // Whether the last call got no answer in time.
  #hung = false;

  constructor(store: Store | undefined, namespace: string, failed: (error: ParleyError) => void) {
    this.store = store;
    this.namespace = namespace;
    this.#failed = failed;
  }

  /** What was stored before this client; nothing where that cannot be read. */
  load(): Promise<Stored> {
    this.#loaded ??= this.#within("read", async () => this.store?.load(this.namespace)).then(
      (stored) => stored ?? { entries: [] },
    );
    return this.#loaded;
  }

  /** What is stored now. */
  reload(): Promise<Stored> {
    this.#loaded = undefined;
    return this.load();
  }

  /** Saves a change: false where its condition did not hold, undefined where it could not be stored. */
  save(change: Change): Promise<boolean | undefined> {
    const saved = this.load().then(() =>
      this.#within("written", async () => this.store?.save(this.namespace, change)),
    );
    this.#saving = saved;
    return saved;
  }

  /** Saves a cursor; of those that come while one is being saved only the last. */
  async saveCursor(cursor: string): Promise<void> {
    // A PING of an idle server bears the one before.
    if (cursor === this.#lastCursor) return;
    this.#cursor = this.#lastCursor = cursor;
    if (this.#savingCursor) return;
    this.#savingCursor = true;
    while (this.#cursor !== undefined) {
      const next = this.#cursor;
      this.#cursor = undefined;
      await this.save({ cursor: next });
    }
    this.#savingCursor = false;
  }

  /** Resolves when all that is to be saved is. */
  async settle(): Promise<void> {
    await this.#saving;
    while (this.#savingCursor) await this.#saving;
  }

  async #within<Result>(done: string, work: () => Promise<Result>): Promise<Result | undefined> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      // A store that hung once is not waited for again, until it answers.
      timer = setTimeout(reject, this.#hung ? 0 : STORAGE_TIMEOUT, LATE);
    });
    const answered = async () => {
      const result = await work();
      this.#hung = false;
      return result;
    };
    try {
      return await Promise.race([answered(), late]);
    } catch (cause) {
      const known = this.#hung;
      this.#hung = cause === LATE;
      if (known && this.#hung) return undefined;
      const message = `the storage cannot be ${done}`;
      this.#failed(cause instanceof StorageError ? cause : new StorageError(message, cause));
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }
}
