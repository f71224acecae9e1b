import { Connection, type ConnectionOptions } from "./connection/connection.ts";
import type { AnswerTo, PayloadOf } from "./generated/packets.ts";
import { Objects, type Shown } from "./objects.ts";
import { type CommandOptions, OUTBOX_LIMITS, Outbox, type OutboxLimits } from "./outbox/outbox.ts";
import type { ClientOp, Data, Packet } from "./protocol.ts";
import { Keeper } from "./storage/keeper.ts";
import { MemoryStore, type Store, type Stored } from "./storage/store.ts";

/** The options of a client. */
export interface ClientOptions extends ConnectionOptions, Partial<OutboxLimits> {
  /** The place where outbox and cursor outlast the page; without it they are in memory. */
  readonly store?: Store;
  /** Objects that are remembered. */
  readonly maxObjects?: number;
}

/** A call that sees each packet that was taken in, and what it changed of what is known. */
export type Watch = (packet: Packet, changed: readonly Shown[]) => void;

/** A client of Parley: a connection that comes back by itself, and an outbox that loses nothing. */
export class Client extends Connection {
  /** What the packets of all sockets have shown. */
  readonly objects: Objects;
  /** The commands that are not answered yet. */
  readonly outbox: Outbox;
  readonly #keeper: Keeper;
  readonly #watchers = new Set<Watch>();

  constructor(options: ClientOptions) {
    super(options);
    const { url, user = "", store = new MemoryStore(), maxObjects = 50_000 } = options;
    const { origin, pathname } = new URL(url);
    const namespace = JSON.stringify([origin + pathname, user.normalize()]);
    const keeper = new Keeper(store, namespace, (error) => this.tellError(error));
    this.#keeper = keeper;
    this.objects = new Objects(maxObjects);
    this.objects.user = user;
    this.outbox = new Outbox(
      {
        requests: this.requests,
        keeper,
        objects: this.objects,
        now: () => this.now(),
        pause: (error, attempts) => this.pause(error, attempts),
        failed: (error) => this.tellError(error),
        suspect: (since) => this.suspect(since),
        changed: (event) => {
          this.push(event);
          this.notify();
        },
      },
      { ...OUTBOX_LIMITS, ...options },
    );
  }

  override connect(): void {
    void this.outbox.start();
    super.connect();
  }

  /** Ends everything, for good: nothing is told after it. Resolves when all that was to be stored is. */
  override async close(): Promise<void> {
    await super.close();
    this.outbox.close();
    await this.#keeper.settle();
  }

  /**
   * Sends a command through the outbox, and gives its answer: see `Outbox.add`. It is stored before it is
   * sent, and sent until it is answered, also by a client that is made later with the same store.
   */
  async command<Op extends ClientOp>(
    op: Op,
    d: PayloadOf<Op>,
    options: CommandOptions = {},
  ): Promise<AnswerTo<Op>> {
    return (await this.outbox.add(op, d as Data, options)) as AnswerTo<Op>;
  }

  /** Calls `watch` with each packet that is taken in, and the objects that it changed, before events tell of it. */
  watch(watch: Watch): () => void {
    this.#watchers.add(watch);
    return () => this.#watchers.delete(watch);
  }

  protected override restore(): Promise<Stored> {
    return this.#keeper.load();
  }

  protected override confirmed(cursor: string): void {
    void this.#keeper.saveCursor(cursor);
  }

  protected override take(packet: Packet): void {
    const changed = this.objects.take(packet.op, packet.d);
    for (const watch of this.#watchers) watch(packet, changed);
  }

  protected override forget(): void {
    this.objects.clear();
  }

  protected override greeted(user: string): void {
    this.objects.user = user;
    void this.#keeper.save({ user });
  }

  protected override opened(): void {
    super.opened();
    this.outbox.flush();
  }

  protected override lost(): void {
    super.lost();
    this.outbox.lost();
  }
}
