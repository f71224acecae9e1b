/** A deal, which packets call a service: what can be done with it, and a store of how it stands. */

import { Unavailable } from "../errors.ts";
import {
  ASK_DISPUTES,
  ASK_SERVICE_EVENTS,
  ASK_SERVICES,
  type Dispute,
  LITIGE_CREATED,
  type LitigeCreated,
  type Money,
  NEGOTIATION_END,
  type NegotiationEnd,
  NOTE_SUBMITTED,
  PRICE_EDITED,
  SERVICE_TERMINATED,
  type Service,
  type ServiceEvent,
  type ServiceTerminated,
} from "../generated/packets.ts";
import { Pages } from "../pages.ts";
import { ActingStore } from "./acting.ts";
import type { Book, CommandOptions } from "./book.ts";
import type { ConversationStore } from "./conversation.ts";
import { DisputeStore } from "./dispute.ts";
import {
  type DealStoreView,
  type DealView,
  type DisputeView,
  dealView,
  disputeView,
  type ShownOffer,
} from "./views.ts";

/** A step in a deal, as `allowed_actions` names it. */
export type DealAction =
  | "counter"
  | "revise"
  | "accept"
  | "decline"
  | "withdraw"
  | "propose_amendment"
  | "deliver"
  | "complete"
  | "reopen"
  | "request_cancellation"
  | "confirm_cancellation"
  | "open_dispute"
  | "submit_note";

export interface PriceOptions extends CommandOptions {
  /** Words to the other about the price. */
  note?: string;
}

export interface ReasonOptions extends CommandOptions {
  reason?: string;
}

export interface DisputeOptions extends CommandOptions {
  reason: LitigeCreated["reason"];
  statement: string;
  /** What the client of the deal is to have back. */
  refund?: Money;
}

/**
 * One deal: by its id, or the present one of a conversation.
 *
 * A step that `allowed_actions` does not name is not sent, but rejected as ActionNotAllowed.
 */
export class DealStore extends ActingStore<DealStoreView, DealAction, DealView> {
  /** The newest dispute about it. */
  readonly dispute: DisputeStore;
  readonly #service: string | undefined;
  readonly #conversation: ConversationStore | undefined;
  #loaded = "";

  constructor(book: Book, service: string | undefined, conversation?: ConversationStore) {
    super(book, "service");
    this.#service = service;
    this.#conversation = conversation;
    this.dispute = new DisputeStore(book, undefined, this);
  }

  get id(): string | undefined {
    return this.#service ?? this.#conversation?.facts.summary.deal?.service;
  }

  get current(): DealView | undefined {
    const service = this.book.known<Service>("service", this.id);
    const known = service && this.book.facts(service.conversation).summary.deal;
    // The same object for as long as nothing has changed, where that is kept.
    return known?.service === this.id ? known : service && dealView(service);
  }

  protected get live(): ShownOffer | undefined {
    return this.current?.offer ?? this.current?.amendment;
  }

  // The price.

  /** Accept an offer, with its number and price as they were shown. Rejects with StaleOffer if another one stands. */
  accept(offer: ShownOffer, options?: CommandOptions): Promise<DealView> {
    return this.#end("accept", "agreed", offer, options);
  }

  decline(offer: ShownOffer, options?: CommandOptions): Promise<DealView> {
    return this.#end("decline", "declined", offer, options);
  }

  /** Take an own offer back. */
  withdraw(offer: ShownOffer, options?: CommandOptions): Promise<DealView> {
    return this.#end("withdraw", "withdrawn", offer, options);
  }

  /** Answer an offer of the other with another price. */
  counter(offer: ShownOffer, price: Money, options?: PriceOptions): Promise<DealView> {
    return this.#edit("counter", offer, price, options);
  }

  /** Replace an own offer. */
  revise(offer: ShownOffer, price: Money, options?: PriceOptions): Promise<DealView> {
    return this.#edit("revise", offer, price, options);
  }

  /** Propose another price after the agreement; it is answered by `accept`, `counter` and the others. */
  proposeAmendment(price: Money, options?: PriceOptions): Promise<DealView> {
    return this.#edit("propose_amendment", undefined, price, options);
  }

  // The work.

  /** Tell that the work is done. */
  deliver(options?: ReasonOptions): Promise<DealView> {
    return this.#terminate("deliver", "delivered", options);
  }

  /** Take the work as done. */
  complete(options?: ReasonOptions): Promise<DealView> {
    return this.#terminate("complete", "completed", options);
  }

  /** Ask for more work after a delivery. */
  reopen(options?: ReasonOptions): Promise<DealView> {
    return this.#terminate("reopen", "reopened", options);
  }

  requestCancellation(options?: ReasonOptions): Promise<DealView> {
    return this.#terminate("request_cancellation", "cancelled", options);
  }

  confirmCancellation(options?: ReasonOptions): Promise<DealView> {
    return this.#terminate("confirm_cancellation", "cancelled", options);
  }

  /** Rate the other from 1 to 5. */
  async submitNote(
    score: number,
    options: CommandOptions & { comment?: string } = {},
  ): Promise<DealView> {
    const said = { score, comment: options.comment };
    return dealOf(await this.act("submit_note", NOTE_SUBMITTED, said, options));
  }

  /** Open a dispute, which holds the deal. */
  async openDispute(options: DisputeOptions): Promise<DisputeView> {
    const { reason, statement, refund } = options;
    const said = { reason, statement, claim: refund && { refund } };
    const { dispute } = await this.act("open_dispute", LITIGE_CREATED, said, options);
    return disputeView(dispute as Dispute);
  }

  /** What has happened to it, the oldest first. */
  history(options: { limit?: number; signal?: AbortSignal } = {}): Pages<ServiceEvent> {
    return new Pages(async (page) => {
      const question = { service: await this.known(), limit: options.limit, page };
      const { events, next } = await this.book.ask(ASK_SERVICE_EVENTS, question, options);
      return { items: events, next };
    });
  }

  override shows(changed: ReadonlySet<string>): boolean {
    return super.shows(changed) || changed.has(this.#conversation?.id ?? "");
  }

  protected override isLoaded(): boolean {
    return super.isLoaded() && this.#loaded === this.#wanted;
  }

  /** What it is loaded for. What is allowed changes with a sanction, and no packet about the deal says so. */
  get #wanted(): string {
    return `${this.#conversation?.id} ${this.book.restrictions}`;
  }

  protected override async read(): Promise<void> {
    const { id, book } = this;
    const conversation = this.#conversation?.id;
    this.#loaded = this.#wanted;
    try {
      if (id) await this.ask(id);
      else if (conversation) await book.ask(ASK_SERVICES, { conversation, limit: 1 });
      if (this.id) await book.ask(ASK_DISPUTES, { service: this.id, limit: 1 });
    } catch (error) {
      // Where negotiation or moderation is not deployed there are no deals, or no disputes.
      if (!(error instanceof Unavailable)) throw error;
    }
  }

  protected override build(): DealStoreView {
    return { deal: this.current, dispute: this.dispute.current, ...this.progress };
  }

  async #end(
    action: DealAction,
    outcome: NegotiationEnd["outcome"],
    offer: ShownOffer,
    options?: CommandOptions,
  ): Promise<DealView> {
    const said = { outcome, offer: offer.number, price: offer.price };
    return dealOf(await this.act(action, NEGOTIATION_END, said, options, offer));
  }

  async #edit(
    action: DealAction,
    offer: ShownOffer | undefined,
    price: Money,
    options?: PriceOptions,
  ): Promise<DealView> {
    const said = { price, base_offer: offer?.number ?? 0, note: options?.note };
    return dealOf(await this.act(action, PRICE_EDITED, said, options, offer));
  }

  async #terminate(
    action: DealAction,
    outcome: ServiceTerminated["outcome"],
    options?: ReasonOptions,
  ): Promise<DealView> {
    const said = { outcome, reason: options?.reason };
    return dealOf(await this.act(action, SERVICE_TERMINATED, said, options));
  }
}

function dealOf({ service }: { service?: Service }): DealView {
  return dealView(service as Service);
}
