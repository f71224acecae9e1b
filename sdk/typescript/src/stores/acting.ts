/** What deals and disputes have in common: steps that only `allowed_actions` lets be taken. */

import { ActionNotAllowed, rejection } from "../errors.ts";
import {
  ASK_DISPUTE,
  ASK_SERVICE,
  type PayloadOf,
  type UpdateConversationDatas,
} from "../generated/packets.ts";
import type { ClientOp } from "../protocol.ts";
import type { Book, CommandOptions, Loose } from "./book.ts";
import { LoadingStore } from "./store.ts";

/** An offer as it was shown, of a deal or of a dispute. */
interface Numbered {
  readonly number: number;
  readonly service?: string;
  readonly dispute?: string;
}

/** A thing with steps, named by the field that holds its id. */
export abstract class ActingStore<
  Snapshot,
  Action extends string,
  View extends { readonly allowed_actions: readonly string[] },
> extends LoadingStore<Snapshot> {
  readonly #kind: "service" | "dispute";

  constructor(book: Book, kind: "service" | "dispute") {
    super(book);
    this.#kind = kind;
  }

  /** The id; undefined while none is known. */
  abstract get id(): string | undefined;

  /** As it is known now. */
  abstract get current(): View | undefined;

  /** The offer on the table. */
  protected abstract get live(): Numbered | undefined;

  /** Whether the user can take a step, as far as is known. */
  can(action: Action): boolean {
    return !!this.current?.allowed_actions.includes(action);
  }

  override shows(changed: ReadonlySet<string>): boolean {
    return changed.has(this.id ?? "");
  }

  /** Give the id, if need be after loading. */
  protected async known(): Promise<string> {
    if (!this.id) await this.load();
    if (this.id) return this.id;
    throw rejection({ code: "NOT_FOUND", message: `there is no ${this.#kind} here` });
  }

  /**
   * Take a step. One that is not allowed as far as is known is rejected as ActionNotAllowed, but only
   * after it was asked for anew: time and sanctions change what is allowed without a word. Of an
   * offer that is not on the table any more the server says so, with how it stands.
   */
  protected async act<Op extends ClientOp>(
    action: Action,
    op: Op,
    said: Loose<Omit<PayloadOf<Op>, "service" | "dispute" | "idempotency_key">>,
    options?: CommandOptions,
    shown?: Numbered,
  ): Promise<UpdateConversationDatas> {
    const id = shown?.[this.#kind] ?? (await this.known());
    const isOld = () => shown && shown.number !== this.live?.number;
    if (id === this.id && !this.can(action) && !isOld()) {
      if (!this.current || this.book.client.state === "live") await this.ask(id);
      if (!this.can(action) && !isOld()) {
        throw new ActionNotAllowed(action, this.current?.allowed_actions ?? []);
      }
    }
    const payload: unknown = { [this.#kind]: id, ...said };
    const answer: unknown = await this.book.command(op, payload as Loose<PayloadOf<Op>>, options);
    return answer as UpdateConversationDatas;
  }

  /** Ask how it stands. */
  protected ask(id: string): Promise<unknown> {
    return this.#kind === "service"
      ? this.book.ask(ASK_SERVICE, { service: id })
      : this.book.ask(ASK_DISPUTE, { dispute: id });
  }
}
