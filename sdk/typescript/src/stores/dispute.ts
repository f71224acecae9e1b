/** A dispute about a deal: what can be done in it, and a store of how it stands. */

import {
  type Dispute,
  LITIGE_STATEMENT,
  type LitigeStatement,
  REPORT_STATEMENT,
  type ReportStatus,
  type Settlement,
} from "../generated/packets.ts";
import { ActingStore } from "./acting.ts";
import type { Book, CommandOptions, ReportOptions } from "./book.ts";
import type { DealStore } from "./deal.ts";
import {
  type DisputeStoreView,
  type DisputeView,
  disputeView,
  type ShownSettlement,
} from "./views.ts";

/** A step in a dispute, as `allowed_actions` names it. */
export type DisputeAction = "state" | "propose" | "accept" | "withdraw";

/** Words to the other and to moderators. */
export interface StatementOptions extends CommandOptions {
  text?: string;
}

/** One dispute: by its id, or the newest one about a deal. */
export class DisputeStore extends ActingStore<DisputeStoreView, DisputeAction, DisputeView> {
  readonly #dispute: string | undefined;
  readonly #deal: DealStore | undefined;

  constructor(book: Book, dispute: string | undefined, deal?: DealStore) {
    super(book, "dispute");
    this.#dispute = dispute;
    this.#deal = deal;
  }

  get id(): string | undefined {
    return this.#dispute ?? this.current?.dispute;
  }

  get current(): DisputeView | undefined {
    const { book } = this;
    if (!this.#dispute) return this.#deal?.current && book.disputeAbout(this.#deal.current);
    const dispute = book.known<Dispute>("dispute", this.#dispute);
    return dispute && disputeView(dispute);
  }

  protected get live(): ShownSettlement | undefined {
    return this.current?.offers?.at(-1);
  }

  /** State one's case. */
  state(text: string, options?: CommandOptions): Promise<DisputeView> {
    return this.#say("state", { text }, options);
  }

  /** Propose how the agreed price is divided. */
  propose(settlement: Settlement, options?: StatementOptions): Promise<DisputeView> {
    return this.#say("propose", { settlement }, options);
  }

  /** Accept a settlement, with its number and amounts as they were shown. */
  accept(shown: ShownSettlement, options?: StatementOptions): Promise<DisputeView> {
    const accept = { offer: shown.number, settlement: shown.settlement };
    return this.#say("accept", { accept }, options, shown);
  }

  /** End the dispute, which is for who opened it. */
  withdraw(options?: StatementOptions): Promise<DisputeView> {
    return this.#say("withdraw", { withdraw: true }, options);
  }

  /** Report a statement of the other to moderators. */
  async reportStatement(number: number, options: ReportOptions): Promise<ReportStatus> {
    const { reason, comment } = options;
    const payload = { dispute: await this.known(), number, reason, comment };
    return this.book.command(REPORT_STATEMENT, payload, options);
  }

  protected override async read(): Promise<void> {
    await (this.id ? this.ask(this.id) : this.#deal?.load());
  }

  protected override build(): DisputeStoreView {
    return { dispute: this.current, ...this.progress };
  }

  async #say(
    action: DisputeAction,
    said: Partial<LitigeStatement>,
    options?: StatementOptions,
    shown?: ShownSettlement,
  ): Promise<DisputeView> {
    const payload = { text: options?.text, ...said };
    const { dispute } = await this.act(action, LITIGE_STATEMENT, payload, options, shown);
    return disputeView(dispute as Dispute);
  }
}
