/** What the client knows of conversations, and the stores that show it. */

import type { Event, OutboxEvent } from "../events/events.ts";
import {
  type AnswerTo,
  type BlockedUser,
  CREATE_MSG,
  type CreateMsg,
  type Dispute,
  type Message,
  type PayloadOf,
  type Presence,
  type ReportMsg,
  type Service,
  type StatusMsg,
} from "../generated/packets.ts";
import { type Kind, type Shown, shownBy } from "../objects.ts";
import type { ClientOp, Data } from "../protocol.ts";
import type { Entry } from "../storage/store.ts";
import { Facts } from "./facts.ts";
import type { MemoryClient } from "./memory.ts";
import type { WatchedStore } from "./store.ts";
import {
  type ConversationSummary,
  type DealView,
  type DisputeView,
  dealView,
  disputeView,
} from "./views.ts";

/** A command may be given its key. To abort `signal` ends the wait, and not the command. */
export interface CommandOptions {
  key?: string;
  signal?: AbortSignal;
}

/** The reason "other" needs a comment. */
export interface ReportOptions extends CommandOptions {
  reason: ReportMsg["reason"];
  comment?: string;
}

/** Limits of what stores keep. */
export interface Limits {
  /** Messages of one conversation; older ones can be read by pages. */
  readonly maxMessages: number;
  /** Conversations; those in which least has happened lately go. */
  readonly maxConversations: number;
}

export const LIMITS: Limits = { maxMessages: 1_000, maxConversations: 1_000 };

/** A payload, in which what is undefined is left out. */
export type Loose<Payload> = { [Name in keyof Payload]: Payload[Name] | undefined };

// For how much earlier than this machine's clock says the server may date a message.
const CLOCKS_DIFFER_MS = 600_000;

/** Facts by conversation, kept up to date by all that packets show, and the stores that are made of them. */
export class Book {
  readonly client: MemoryClient;
  readonly limits: Limits;
  /** Grows with every change. */
  revision = 0;
  /** How often a sanction was told of. */
  restrictions = 0;
  /** The stores that have loaded what they show; another set after each reset. */
  loaded = new WeakSet<object>();
  /** The stores at which somebody looks. */
  readonly watched = new Set<WatchedStore<unknown>>();
  // Ends the handling of events.
  #leave: (() => void) | undefined;
  readonly #facts = new Map<string, Facts>();
  readonly #stores = new Map<string, object>();
  // By key of a message that was sent and is not answered, the newest seq of before.
  readonly #sentAfter = new Map<string, number>();

  constructor(client: MemoryClient, limits: Limits) {
    this.client = client;
    this.limits = limits;
    client.watch(({ op, d }) => this.show(op, d));
  }

  /** Note that somebody looks at a store. What is shown counts as handled, so that it is confirmed. */
  watch(store: WatchedStore<unknown>): void {
    this.#leave ??= this.client.on(() => {});
    this.watched.add(store);
  }

  /** Note that nobody looks at a store any more. */
  unwatch(store: WatchedStore<unknown>): void {
    this.watched.delete(store);
    if (this.watched.size) return;
    this.#leave?.();
    this.#leave = undefined;
  }

  /** Send a command through the outbox. */
  command<Op extends ClientOp>(
    op: Op,
    payload: Loose<PayloadOf<Op>>,
    options?: CommandOptions,
  ): Promise<AnswerTo<Op>> {
    return this.client.command(op, payload as unknown as PayloadOf<Op>, options);
  }

  /** Ask a question. */
  ask<Op extends ClientOp>(
    op: Op,
    payload: Loose<PayloadOf<Op>>,
    options?: { signal?: AbortSignal },
  ): Promise<AnswerTo<Op>> {
    return this.client.ask(op, payload as unknown as PayloadOf<Op>, options);
  }

  /** Give what is known of a conversation, perhaps nothing yet. */
  facts(id: string): Facts {
    let facts = this.#facts.get(id);
    if (!facts) {
      if (this.full) {
        const oldest = this.all().reduce((one, other) => (isBefore(one, other) ? one : other));
        this.#facts.delete(oldest.id as string);
      }
      facts = new Facts(id);
      this.#facts.set(id, facts);
    }
    return facts;
  }

  /** Whether as many conversations are known as are kept. */
  get full(): boolean {
    return this.#facts.size >= this.limits.maxConversations;
  }

  /** All that is known, in no order. */
  all(): Facts[] {
    return [...this.#facts.values()];
  }

  /** Find a conversation with a person, if it is known. */
  find(to: string, about = ""): Facts | undefined {
    return this.all().find(
      ({ listed, summary: { peer, subject = "" } }) => listed && peer === to && subject === about,
    );
  }

  /** Give an object as it is known. */
  known<Value>(kind: Kind, key: string | undefined): Value | undefined {
    const shown = key === undefined ? undefined : this.client.objects.of(kind, key);
    return shown && !shown.part ? contentOf<Value>(shown) : undefined;
  }

  /** Give the newest dispute about a deal, as far as is known. */
  disputeAbout({ service, conversation }: DealView): DisputeView | undefined {
    const newest = this.facts(conversation).summary.dispute;
    if (newest?.service === service) return newest;
    // Another deal has come after it, and was disputed.
    const [dispute] = this.client.objects
      .all("dispute")
      .map((shown) => contentOf<Dispute>(shown))
      .filter((one) => one.service === service)
      .sort((one, other) => (one.created_at < other.created_at ? 1 : -1));
    return dispute && disputeView(dispute);
  }

  /** Give the one store of a name, which is made when it is asked for first. */
  store<Store extends object>(name: string, make: () => Store): Store {
    const store = (this.#stores.get(name) as Store | undefined) ?? make();
    this.#stores.delete(name);
    for (const [other, one] of this.#stores) {
      if (this.#stores.size < this.limits.maxConversations) break;
      if (!this.watched.has(one as WatchedStore<unknown>)) this.#stores.delete(other);
    }
    this.#stores.set(name, store);
    return store;
  }

  /** Take in all that a packet shows, each object as it is known now. */
  show(op: number, payload: object): void {
    const { objects, user = "" } = this.client;
    const changed = new Set<string>();
    let restricted = false;
    for (const shown of shownBy(op, payload as Data, user)) {
      this.#take(objects.of(shown.kind, ...shown.key) ?? shown, changed);
      restricted ||= shown.kind === "sanction";
    }
    this.tell(changed);
    if (restricted) {
      this.restrictions += 1;
      this.#want();
    }
  }

  /** Take in what the client tells that no packet shows. */
  hear(event: Event): void {
    if (event.type === "outbox") this.#takeEntry(event);
    else if (event.type === "typing" && event.user !== this.client.user) {
      const changed = new Set<string>();
      this.#update(event.conversation, { typing: event.typing }, changed);
      this.tell(changed);
    } else if (event.type === "state") this.tell(new Set(["state"]));
    else if (event.type === "reset") {
      this.#facts.clear();
      this.loaded = new WeakSet();
    } else return;
    if (event.type === "reset" || (event.type === "state" && event.state === "live")) this.#want();
  }

  /** Tell stores of a change, and `also` one that may show none of it. */
  tell(changed: ReadonlySet<string>, also?: WatchedStore<unknown>): void {
    if (!changed.size && !also) return;
    this.revision += 1;
    for (const store of [...this.watched]) {
      if (store !== also && store.shows(changed)) store.changed();
    }
    also?.changed();
  }

  /** Whether a message is one that is on its way: the alert came before the answer. */
  isEcho({ key, state, createdAt, payload }: Entry, message: Message): boolean {
    const { sender, text, seq, created_at } = message;
    if (state !== "sent" || sender !== this.client.user || text !== payload["text"]) return false;
    const after = this.#sentAfter.get(key);
    // What a client of before has sent is told by the clocks.
    if (after === undefined) return Date.parse(created_at) > createdAt - CLOCKS_DIFFER_MS;
    return seq > after;
  }

  /** Let stores load what they show, where that may be old. */
  #want(): void {
    for (const store of [...this.watched]) store.wanted();
  }

  #takeEntry({ entry, state, answer }: OutboxEvent): void {
    const { key, op, payload } = entry;
    const { conversation, to, subject, text } = payload as Partial<CreateMsg>;
    const changed = new Set(["outbox"]);
    if (state !== "sent") this.#sentAfter.delete(key);
    else if (!entry.attempts) {
      const facts = to ? this.find(to, subject) : this.facts(conversation ?? "");
      this.#sentAfter.set(key, facts?.summary.lastMessage?.seq ?? 0);
    }
    if (op === CREATE_MSG && answer) {
      const { message, conversation, seq, created_at } = answer as unknown as StatusMsg;
      const facts = this.facts(conversation);
      facts.sent(message, key);
      if (to) {
        facts.listed = true;
        facts.update({ peer: to, subject });
      }
      // An answer has no version; whatever shows the message is newer.
      const sender = this.client.user as string;
      const stored = {
        message,
        conversation,
        seq,
        sender,
        kind: "text",
        created_at,
        version: 0,
        text,
      };
      facts.take(this.known<Message>("message", message) ?? (stored as Message));
      changed.add(conversation);
    }
    this.tell(changed);
  }

  #take(shown: Shown, changed: Set<string>): void {
    const { kind, key, content } = shown;
    const { user } = this.client;
    const [id = "", reader] = key;
    const { conversation = "" } = content as { conversation?: string };
    const { seq = 0 } = content as { seq?: number };
    if (kind === "conversation") {
      const {
        participants,
        subject,
        unread = 0,
      } = content as {
        participants?: readonly string[];
        subject?: string | null;
        unread?: number;
      };
      const peer = participants?.find((one) => one !== user);
      this.facts(id).listed ||= !!peer;
      this.#update(
        id,
        { unread, ...(peer && { peer, subject: subject ?? undefined, ...this.#person(peer) }) },
        changed,
      );
    } else if (kind === "message") {
      if (conversation && this.facts(conversation).take(contentOf(shown)))
        changed.add(conversation);
    } else if (kind === "read watermark") {
      this.#update(id, reader === user ? { readUpTo: seq } : { peerReadUpTo: seq }, changed);
    } else if (kind === "delivered watermark") {
      this.#update(id, { peerDeliveredUpTo: seq }, changed);
    } else if (kind === "service") {
      changed.add(id);
      // Only the newest deal may be open.
      const { deal } = this.facts(conversation).summary;
      const next = dealView(contentOf<Service>(shown));
      if (!deal || deal.created_at <= next.created_at)
        this.#update(conversation, { deal: next }, changed);
    } else if (kind === "dispute") {
      changed.add(id);
      const { dispute } = this.facts(conversation).summary;
      const next = disputeView(contentOf<Dispute>(shown));
      if (!dispute || dispute.created_at <= next.created_at)
        this.#update(conversation, { dispute: next }, changed);
    } else if (kind === "presence" || kind === "block") {
      for (const { id: one, summary } of this.all()) {
        if (summary.peer === id) this.#update(one as string, this.#person(id), changed);
      }
    }
  }

  /** What is known of a person. There is no presence of somebody whom the user blocks. */
  #person(user: string): Partial<ConversationSummary> {
    const blocked = !!this.known<BlockedUser>("block", user)?.blocked;
    return { blocked, presence: blocked ? undefined : this.known<Presence>("presence", user) };
  }

  #update(id: string, part: Partial<ConversationSummary>, changed: Set<string>): void {
    if (this.facts(id).update(part)) changed.add(id);
  }
}

/** When something was said last: a time of the server, which is compared as text. */
export function activityOf({ summary }: Facts): string {
  return summary.lastMessage?.created_at ?? "";
}

/** Whether less has happened lately in one conversation than in another. */
export function isBefore(one: Facts, other: Facts): boolean {
  const [first, second] = [activityOf(one), activityOf(other)];
  return first === second ? (one.id ?? "") < (other.id ?? "") : first < second;
}

function contentOf<Value>({ content, version }: Shown): Value {
  return { ...content, version } as Value;
}
