/** The outbox and the cursor in the browser's IndexedDB, shared by all tabs of a person. */
import { Database } from "./database.ts";
import type { Change, Entry, Store, Stored } from "./store.ts";
import { Tabs } from "./tabs.ts";

/** Version of the database's form. A later one is added as a step in `upgrade`, and none is changed. */
const VERSION = 1;
const NAMESPACES = "namespaces";
const ENTRIES = "entries";

/** Where and how things are stored. */
export interface IndexedDbOptions {
  /** The name of the database, one for each origin by default. */
  readonly name?: string;
  /** Milliseconds in which the tab that sends answers: after two questions without one, a tab that waits takes its place. */
  readonly patience?: number;
  /** "strict" waits until the disk has it, which outlasts power cuts as well; "relaxed", the default, outlasts pages and browsers. */
  readonly durability?: "relaxed" | "strict";
}

/** A namespace as it is stored. */
interface Row {
  readonly namespace: string;
  readonly user?: string;
  readonly cursor?: string;
}

/** An entry as it is stored. */
interface EntryRow {
  readonly namespace: string;
  readonly key: string;
  readonly entry: Entry;
}

const DEFAULTS: Required<IndexedDbOptions> = {
  name: "parley",
  patience: 3_000,
  durability: "relaxed",
};

function upgrade(database: IDBDatabase, from: number): void {
  if (from < 1) {
    database.createObjectStore(NAMESPACES, { keyPath: "namespace" });
    database.createObjectStore(ENTRIES, { keyPath: ["namespace", "key"] });
  }
}

/** One namespace as this tab sees it. */
interface Shared {
  readonly tabs: Tabs<Change>;
  /** Keys of what this tab has handed over and has not heard of. */
  readonly handedOver: Set<string>;
}

/**
 * A store that outlasts the page, the browser and the machine. Each client has one of its own.
 *
 * The tabs of a person share what is in it: the one that leads sends, the others hand over and hear what became of
 * it. Where the browser has no Web Locks, each tab sends what it was asked to and what it found at its start; the
 * keys see to it that nothing happens twice.
 *
 * All methods reject with StorageError: the storage is full, denied, closed, of a newer version.
 */
export class IndexedDbStore implements Store {
  readonly #options: Required<IndexedDbOptions>;
  readonly #database: Database;
  readonly #shared = new Map<string, Shared>();

  constructor(options: IndexedDbOptions = {}) {
    this.#options = { ...DEFAULTS, ...options };
    this.#database = new Database(this.#options.name, { version: VERSION, upgrade });
  }

  load(namespace: string): Promise<Stored> {
    return this.#database.run("readonly", (transaction) => {
      const row: IDBRequest<Row | undefined> = transaction.objectStore(NAMESPACES).get(namespace);
      const entries: IDBRequest<EntryRow[]> = transaction
        .objectStore(ENTRIES)
        .getAll(IDBKeyRange.bound([namespace], [namespace, []]));
      return () => {
        const { namespace: _, ...known } = row.result ?? { namespace };
        const found = entries.result.map(({ entry }) => entry);
        return { ...known, entries: found.sort((one, other) => one.createdAt - other.createdAt) };
      };
    });
  }

  async save(namespace: string, change: Change): Promise<boolean> {
    const { durability } = this.#options;
    const made = await this.#database.run(
      "readwrite",
      (transaction) => apply(transaction, namespace, change),
      { durability },
    );
    if (made) {
      const shared = this.#sharedOf(namespace);
      shared.tabs.tell(change);
      for (const { key, state } of change.put ?? [])
        if (state !== "failed") shared.handedOver.add(key);
      settle(shared, change);
    }
    return made;
  }

  lead(namespace: string, signal: AbortSignal, lost: () => void): Promise<void> {
    return this.#sharedOf(namespace).tabs.lead(signal, lost);
  }

  follow(namespace: string, changed: (change: Change) => void): () => void {
    const shared = this.#sharedOf(namespace);
    return shared.tabs.hear((change) => {
      settle(shared, change);
      changed(change);
    });
  }

  #sharedOf(namespace: string): Shared {
    const known = this.#shared.get(namespace);
    if (known) return known;
    const { name, patience } = this.#options;
    const tabs = new Tabs<Change>(`parley ${name} ${namespace}`, patience);
    const made = { tabs, handedOver: new Set<string>() };
    this.#shared.set(namespace, made);
    return made;
  }
}

/** Makes a change; the result says whether it was made, as it is not when the entry it depends on is not queued. */
function apply(transaction: IDBTransaction, namespace: string, change: Change): () => boolean {
  const { put = [], remove = [], onlyIfQueued, ...known } = change;
  const namespaces = transaction.objectStore(NAMESPACES);
  const entries = transaction.objectStore(ENTRIES);
  let made = true;
  const make = () => {
    for (const entry of put) entries.put({ namespace, key: entry.key, entry } satisfies EntryRow);
    for (const { key } of remove) entries.delete([namespace, key]);
    if (known.user === undefined && known.cursor === undefined) return;
    const before: IDBRequest<Row | undefined> = namespaces.get(namespace);
    before.onsuccess = () => namespaces.put({ ...before.result, ...known, namespace });
  };
  if (onlyIfQueued === undefined) make();
  else {
    const before: IDBRequest<EntryRow | undefined> = entries.get([namespace, onlyIfQueued]);
    before.onsuccess = () => {
      made = before.result?.entry.state === "queued";
      if (made) make();
    };
  }
  return () => made;
}

/** Takes from what was handed over what has found its end, and needs the leader no longer when nothing is left. */
function settle({ tabs, handedOver }: Shared, { put = [], remove = [] }: Change): void {
  for (const { key } of remove) handedOver.delete(key);
  for (const { key, state } of put) if (state === "failed") handedOver.delete(key);
  tabs.need(handedOver.size > 0);
}
