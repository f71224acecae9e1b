/** Stores of the connection and of the outbox. */

import type { State } from "../connection/machine.ts";
import type { ParleyError } from "../errors.ts";
import type { OutboxEntry } from "../outbox/outbox.ts";
import { WatchedStore } from "./store.ts";

/** How the connection stands. */
export interface ConnectionView {
  readonly state: State;
  /** Why it is not live. */
  readonly reason: ParleyError | undefined;
  /** When it tries again, in milliseconds since 1970. */
  readonly retryAt: number | undefined;
  readonly user: string | undefined;
}

export class ConnectionStore extends WatchedStore<ConnectionView> {
  override shows(changed: ReadonlySet<string>): boolean {
    return changed.has("state");
  }

  protected override build(): ConnectionView {
    const { state, reason, retryAt, user } = this.book.client;
    return { state, reason, retryAt, user };
  }
}

/** What is on its way, in the order in which it was made. */
export class OutboxStore extends WatchedStore<readonly OutboxEntry[]> {
  override shows(changed: ReadonlySet<string>): boolean {
    return changed.has("outbox");
  }

  protected override build(): readonly OutboxEntry[] {
    return this.book.client.outbox.entries();
  }
}
