import { StorageError } from "../errors.ts";

/** How an IndexedDB database is opened: its version, and the step from an older one (0 at first). */
export interface Form {
  readonly version: number;
  upgrade(database: IDBDatabase, from: number): void;
}

const REASONS: Readonly<Record<string, string>> = {
  QuotaExceededError: "the storage is full",
  SecurityError: "the browser allows no storage here",
  InvalidStateError: "the browser has no storage here",
  VersionError: "a newer version of this page has changed the storage",
};

/** The typed error for anything that went wrong with the storage. */
function storageError(cause: unknown): StorageError {
  if (cause instanceof StorageError) return cause;
  const { name = "", message = String(cause) } = cause as Partial<Error>;
  return new StorageError(REASONS[name] ?? message, cause);
}

/**
 * A connection to an IndexedDB database, opened by the first who needs it, and again after the browser has
 * closed it. All that goes wrong is a StorageError.
 */
export class Database {
  readonly #name: string;
  readonly #form: Form;
  #opened: Promise<IDBDatabase> | undefined;

  constructor(name: string, form: Form) {
    this.#name = name;
    this.#form = form;
  }

  /**
   * Does `work` in one transaction over all stores. What the function that `work` gives returns is the result,
   * once the transaction is complete; when it is not, nothing was changed.
   */
  async run<Result>(
    mode: IDBTransactionMode,
    work: (transaction: IDBTransaction) => () => Result,
    options: IDBTransactionOptions = {},
  ): Promise<Result> {
    try {
      return await this.#run(mode, work, options);
    } catch (error) {
      throw storageError(error);
    }
  }

  async #run<Result>(
    mode: IDBTransactionMode,
    work: (transaction: IDBTransaction) => () => Result,
    options: IDBTransactionOptions,
  ): Promise<Result> {
    const database = await this.#open();
    return new Promise((resolve, reject) => {
      const transaction = database.transaction([...database.objectStoreNames], mode, options);
      transaction.onabort = () => reject(transaction.error ?? new StorageError("aborted"));
      try {
        const result = work(transaction);
        transaction.oncomplete = () => resolve(result());
      } catch (error) {
        reject(error);
        transaction.abort();
      }
    });
  }

  #open(): Promise<IDBDatabase> {
    if (this.#opened) return this.#opened;
    const opened = new Promise<IDBDatabase>((resolve, reject) => {
      // Where storage is denied, even to name it may throw.
      const request = indexedDB.open(this.#name, this.#form.version);
      request.onupgradeneeded = ({ oldVersion }) => {
        this.#form.upgrade(request.result, oldVersion);
      };
      request.onerror = () => reject(request.error);
      request.onsuccess = () => {
        const forget = () => {
          if (this.#opened === opened) this.#opened = undefined;
        };
        // A tab with a newer version waits until this one lets go.
        request.result.onversionchange = () => {
          request.result.close();
          forget();
        };
        request.result.onclose = forget;
        resolve(request.result);
      };
    });
    this.#opened = opened;
    opened.catch(() => {
      this.#opened = undefined;
    });
    return opened;
  }
}
