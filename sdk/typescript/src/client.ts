import { Connection, type ConnectionOptions } from "./connection/connection.ts";
import type { AnswerTo, PayloadOf } from "./generated/packets.ts";
import { type CommandOptions, OUTBOX_LIMITS, Outbox, type OutboxLimits } from "./outbox/outbox.ts";
import type { ClientOp, Data } from "./protocol.ts";

/** The options of a client. */
export interface ClientOptions extends ConnectionOptions, Partial<OutboxLimits> {}

/** A client of Parley: a connection that comes back by itself, and an outbox that loses nothing. */
export class Client extends Connection {
  /** The commands that are not answered yet. */
  readonly outbox: Outbox;

  constructor(options: ClientOptions) {
    super(options);
    this.outbox = new Outbox(
      {
        requests: this.requests,
        keeper: this.keeper,
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

  override close(): Promise<void> {
    const closed = super.close();
    this.outbox.close();
    return closed;
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

  protected override opened(): void {
    super.opened();
    this.outbox.flush();
  }

  protected override lost(): void {
    super.lost();
    this.outbox.lost();
  }
}
