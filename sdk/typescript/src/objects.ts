/**
 * The memory of objects: how each is known again, and which of two packets shows the newer. The rule
 * is docs/protocol.md's "What comes in any order", as in `parley_protocol.objects`.
 */

import * as ops from "./generated/packets.ts";
import type { Data } from "./protocol.ts";

/** The kinds of objects. */
export type Kind =
  | "conversation"
  | "message"
  | "read watermark"
  | "delivered watermark"
  | "presence"
  | "block"
  | "service"
  | "dispute"
  | "sanction"
  | "report"
  | "appeal";

/** An object as one packet shows it, or as several have. */
export interface Shown {
  readonly kind: Kind;
  readonly key: readonly string[];
  readonly version: number;
  /** What is known of it; a part of it where `part` is true. What it has not is absent or null. */
  readonly content: Data;
  /** Whether it shows some fields alone, and the others stay as they were known. */
  readonly part: boolean;
  /** Whether nothing was cut to send it at all. */
  readonly whole: boolean;
}

/** A structure's showing: of `all` that the structure holds of its object, or of a part. */
interface Showing {
  readonly kind: Kind;
  readonly key: readonly string[];
  readonly version: string;
  readonly all?: boolean;
}

const SHOWN: Readonly<Record<string, readonly Showing[]>> = ops.SHOWINGS;
const INSIDE: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = ops.NESTED;
const MARK: Readonly<Record<string, string>> = ops.MARKS;
const PAYLOADS: Readonly<Record<number, string>> = ops.STRUCTURES;
const NOT_CONTENT = new Set(["version", "duplicate"]);

/** Tells which of the structures that a field may hold a value is. */
function structureOf(held: readonly string[], data: Data): string {
  const found = held.findIndex((name) => (MARK[name] ?? "") in data);
  return held.at(found) as string;
}

/** Gives the part that a structure shows of an object; undefined for a payload that shows none. */
function partOf(structure: string, kind: Kind, data: Data): Data | undefined {
  const { participants, subject = null, unread, seq } = data;
  if (structure === "Conversation") return { participants, subject, unread };
  if (kind === "conversation") return unread === undefined ? undefined : { unread };
  if (kind === "message") {
    const { conversation, change, text = null, event = null, edited_at = null } = data;
    const tombstone = change === "deleted" || change === "removed" ? change : null;
    return { conversation, seq, tombstone, text, event, edited_at };
  }
  return kind === "read watermark" || data["status"] === "delivered" ? { seq } : undefined;
}

/** Gives an object as it is known after one more packet has shown it, in whatever order. */
export function newer(known: Shown | undefined, arrived: Shown): Shown {
  if (!known) return arrived;
  const behind =
    arrived.version < known.version ||
    (arrived.version === known.version && known.whole && !arrived.whole);
  const [older, later] = behind ? [arrived, known] : [known, arrived];
  if (!later.part) return later;
  return { ...later, content: { ...older.content, ...later.content }, part: older.part };
}

/** Gives the objects that a packet shows to a user; none of one that is newer than this table. */
export function shownBy(op: number, data: Data, user: string): Shown[] {
  const found: Shown[] = [];
  const find = (structure: string, one: Data): void => {
    const inside = INSIDE[structure] ?? {};
    const add = (kind: Kind, key: unknown[], version: unknown, content: Data, part: boolean) => {
      if (key.every((each) => each !== undefined && each !== null))
        found.push({
          kind,
          key: key as string[],
          // An older server gives none; then what comes later is kept.
          version: Number(version) || 0,
          content,
          part,
          whole: !one["truncated"],
        });
    };
    for (const { kind, key, version, all } of SHOWN[structure] ?? []) {
      const content = all
        ? Object.fromEntries(
            Object.entries(one).filter(([field]) => !(field in inside) && !NOT_CONTENT.has(field)),
          )
        : partOf(structure, kind, one);
      if (content) {
        const names = key.map((field) => one[field]);
        add(kind, names, one[version], content, !all && structure !== "Conversation");
      }
    }
    const { conversation } = one;
    if (structure === "Conversation") {
      for (const reader of one["participants"] as string[]) {
        const seq = one[reader === user ? "read_up_to" : "peer_read_up_to"];
        add("read watermark", [conversation, reader], seq, { seq }, false);
      }
      const seq = one["peer_delivered_up_to"];
      add("delivered watermark", [conversation], seq, { seq }, false);
    } else if (structure === "MsgSeen" && one["reader"] !== user) {
      // What is read is delivered.
      const { seq } = one;
      add("delivered watermark", [conversation], seq, { seq }, false);
    }
    for (const [field, held] of Object.entries(inside)) {
      const value = one[field];
      for (const each of Array.isArray(value) ? value : [value])
        if (each) find(structureOf(held, each), each);
    }
  };
  const payload = PAYLOADS[op];
  if (payload) find(payload, data);
  return found;
}

/**
 * The objects that one user's client knows; any socket may have shown them. Beyond `limit` it forgets
 * those that no packet has shown for the longest time.
 */
export class Objects {
  /** The user, once HELLO has named one; watermarks of before are taken for the other's. */
  user = "";
  readonly #limit: number;
  readonly #known = new Map<string, Shown>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Takes in a packet; gives what it has changed of what is known, as it is known now. */
  take(op: number, data: Data): Shown[] {
    const changed: Shown[] = [];
    for (const shown of shownBy(op, data, this.user)) {
      const place = placeOf(shown.kind, shown.key);
      const known = this.#known.get(place);
      const now = newer(known, shown);
      this.#known.delete(place);
      this.#known.set(place, now);
      if (JSON.stringify(known?.content) !== JSON.stringify(now.content)) changed.push(now);
    }
    for (const place of this.#known.keys()) {
      if (this.#known.size <= this.#limit) break;
      this.#known.delete(place);
    }
    return changed;
  }

  /** Gives an object by its kind and key; undefined for one that was never shown. */
  of(kind: Kind, ...key: string[]): Shown | undefined {
    return this.#known.get(placeOf(kind, key));
  }

  /** Gives all objects of a kind. */
  all(kind: Kind): Shown[] {
    return [...this.#known.values()].filter((shown) => shown.kind === kind);
  }

  /** Forgets everything, as is due after a RESUMED that is not complete. */
  clear(): void {
    this.#known.clear();
  }
}

function placeOf(kind: Kind, key: readonly string[]): string {
  return JSON.stringify([kind, ...key]);
}
