/** Evidence as it was written down: JSON in a text, of which nothing is taken for granted. */

import type { Evidence } from "../generated/api.ts";

/** A text of a message before its author changed it. */
export interface EarlierText {
  readonly text: string;
  readonly at: string;
}

/** A message as a snapshot shows it. */
export interface SeenMessage {
  readonly kind: "message";
  readonly id: string;
  readonly at: string;
  readonly sender: string;
  readonly text: string;
  /** "deleted" by its author, "removed" by moderation, or "". */
  readonly gone: string;
  readonly before: readonly EarlierText[];
  readonly isReported: boolean;
}

/** Something that happened to a deal, as a snapshot shows it. */
export interface SeenEvent {
  readonly kind: "deal";
  readonly service: string;
  readonly number: number;
  readonly at: string;
  readonly by: string;
  readonly cause: string;
  readonly title: string;
  readonly price: { readonly amount_minor: number; readonly currency: string } | undefined;
  /** Texts that people wrote with it. */
  readonly texts: readonly string[];
  /** The message that stands for it, by which it can be removed; "" if it is not known. */
  readonly messageId: string;
  readonly isReported: boolean;
}

/** A statement of a dispute, as a snapshot shows it. */
export interface SeenStatement {
  readonly kind: "statement";
  readonly dispute: string;
  readonly number: number;
  readonly at: string;
  readonly by: string;
  readonly text: string;
  readonly isRemoved: boolean;
  readonly isReported: boolean;
}

export type Seen = SeenMessage | SeenEvent | SeenStatement;

/** A snapshot: the things that it shows, and how complete it is. */
export interface Snapshot {
  readonly seen: readonly Seen[];
  readonly subject: string;
  readonly leftOut: number;
  /** Whether the deal, or what was said, could not be asked for. */
  readonly isIncomplete: boolean;
  /** Whether the content could be read at all. */
  readonly isReadable: boolean;
}

type Json = Readonly<Record<string, unknown>>;

/** Read a snapshot. One that is erased, or no JSON, shows nothing. */
export function readEvidence({ content }: Pick<Evidence, "content">): Snapshot {
  const read = content ? objectIn(parse(content)) : undefined;
  if (!read) {
    return { seen: [], subject: "", leftOut: 0, isIncomplete: false, isReadable: !content };
  }
  const reported = text(read["reported"]);
  const dispute = objectIn(read["dispute"]);
  const seen: Seen[] = [
    ...objectsIn(read["messages"]).flatMap((one) => messageOf(one, reported)),
    ...objectsIn(read["events"]).map((one) => eventOf(one, "", false)),
    ...(dispute ? statementsOf(dispute, Number(read["reported"])) : []),
  ];
  return {
    seen,
    subject: text(read["subject"]),
    leftOut: Number(read["left_out"]) || 0,
    isIncomplete: read["deal"] === "unavailable" || read["messages"] === "unavailable",
    isReadable: true,
  };
}

function messageOf(entry: Json, reported: string): Seen[] {
  const message = objectIn(entry["message"]);
  if (!message) return [];
  const id = text(message["id"]);
  const isReported = id !== "" && id === reported;
  const event = objectIn(message["event"]);
  if (event) {
    const at = text(event["event_time"]) || text(message["create_time"]);
    return [eventOf({ ...event, create_time: at }, id, isReported)];
  }
  return [
    {
      kind: "message",
      id,
      at: text(message["create_time"]),
      sender: text(message["sender"]),
      text: text(message["text"]),
      gone: text(message["tombstone"]).replace("TOMBSTONE_", "").toLowerCase(),
      before: objectsIn(entry["versions"]).map((one) => ({
        text: text(one["text"]),
        at: text(one["write_time"]),
      })),
      isReported,
    },
  ];
}

function eventOf(event: Json, messageId: string, isReported: boolean): SeenEvent {
  const offer = objectIn(event["offer"]);
  const note = objectIn(event["note"]);
  return {
    kind: "deal",
    service: text(event["service_id"]),
    number: Number(event["number"]) || 0,
    at: text(event["create_time"]),
    by: text(event["by"]),
    cause: text(event["cause"]),
    title: text(event["title"]),
    price: priceOf(objectIn(offer?.["price"]) ?? event),
    texts: [text(offer?.["note"]), text(event["reason"]), text(note?.["comment"])].filter(Boolean),
    messageId,
    isReported,
  };
}

function statementsOf(dispute: Json, reported: number): SeenStatement[] {
  return objectsIn(dispute["statements"]).map((one) => ({
    kind: "statement",
    dispute: text(dispute["id"]),
    number: Number(one["number"]) || 0,
    at: text(one["create_time"]),
    by: text(one["by"]),
    text: text(one["text"]),
    isRemoved: one["removed"] === true,
    isReported: Number(one["number"]) === reported,
  }));
}

function priceOf(money: Json): SeenEvent["price"] {
  const minor = Number(money["amount_minor"]);
  const currency = text(money["currency"]);
  return currency && Number.isSafeInteger(minor) ? { amount_minor: minor, currency } : undefined;
}

function parse(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    // It is shown as it is.
    return undefined;
  }
}

function objectIn(value: unknown): Json | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Json)
    : undefined;
}

function objectsIn(value: unknown): Json[] {
  return Array.isArray(value) ? value.map(objectIn).filter((one) => one !== undefined) : [];
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
