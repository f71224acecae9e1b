/** What packets have shown of one conversation. */

import type { Message } from "../generated/packets.ts";
import type { ConversationSummary, StoredRow } from "./views.ts";

const NOTHING: Omit<ConversationSummary, "conversation"> = {
  peer: undefined,
  subject: undefined,
  unread: 0,
  lastMessage: undefined,
  readUpTo: 0,
  peerReadUpTo: 0,
  peerDeliveredUpTo: 0,
  presence: undefined,
  blocked: false,
  typing: false,
  deal: undefined,
  dispute: undefined,
};

/** A conversation as far as it is known; the book writes it. */
export class Facts {
  /** What lists show; the same object until something of it changes. */
  summary: ConversationSummary;
  /** Whether a list has told who takes part. */
  listed = false;
  /** Messages without a gap, sorted by seq; never changed but replaced. Only the newest until it is opened. */
  rows: readonly StoredRow[] = [];
  /** Whether there are messages before the rows. */
  hasOlder = true;
  /** How many rows are kept. */
  limit = 1;
  // By message, the keys of those that this client has sent.
  readonly #keys = new Map<string, string>();

  constructor(conversation: string | undefined) {
    this.summary = { conversation, ...NOTHING };
  }

  get id(): string | undefined {
    return this.summary.conversation;
  }

  /** Change what lists show; tell whether anything has changed. */
  update(part: Partial<ConversationSummary>): boolean {
    const next = { ...this.summary, ...part };
    if (JSON.stringify(next) === JSON.stringify(this.summary)) return false;
    this.summary = next;
    return true;
  }

  /** Take in a message, or a change of one; tell whether it has changed the rows. */
  take(shown: Message): boolean {
    let place = this.rows.length;
    while (place && (this.rows[place - 1] as StoredRow).message.seq >= shown.seq) place -= 1;
    const known = this.rows[place]?.message;
    const isKnown = known?.seq === shown.seq;
    if (isKnown && known.version > shown.version) return false;
    const message = withoutNulls(isKnown ? { ...known, ...shown } : shown);
    // The change of a message that was never shown is none; and what lies before the rows is for the
    // next page, or there would be a hole.
    const isBefore = !isKnown && !place && this.rows.length > 0;
    if (!message.kind || (isBefore && this.hasOlder && !this.#older)) return false;
    if (isKnown && JSON.stringify(known) === JSON.stringify(message)) return false;
    const key = this.#keys.get(message.message) ?? message.message;
    const rows = [...this.rows];
    rows.splice(place, +isKnown, { key, state: "stored", message });
    this.rows = rows.slice(-this.limit);
    this.hasOlder ||= rows.length > this.limit;
    return this.update({ lastMessage: this.rows.at(-1)?.message }) || true;
  }

  #older = false;

  /** Take in a page of messages that ends where the rows begin. */
  takeOlder(messages: readonly Message[], more: boolean): void {
    this.#older = true;
    for (const message of messages) this.take(message);
    this.#older = false;
    this.hasOlder = more;
  }

  /** Note with which key this client sent a message, whose row goes on under it. */
  sent(message: string, key: string): void {
    if (this.rows.some((row) => row.message.message === message)) return;
    this.#keys.set(message, key);
    for (const [oldest] of this.#keys) if (this.#keys.size > this.limit) this.#keys.delete(oldest);
  }
}

/** Leave out what a change has taken away. */
function withoutNulls(message: Message): Message {
  const told = Object.entries(message).filter(([, value]) => value !== null);
  return Object.fromEntries(told) as unknown as Message;
}
