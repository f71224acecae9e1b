import { Connection, type ConnectionOptions } from "../connection/connection.ts";
import { ClientClosed } from "../errors.ts";
import type { Event } from "../events/events.ts";
import { TypingPeople } from "../events/typing.ts";
import type { AnswerTo, PayloadOf } from "../generated/packets.ts";
import type { ClientOp, Data } from "../protocol.ts";
import { Keeper } from "../storage/keeper.ts";
import type { Store, Stored } from "../storage/store.ts";
import { laneOf } from "./lanes.ts";
import { type CommandOptions, OUTBOX_LIMITS, Outbox, type OutboxLimits } from "./outbox.ts";

/** The options of a client with an outbox. */
export interface OutboxClientOptions extends ConnectionOptions, Partial<OutboxLimits> {
  /** The place where outbox and cursor outlast the page; without it they are in memory. */
  readonly store?: Store;
  /** For how long a released client stays open, for whoever retains it again. */
  readonly closeDelay?: number;
}

/** A connection that comes back by itself, with an outbox that loses nothing. */
export class OutboxClient extends Connection {
  /** The commands that are not answered yet. */
  readonly outbox: Outbox;
  readonly #keeper: Keeper;
  readonly #typing = new TypingPeople((event) => super.push(event));
  readonly #closeDelay: number;
  #retained = 0;
  #closing: ReturnType<typeof setTimeout> | undefined;

  constructor(options: OutboxClientOptions) {
    super(options);
    const { url, user = "", store, closeDelay = 1_000 } = options;
    this.#closeDelay = closeDelay;
    const { origin, pathname } = new URL(url);
    const namespace = JSON.stringify([origin + pathname, user.normalize()]);
    const keeper = new Keeper(store, namespace, (error) => this.tellError(error));
    this.#keeper = keeper;
    this.outbox = new Outbox(
      {
        requests: this.requests,
        keeper,
        lane: (op, d, key) => this.lane(op, d, key),
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

  /** Resolves when the connection is live. Rejects with the reason that keeps it from that for good. */
  whenLive(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (error?: unknown) => {
        stop();
        signal?.removeEventListener("abort", look);
        if (error) reject(error);
        else resolve();
      };
      const look = () => {
        if (signal?.aborted) settle(signal.reason);
        else if (this.state === "live") settle();
        else if (this.state === "closed") settle(new ClientClosed());
        else if (this.state === "unauthorized" || this.state === "refused") settle(this.reason);
      };
      const stop = this.subscribe(look);
      signal?.addEventListener("abort", look);
      look();
    });
  }

  /** Connects for whoever needs it, until as many have released it. */
  retain(): void {
    clearTimeout(this.#closing);
    if (!this.#retained++ && this.state === "idle") this.connect();
  }

  /** Ends what `retain` began; the last one closes the client after `closeDelay`. */
  release(): void {
    if (--this.#retained === 0)
      this.#closing = setTimeout(() => void this.close(), this.#closeDelay);
  }

  /** Ends everything, for good: nothing is told after it. Resolves when all that was to be stored is. */
  override async close(): Promise<void> {
    clearTimeout(this.#closing);
    await super.close();
    this.outbox.close();
    this.#typing.end(() => true);
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

  /** Gives the lane of a command: see `laneOf`. */
  protected lane(op: number, d: Data, key: string): string {
    return laneOf(op, d, key);
  }

  protected override push(event: Event, cursor?: string): void {
    if (event.type === "typing") {
      this.#typing.heard(event);
      return;
    }
    this.#typing.endBy(event);
    super.push(event, cursor);
  }

  protected override restore(): Promise<Stored> {
    return this.#keeper.load();
  }

  protected override confirmed(cursor: string): void {
    void this.#keeper.saveCursor(cursor);
  }

  protected override greeted(user: string): void {
    // Nothing is known of what happened meanwhile.
    this.#typing.end(() => true);
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
