import type { Data } from "../protocol.ts";

/** The state of a command: waiting to be sent, sent and not answered, or refused for good. */
export type EntryState = "queued" | "sent" | "failed";

/** A command in the outbox, as it is stored: plain values, which can be cloned. */
export interface Entry {
  /** The idempotency key, unique for this user. */
  readonly key: string;
  readonly op: number;
  /** The payload, with the key. */
  readonly payload: Data;
  /** The commands of one lane are sent one after the other. */
  readonly lane: string;
  /** Milliseconds since 1970, by the clock of this machine, growing within a namespace. */
  readonly createdAt: number;
  readonly state: EntryState;
  readonly attempts: number;
  /** Why it failed: the name and the code of the error, and the payload of ERROR if the server refused it. */
  readonly error?: {
    readonly name: string;
    readonly code: string;
    readonly message: string;
    readonly d?: Data;
  };
}

/** All that is stored of one user at one server. */
export interface Stored {
  readonly user?: string;
  /** The confirmed cursor. */
  readonly cursor?: string;
  /** In order of `createdAt`. */
  readonly entries: readonly Entry[];
}

/** A change of what is stored, made as a whole or not at all. */
export interface Change {
  readonly user?: string;
  readonly cursor?: string;
  readonly put?: readonly Entry[];
  /** Keys of entries that are gone, with the payload of the answer of each that was carried out. */
  readonly remove?: readonly { readonly key: string; readonly answer?: Data }[];
  /** The key of an entry that must be stored as `queued`, or else nothing is changed. */
  readonly onlyIfQueued?: string;
}

/**
 * The place where outbox and cursor outlast the page. A namespace belongs to one server, and to one user once
 * `user` was saved. Each method may reject: the client tells StorageError and goes on in memory.
 */
export interface Store {
  load(namespace: string): Promise<Stored>;
  /** Resolves when the change is stored, with false where `onlyIfQueued` did not allow it. */
  save(namespace: string, change: Change): Promise<boolean>;
  /**
   * Resolves when this client is the one that sends what is in the outbox; without this method it
   * is at once. Rejects when `signal` is aborted. `lost` is called when it no longer is.
   */
  lead?(namespace: string, signal: AbortSignal, lost: () => void): Promise<void>;
  /** Calls back with changes that other clients make in the namespace; gives the function that ends it. */
  follow?(namespace: string, changed: (change: Change) => void): () => void;
}

/** A store that lasts as long as the page. Clients that share one share its namespaces. */
export class MemoryStore implements Store {
  readonly #namespaces = new Map<string, Stored>();

  async load(namespace: string): Promise<Stored> {
    return this.#namespaces.get(namespace) ?? { entries: [] };
  }

  async save(namespace: string, change: Change): Promise<boolean> {
    const { put = [], remove = [], onlyIfQueued, ...changed } = change;
    const stored = this.#namespaces.get(namespace);
    const entries = new Map(stored?.entries.map((entry) => [entry.key, entry]));
    if (onlyIfQueued !== undefined && entries.get(onlyIfQueued)?.state !== "queued") return false;
    for (const entry of put) entries.set(entry.key, entry);
    for (const { key } of remove) entries.delete(key);
    this.#namespaces.set(namespace, { ...stored, ...changed, entries: [...entries.values()] });
    return true;
  }
}
