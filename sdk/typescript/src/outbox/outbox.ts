import type { Requests } from "../connection/requests.ts";
import {
  Cancelled,
  ClientClosed,
  Conflict,
  Expired,
  OutboxFull,
  ParleyError,
  Rejected,
  rejection,
  StorageError,
} from "../errors.ts";
import type { OutboxEvent } from "../events/events.ts";
import type { Data } from "../protocol.ts";
import type { Keeper } from "../storage/keeper.ts";
import type { Change, Entry } from "../storage/store.ts";
import { CONVERSATION, conversationLane, holdsWords, PERSON } from "./lanes.ts";

/** The limits of an outbox. Times are in milliseconds. */
export interface OutboxLimits {
  /** Commands that may be under way at the same time. */
  readonly maxInFlight: number;
  /** Commands that the outbox may hold. */
  readonly maxEntries: number;
  /** The age from which on a command is not sent: the server may have forgotten its key. */
  readonly maxAge: number;
  /** For how long an answer is waited for, before the command is sent again with its key. */
  readonly answerTimeout: number;
}

export const OUTBOX_LIMITS: OutboxLimits = {
  maxInFlight: 16,
  maxEntries: 1_000,
  maxAge: 86_400_000,
  answerTimeout: 10_000,
};

/** A command of the outbox; `durable` is false while it is in memory alone. */
export interface OutboxEntry extends Entry {
  readonly durable: boolean;
}

/** What an outbox needs of its client. */
export interface OutboxOwner {
  readonly requests: Requests;
  readonly keeper: Keeper;
  lane(op: number, d: Data, key: string): string;
  now(): number;
  pause(error: Rejected | undefined, attempts: number): number;
  suspect(since: number): void;
  changed(event: OutboxEvent): void;
  failed(error: ParleyError): void;
}

export interface CommandOptions {
  /** The idempotency key; one is made without it. The same command with the same key is one command. */
  readonly key?: string;
  readonly lane?: string;
  /** Ends the wait for the answer. What is in the outbox stays there: see `Outbox.cancel`. */
  readonly signal?: AbortSignal;
}

interface Item {
  entry: Entry;
  durable: boolean;
  /** Whether its present state was stored, as far as that is possible. */
  settled: boolean;
  /** Of the packet that is under way. */
  id: number | undefined;
  notBefore: number;
  /** How often it was refused for the moment, or not answered, over this socket. */
  failures: number;
  timer: ReturnType<typeof setTimeout> | undefined;
  readonly waiters: Set<(answer: Data | ParleyError) => void>;
}

/** How many conversations with a person are remembered by person and subject. */
const MAXIMUM_ALIASES = 1_000;

/**
 * Commands of one user, each stored before it is sent and sent with the same key until it is answered.
 *
 * The commands of one lane are sent one after the other; lanes go on side by side.
 */
export class Outbox {
  readonly #owner: OutboxOwner;
  readonly #limits: OutboxLimits;
  // In the order in which they were made.
  readonly #items = new Map<string, Item>();
  readonly #aliases = new Map<string, string>();
  readonly #end = new AbortController();
  #started: Promise<void> | undefined;
  #loaded = false;
  #leading = false;
  #lastCreated = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(owner: OutboxOwner, limits: OutboxLimits) {
    this.#owner = owner;
    this.#limits = limits;
  }

  /** Resolves when what was stored before is here. */
  start(): Promise<void> {
    this.#started ??= this.#start();
    return this.#started;
  }

  /** All commands that are not answered, in the order in which they were made. */
  entries(): OutboxEntry[] {
    return [...this.#items.values()].map(({ entry, durable }) => ({ ...entry, durable }));
  }

  /**
   * Puts a command into the outbox, and gives its answer. Rejects with OutboxFull when it was not taken, and
   * with the typed error of the server when it was refused for good.
   */
  add(op: number, d: Data, options: CommandOptions = {}): Promise<Data> {
    const { key = newKey(), signal } = options;
    if (this.#end.signal.aborted) return Promise.reject(new ClientClosed());
    if (signal?.aborted) return Promise.reject(signal.reason);
    const payload = { ...d, idempotency_key: key };
    let item = this.#items.get(key);
    if (item) {
      if (item.entry.op !== op || JSON.stringify(item.entry.payload) !== JSON.stringify(payload)) {
        const message = "the key is in the outbox, for something else";
        return Promise.reject(new Conflict({ code: "CONFLICT", message }));
      }
    } else {
      if (this.#items.size >= this.#limits.maxEntries)
        return Promise.reject(new OutboxFull(this.#limits.maxEntries));
      const lane = options.lane ?? this.#owner.lane(op, d, key);
      item = this.#take({
        key,
        op,
        payload,
        lane,
        createdAt: this.#stamp(Date.now()),
        state: "queued",
        attempts: 0,
      });
      // One that goes out at once is stored as sent in the same write.
      if (this.#leading && this.#ready() && this.#sendable(Infinity).includes(item))
        this.#mark(item, "sent");
      void this.start();
      this.#store(item);
      this.#tell(item, item.entry.state);
    }
    return this.#wait(item, signal);
  }

  /** Takes a command back that was never sent. Resolves with false where it was, or is not here. */
  async cancel(key: string): Promise<boolean> {
    const item = this.#items.get(key);
    if (item?.entry.state !== "queued") return false;
    // Another client may be about to send it: the store decides, where it has it.
    item.settled = false;
    const change = { remove: [{ key }], ...(item.durable && { onlyIfQueued: key }) };
    const cancelled = (await this.#owner.keeper.save(change)) !== false;
    if (cancelled) this.#remove(item);
    else item.settled = true;
    return cancelled;
  }

  /** Throws away a command that failed. False where there is none. */
  discard(key: string): boolean {
    const item = this.#items.get(key);
    if (item?.entry.state !== "failed") return false;
    void this.#owner.keeper.save({ remove: [{ key }] });
    this.#remove(item);
    return true;
  }

  /** Makes a new command, with a new key, of one that failed. Rejects with OutboxFull, Cancelled or as `add`. */
  retry(key: string): Promise<Data> {
    const item = this.#items.get(key);
    if (!item || !this.discard(key)) return Promise.reject(new Cancelled());
    const { op, payload, lane } = item.entry;
    const { idempotency_key: _, ...d } = payload;
    return this.add(op, d, { lane });
  }

  /** Sends what may be sent now. */
  flush(): void {
    clearTimeout(this.#timer);
    if (!this.#ready()) return;
    const now = this.#owner.now();
    let next = Infinity;
    for (const item of this.#sendable(now)) {
      if (item.notBefore > now) next = Math.min(next, item.notBefore);
      else if (Date.now() - item.entry.createdAt > this.#limits.maxAge)
        this.#fail(item, new Expired());
      else if (item.entry.state === "queued") {
        this.#mark(item, "sent");
        this.#store(item, true);
        this.#tell(item, "sent");
      } else this.#send(item, now);
    }
    if (next < Infinity) this.#timer = setTimeout(() => this.flush(), next - now);
  }

  /** The socket is gone: what was not answered is sent again over the next one. */
  lost(): void {
    clearTimeout(this.#timer);
    for (const item of this.#items.values()) {
      this.#stop(item);
      item.failures = 0;
    }
  }

  /** Ends; what is here stays stored. */
  close(): void {
    this.#end.abort(new ClientClosed());
    this.lost();
    for (const item of this.#items.values()) settle(item, new ClientClosed());
  }

  async #start(): Promise<void> {
    const { keeper } = this.#owner;
    const { store, namespace } = keeper;
    // What others change while this client reads comes upon what it has read.
    const meanwhile: Change[] = [];
    const end = store?.follow?.(namespace, (change) => {
      if (this.#loaded) this.#follow(change);
      else meanwhile.push(change);
    });
    if (end) this.#end.signal.addEventListener("abort", end);
    const { entries } = await keeper.load();
    this.#load(entries);
    this.#loaded = true;
    // What a client of before has written is news to whoever shows it.
    for (const { key } of entries) {
      const item = this.#items.get(key);
      if (item) this.#tell(item, item.entry.state);
    }
    for (const change of meanwhile) this.#follow(change);
    if (store?.lead) void this.#lead(store.lead.bind(store, namespace));
    else this.#leading = true;
    this.flush();
  }

  /** Sends whenever it is this client's turn, until it is closed. */
  async #lead(lead: (signal: AbortSignal, lost: () => void) => Promise<void>): Promise<void> {
    const { signal } = this.#end;
    while (!signal.aborted) {
      let lose = () => {};
      const lost = new Promise<void>((resolve) => {
        lose = resolve;
      });
      try {
        await lead(signal, lose);
      } catch (cause) {
        if (signal.aborted) return;
        this.#owner.failed(new StorageError("the storage cannot say who sends", cause));
      }
      // Who led before may have gone without a word. What is not stored any more was carried out: whoever
      // still waits for it asks again with the same key.
      const before = [...this.#items.values()];
      const { entries } = await this.#owner.keeper.reload();
      const stored = new Set(entries.map(({ key }) => key));
      for (const item of before)
        if (item.durable && !stored.has(item.entry.key) && !item.waiters.size)
          this.#remove(item, undefined, "done");
      this.#load(entries);
      this.#leading = true;
      this.flush();
      await lost;
      this.#leading = false;
      this.lost();
    }
  }

  /** Takes stored commands before those that were made here meanwhile. */
  #load(entries: readonly Entry[]): void {
    const made = [...this.#items];
    this.#items.clear();
    for (const entry of entries) this.#take(entry, true);
    for (const [key, item] of made) {
      item.entry = this.#placed(this.#items.get(key)?.entry ?? item.entry);
      this.#items.set(key, item);
    }
  }

  #ready(): boolean {
    return this.#loaded && this.#owner.requests.open;
  }

  #take(entry: Entry, durable = false): Item {
    this.#stamp(entry.createdAt);
    const item: Item = {
      entry: this.#placed(entry),
      durable,
      settled: durable,
      id: undefined,
      notBefore: 0,
      failures: 0,
      timer: undefined,
      waiters: new Set(),
    };
    this.#items.set(entry.key, item);
    return item;
  }

  /** Gives an entry in the lane of its conversation, where that has become known. */
  #placed(entry: Entry): Entry {
    const lane = this.#aliases.get(entry.lane);
    return lane === undefined ? entry : { ...entry, lane };
  }

  /** Gives a time of creation that is greater than all before. */
  #stamp(time: number): number {
    this.#lastCreated = Math.max(time, this.#lastCreated + 1);
    return this.#lastCreated;
  }

  /** Gives the first of each lane, as far as there is room; those that wait for a time after `now` take none. */
  #sendable(now: number): Item[] {
    const lanes = new Set<string>();
    const known = new Set(this.#aliases.values());
    const found: Item[] = [];
    let room = this.#limits.maxInFlight;
    for (const item of this.#items.values()) if (item.id !== undefined) room--;
    for (const item of this.#items.values()) {
      const { state, lane } = item.entry;
      if (state === "failed") continue;
      // Somebody to whom one writes may be whom an unknown conversation is with, as after a restart: either
      // waits for the other.
      const person = lane.startsWith(PERSON);
      const open = lane.startsWith(CONVERSATION) && !known.has(lane);
      const waits =
        lanes.has(lane) || (person && lanes.has(CONVERSATION)) || (open && lanes.has(PERSON));
      lanes.add(lane);
      if (person) lanes.add(PERSON);
      if (open) lanes.add(CONVERSATION);
      if (waits) continue;
      // Another client sends what is stored; nobody else has what could not be.
      if (!this.#leading && item.durable) continue;
      if (item.id !== undefined || (!item.settled && now < Infinity)) continue;
      if (item.notBefore <= now && room-- <= 0) continue;
      found.push(item);
    }
    return found;
  }

  #send(item: Item, now: number): void {
    const { requests } = this.#owner;
    const { op, payload, attempts } = item.entry;
    item.entry = { ...item.entry, attempts: attempts + 1 };
    const id = requests.send(op, payload, (answer) => this.#answered(item, id, answer));
    item.id = id;
    // An answer that comes later is as good.
    item.timer = setTimeout(() => {
      this.#stop(item);
      item.notBefore = this.#owner.now() + this.#owner.pause(undefined, item.failures++);
      this.#owner.suspect(now);
      this.flush();
    }, this.#limits.answerTimeout);
  }

  #answered(item: Item, id: number, answer: Data | ParleyError): void {
    // A refusal is the last word only of the last packet: another may have been carried out after it.
    const refused = answer instanceof ParleyError;
    if (this.#items.get(item.entry.key) !== item || (refused && id !== item.id)) return;
    this.#stop(item);
    if (answer instanceof Rejected && answer.retryable) {
      item.notBefore = this.#owner.now() + this.#owner.pause(answer, item.failures++);
    } else if (refused) {
      this.#fail(item, answer);
    } else {
      this.#join(item.entry.lane, answer);
      void this.#owner.keeper.save({ remove: [{ key: item.entry.key, answer }] });
      this.#remove(item, answer);
    }
    this.flush();
  }

  /** Moves the lane of a person to that of the conversation, now that it is known. */
  #join(lane: string, d: Data): void {
    const conversation = d["conversation"];
    if (!lane.startsWith(PERSON) || conversation === undefined) return;
    const joined = conversationLane(conversation);
    this.#aliases.set(lane, joined);
    for (const one of this.#aliases.keys())
      if (this.#aliases.size > MAXIMUM_ALIASES) this.#aliases.delete(one);
    for (const item of this.#items.values())
      if (item.entry.lane === lane) {
        item.entry = { ...item.entry, lane: joined };
        // Those that only follow leave that to the one who sends; what another has cancelled stays away.
        if (this.#leading) this.#store(item, item.entry.state === "queued");
      }
  }

  #fail(item: Item, error: ParleyError): void {
    const { op, payload, key } = item.entry;
    const { name, code, message } = error;
    const told =
      error instanceof Rejected ? { name, code, message, d: error.d } : { name, code, message };
    item.entry = { ...item.entry, state: "failed", error: told };
    if (holdsWords(op, payload)) this.#store(item);
    else {
      this.#items.delete(key);
      void this.#owner.keeper.save({ put: [item.entry], remove: [{ key }] });
    }
    this.#tell(item, "failed");
    settle(item, error);
    this.flush();
  }

  #remove(
    item: Item,
    answer?: Data,
    state: OutboxEvent["state"] = answer ? "done" : "cancelled",
  ): void {
    const { key } = item.entry;
    this.#stop(item);
    if (!this.#items.delete(key)) return;
    this.#tell(item, state, answer);
    settle(item, answer ?? new Cancelled());
    this.flush();
  }

  /** Takes over what another client of the same user did. */
  #follow({ put = [], remove = [] }: Change): void {
    for (const entry of put) {
      const item = this.#items.get(entry.key) ?? this.#take(entry, true);
      item.entry = this.#placed(entry);
      item.settled = item.durable = true;
      this.#tell(item, entry.state);
      if (entry.error) {
        const { name, code, message, d } = entry.error;
        const error = d ? rejection(d) : new ParleyError(code, message);
        error.name = name;
        settle(item, error);
      }
    }
    for (const { key, answer } of remove) {
      const item = this.#items.get(key);
      if (!item) continue;
      if (answer) this.#join(item.entry.lane, answer);
      this.#remove(item, answer);
    }
    this.flush();
  }

  #mark(item: Item, state: Entry["state"]): void {
    item.entry = { ...item.entry, state };
  }

  /** Stores an item as it is; it is not sent before that is done, or has failed. */
  #store(item: Item, onlyIfQueued = false): void {
    item.settled = false;
    const { entry } = item;
    const change = {
      put: [entry],
      ...(onlyIfQueued && item.durable && { onlyIfQueued: entry.key }),
    };
    void this.#owner.keeper.save(change).then((stored) => {
      if (stored === false) {
        // Another client has cancelled it, or has sent it while this one slept, and tells which. Where none is heard
        // it is the former.
        if (!this.#owner.keeper.store?.follow) this.#remove(item);
        return;
      }
      item.durable = !!stored;
      // A later state is being stored.
      if (item.entry.state !== entry.state || item.entry.lane !== entry.lane) return;
      item.settled = true;
      this.flush();
    });
  }

  #stop(item: Item): void {
    clearTimeout(item.timer);
    item.id = undefined;
  }

  #tell({ entry }: Item, state: OutboxEvent["state"], answer?: Data): void {
    const { key } = entry;
    this.#owner.changed({ type: "outbox", key, state, entry, ...(answer && { answer }) });
  }

  #wait(item: Item, signal: AbortSignal | undefined): Promise<Data> {
    return new Promise((resolve, reject) => {
      const waiter = (answer: Data | ParleyError) => {
        signal?.removeEventListener("abort", abort);
        if (answer instanceof ParleyError) reject(answer);
        else resolve(answer);
      };
      const abort = () => {
        item.waiters.delete(waiter);
        reject(signal?.reason);
      };
      signal?.addEventListener("abort", abort, { once: true });
      item.waiters.add(waiter);
    });
  }
}

function settle(item: Item, answer: Data | ParleyError): void {
  for (const waiter of [...item.waiters]) waiter(answer);
  item.waiters.clear();
}

/** Makes an idempotency key; `randomUUID` is missing in pages that came without TLS. */
function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}
