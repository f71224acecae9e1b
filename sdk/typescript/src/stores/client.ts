/** The client that applications use: connection, outbox, and stores of what it knows. */

import type { Event } from "../events/events.ts";
import {
  APPEAL,
  type Appeal,
  ASK_APPEALS,
  ASK_BLOCKS,
  ASK_CONVERSATIONS,
  ASK_DISPUTES,
  ASK_REPORTS,
  ASK_SERVICES,
  ASK_STANDING,
  type AskDisputes,
  type AskReports,
  type AskServices,
  BLOCK_USER,
  type BlockedUser,
  type Conversation,
  type PayloadOf,
  type Presence,
  type ReportStatus,
  type Standing,
} from "../generated/packets.ts";
import { type Page, Pages } from "../pages.ts";
import { Book, type CommandOptions, LIMITS, type Limits } from "./book.ts";
import { ConnectionStore, OutboxStore } from "./connection.ts";
import { ConversationStore } from "./conversation.ts";
import { ConversationListStore } from "./conversation-list.ts";
import { DealStore } from "./deal.ts";
import { DisputeStore } from "./dispute.ts";
import { MemoryClient, type MemoryClientOptions } from "./memory.ts";
import { type DealView, type DisputeView, dealView, disputeView } from "./views.ts";

/** The options of a client, all of which but `url` and `token` have defaults. */
export interface ClientOptions extends MemoryClientOptions, Partial<Limits> {}

/** Options of lists, of which each page has up to `limit` items. */
export interface ListOptions {
  limit?: number;
  signal?: AbortSignal;
}

/** A client of Parley: it comes back by itself, loses nothing that was written, and shows what it knows. */
export class Client extends MemoryClient {
  /** How the connection stands, and what is on its way, as stores. */
  readonly connection: ConnectionStore;
  readonly pending: OutboxStore;
  /** The list of conversations, as a store. */
  readonly conversationList: ConversationListStore;
  readonly #book: Book;

  constructor(options: ClientOptions) {
    super(options);
    const book = new Book(this, { ...LIMITS, ...options });
    this.#book = book;
    this.connection = new ConnectionStore(book);
    this.pending = new OutboxStore(book);
    this.conversationList = new ConversationListStore(book);
  }

  /** Give a conversation by its id: what can be done in it, and a store of how it stands. */
  conversation(id: string): ConversationStore {
    return this.#book.store(id, () => new ConversationStore(this.#book, id));
  }

  /** Give the conversation with a person about a subject, which the first message opens if it has to. */
  conversationWith(user: string, options: { subject?: string } = {}): ConversationStore {
    // The server compares names in this form.
    const to = user.normalize();
    const subject = options.subject?.normalize();
    const make = () => new ConversationStore(this.#book, undefined, to, subject);
    return this.#book.store(JSON.stringify([to, subject]), make);
  }

  /** Give a deal by its id. */
  deal(service: string): DealStore {
    return this.#book.store(service, () => new DealStore(this.#book, service));
  }

  /** Give a dispute by its id. */
  dispute(dispute: string): DisputeStore {
    return this.#book.store(dispute, () => new DisputeStore(this.#book, dispute));
  }

  /** The presence of somebody, as far as is known. */
  presence(user: string): Presence | undefined {
    return this.objects.of("presence", user.normalize())?.content as Presence | undefined;
  }

  /** Block another user: nothing of them is shown any more. */
  block(user: string, options?: { signal?: AbortSignal }): Promise<BlockedUser> {
    return this.ask(BLOCK_USER, { user, blocked: true }, options);
  }

  unblock(user: string, options?: { signal?: AbortSignal }): Promise<BlockedUser> {
    return this.ask(BLOCK_USER, { user, blocked: false }, options);
  }

  /** Ask another moderator to look at a decision again: that of a sanction, or of a report. */
  async appeal(decision: string, text: string, options?: CommandOptions): Promise<Appeal> {
    const answer = await this.command(APPEAL, { decision, text }, options);
    return answer.appeal as Appeal;
  }

  /** What restricts the user now. */
  async standing(options?: { signal?: AbortSignal }): Promise<Standing> {
    return (await this.ask(ASK_STANDING, {}, options)).standing;
  }

  // Lists, each by pages, the newest first.

  conversations(options?: ListOptions): Pages<Conversation> {
    return this.#list(ASK_CONVERSATIONS, "conversations", options);
  }

  /** The user's deals, also past ones. */
  deals(options?: ListOptions & Which<AskServices>): Pages<DealView> {
    return this.#list(ASK_SERVICES, "services", options, dealView);
  }

  disputes(options?: ListOptions & Which<AskDisputes>): Pages<DisputeView> {
    return this.#list(ASK_DISPUTES, "disputes", options, disputeView);
  }

  /** The user's own reports. */
  reports(options?: ListOptions & Which<AskReports>): Pages<ReportStatus> {
    return this.#list(ASK_REPORTS, "reports", options);
  }

  /** The user's own appeals. */
  appeals(options?: ListOptions): Pages<Appeal> {
    return this.#list(ASK_APPEALS, "appeals", options);
  }

  /** Whom the user blocks. */
  blocks(options?: ListOptions): Pages<BlockedUser> {
    return this.#list(ASK_BLOCKS, "blocks", options);
  }

  #list<Op extends ListOp, Item, Shown = Item>(
    op: Op,
    field: string,
    { signal, ...question }: ListOptions = {},
    view: (item: Item) => Shown = (item) => item as unknown as Shown,
  ): Pages<Shown> {
    return new Pages(async (page) => {
      const asked = { ...question, page } as PayloadOf<Op>;
      const answer: object = await this.ask(op, asked, signal && { signal });
      const { next, missing, [field]: items } = answer as Page<Shown> & Record<string, Item[]>;
      return { items: (items ?? []).map(view), next, missing };
    });
  }

  protected override push(event: Event, cursor?: string): void {
    // The connection may tell something while it is being made.
    if (#book in this) this.#book.hear(event);
    super.push(event, cursor);
  }
}

/** What a list is about: the fields of its question but for the page. */
type Which<Question> = Omit<Question, "limit" | "page">;

type ListOp =
  | typeof ASK_APPEALS
  | typeof ASK_BLOCKS
  | typeof ASK_CONVERSATIONS
  | typeof ASK_DISPUTES
  | typeof ASK_REPORTS
  | typeof ASK_SERVICES;
