/** A conversation: what can be done in it, and a store of how it stands. */

import { rejection } from "../errors.ts";
import {
  ASK_CONVERSATIONS,
  ASK_MESSAGES,
  CREATE_MSG,
  type CreateMsg,
  DELETE_MSG,
  EDIT_MSG,
  type Message,
  type MsgChanged,
  OPENED_CONVERSATION,
  REPORT_CONVERSATIONS,
  REPORT_MSG,
  type ReportStatus,
  type ReturnMessages,
  SERVICE_CREATED,
  type Service,
  type ServiceCreated,
  type StatusMsg,
  TYPING,
} from "../generated/packets.ts";
import { Pages } from "../pages.ts";
import type { Book, CommandOptions, ReportOptions } from "./book.ts";
import { DealStore } from "./deal.ts";
import { Facts } from "./facts.ts";
import { LoadingStore } from "./store.ts";
import { type ConversationView, type DealView, dealView, type PendingRow } from "./views.ts";

/** What a deal is proposed with; `role` is this user's own. */
export type Proposal = Omit<ServiceCreated, "conversation" | "idempotency_key">;

/** Where history is read; `before` and `after` are places (`seq`), of which at most one is given. */
export interface HistoryOptions {
  after?: number;
  before?: number;
  limit?: number;
  signal?: AbortSignal;
}

const TYPING_EVERY_MS = 3_000;

/**
 * One conversation, by its id or by the person with whom it begins.
 *
 * A command resolves when the server has done it, over any number of sockets, and rejects with a
 * ParleyError; until then it waits in the outbox.
 */
export class ConversationStore extends LoadingStore<ConversationView> {
  /** Its deal: the open one, or else the latest. */
  readonly deal: DealStore;
  readonly #to: string | undefined;
  readonly #subject: string | undefined;
  #facts: Facts;
  readonly #asked = new WeakSet<Facts>();
  #older: Promise<void> | undefined;
  #typed = -TYPING_EVERY_MS;
  #marking: Promise<void> | undefined;
  #mark = 0;

  constructor(book: Book, id: string | undefined, to?: string, subject?: string) {
    super(book);
    this.#to = to;
    this.#subject = subject;
    this.#facts = new Facts(id);
    this.#facts.update({ peer: to, subject });
    this.deal = new DealStore(book, undefined, this);
  }

  /** The id; undefined while nothing is known of a conversation with a person. */
  get id(): string | undefined {
    return this.facts.id;
  }

  /** What is known of it. */
  get facts(): Facts {
    const { id } = this.#facts;
    const found = id ? this.book.facts(id) : this.book.find(this.#to ?? "", this.#subject);
    this.#facts = found ?? this.#facts;
    return this.#facts;
  }

  /** Say something: a row of it is shown at once. */
  send(text: string, options?: CommandOptions): Promise<StatusMsg> {
    const to = this.#to;
    const place = to ? { to, subject: this.#subject } : { conversation: this.id };
    return this.book.command(CREATE_MSG, { text, ...place }, options);
  }

  /** Give an own message another text. */
  edit(message: string, text: string, options?: CommandOptions): Promise<MsgChanged> {
    return this.book.command(EDIT_MSG, { message, text }, options);
  }

  /** Take an own message back, for good. */
  delete(message: string, options?: CommandOptions): Promise<MsgChanged> {
    return this.book.command(DELETE_MSG, { message }, options);
  }

  /** Mark as read what is known, or all up to `seq`. Marks that come while one is under way are joined. */
  markRead(seq: number = this.facts.summary.lastMessage?.seq ?? 0): Promise<void> {
    this.#mark = Math.max(this.#mark, seq);
    this.#marking ??= this.#sendMarks().finally(() => {
      this.#marking = undefined;
      this.#mark = 0;
    });
    return this.#marking;
  }

  /** Tell that this user types; call it with each key, it is told every few seconds. */
  typing(typing = true): void {
    const conversation = this.id;
    const now = performance.now();
    if (!conversation || (typing && now - this.#typed < TYPING_EVERY_MS)) return;
    this.#typed = typing ? now : -TYPING_EVERY_MS;
    this.book.client.tell(TYPING, { conversation, typing });
  }

  /** Load the page of history before the rows. */
  loadOlder(): Promise<void> {
    this.#older ??= this.#loadOlder().finally(() => {
      this.#older = undefined;
    });
    return this.#older;
  }

  /** Read a page of messages: the newest, or those `before` or `after` a seq. Nothing of it is kept here. */
  async history({ signal, ...where }: HistoryOptions = {}): Promise<ReturnMessages> {
    const conversation = await this.#known();
    return this.book.ask(ASK_MESSAGES, { conversation, ...where }, signal && { signal });
  }

  /** All messages with a seq above `after`, in order. */
  messages({ after = 0, ...options }: Omit<HistoryOptions, "before"> = {}): Pages<Message> {
    return new Pages(async (name = String(after)) => {
      const { messages, more } = await this.history({ ...options, after: Number(name) });
      return { items: messages, next: more ? String(messages.at(-1)?.seq) : undefined };
    });
  }

  /** Report the conversation to moderators; the other does not learn of it. */
  async report(options: ReportOptions): Promise<ReportStatus> {
    const { reason, comment } = options;
    const payload = { conversation: await this.#known(), reason, comment };
    return this.book.command(REPORT_CONVERSATIONS, payload, options);
  }

  /** Report one of its messages to moderators; the other does not learn of it. */
  reportMessage(message: string, options: ReportOptions): Promise<ReportStatus> {
    const { reason, comment } = options;
    return this.book.command(REPORT_MSG, { message, reason, comment }, options);
  }

  /** Propose a deal at a price. */
  async propose(proposal: Proposal, options?: CommandOptions): Promise<DealView> {
    const payload = { conversation: await this.#known(), ...proposal };
    const { service } = await this.book.command(SERVICE_CREATED, payload, options);
    return dealView(service as Service);
  }

  override shows(changed: ReadonlySet<string>): boolean {
    const { id } = this;
    return changed.has("outbox") || (id ? changed.has(id) : this.#begun().length > 0);
  }

  override wanted(): void {
    super.wanted();
    this.deal.wanted();
  }

  protected override isLoaded(): boolean {
    const { id, limit } = this.facts;
    return super.isLoaded() && (id ? limit > 1 : !this.#begun().length);
  }

  protected override async read(): Promise<void> {
    for (const facts of this.#begun()) this.#asked.add(facts);
    await this.#search();
    const { id: conversation } = this.facts;
    if (!conversation) return;
    this.facts.limit = this.book.limits.maxMessages;
    await this.#page(conversation);
  }

  protected override build(): ConversationView {
    const { summary, rows, hasOlder } = this.facts;
    return {
      ...summary,
      rows: [...rows, ...this.#pending()],
      hasOlder: hasOlder && !!summary.conversation && rows.length < this.book.limits.maxMessages,
      ...this.progress,
    };
  }

  /** What is on its way, but for what an alert has shown before its answer came. */
  #pending(): PendingRow[] {
    const { rows, summary } = this.facts;
    const pending: PendingRow[] = [];
    for (const entry of this.book.client.outbox.entries()) {
      const { key, op, payload, state, createdAt, error } = entry;
      const { conversation, to, subject, text = "" } = payload as Partial<CreateMsg>;
      const isHere = to
        ? to === summary.peer && (subject ?? "") === (summary.subject ?? "")
        : conversation === summary.conversation;
      if (op !== CREATE_MSG || !isHere) continue;
      if (rows.some((row) => this.book.isEcho(entry, row.message))) continue;
      pending.push({ key, state, text, createdAt, error });
    }
    return pending;
  }

  /** Conversations that the person has begun, of which nobody knows yet what they are about. */
  #begun(): Facts[] {
    return this.book
      .all()
      .filter(
        (facts) =>
          !facts.listed &&
          !this.#asked.has(facts) &&
          facts.rows.some(({ message }) => message.sender === this.#to),
      );
  }

  /** Find it in the list of conversations, which tells of the person or of the id. */
  async #search(): Promise<void> {
    let page: string | undefined;
    for (let count = 0; !this.facts.listed && count < this.book.limits.maxConversations; ) {
      const answer = await this.book.ask(ASK_CONVERSATIONS, { limit: 100, page });
      count += answer.conversations.length;
      page = answer.next;
      if (!page) return;
    }
  }

  async #loadOlder(): Promise<void> {
    await this.load();
    const { conversation, hasOlder, rows } = this.getSnapshot();
    const [first] = this.facts.rows;
    if (conversation && hasOlder && first && rows.length) {
      await this.#page(conversation, first.message.seq);
      this.book.tell(new Set([conversation]));
    }
  }

  async #page(conversation: string, before?: number): Promise<void> {
    const { facts } = this;
    const page = await this.book.ask(ASK_MESSAGES, { conversation, before });
    // Of messages that were changed since, what is known now is newer.
    const messages = page.messages.map(
      (one) => this.book.known<Message>("message", one.message) ?? one,
    );
    facts.takeOlder(messages, page.more);
  }

  async #sendMarks(): Promise<void> {
    const conversation = await this.#known();
    for (let seq = this.facts.summary.readUpTo; seq < this.#mark; ) {
      seq = this.#mark;
      await this.book.ask(OPENED_CONVERSATION, { conversation, seq });
    }
  }

  async #known(): Promise<string> {
    if (!this.id) await this.#search();
    if (this.id) return this.id;
    throw rejection({ code: "NOT_FOUND", message: "nothing was said in this conversation yet" });
  }
}
