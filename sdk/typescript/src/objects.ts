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

/** The structures that show objects, or hold such; "page" is any payload that holds them by name. */
type Name =
  | Exclude<Kind, "read watermark" | "delivered watermark">
  | "alert"
  | "seen"
  | "status"
  | "changed"
  | "standing"
  | "page";

/** A structure: the object that it shows, and the structures in its fields. */
interface Structure {
  readonly shows?: readonly Showing[];
  readonly inside?: Readonly<Record<string, Name>>;
}

/** An object that a structure shows, its naming fields, and the field of its version. */
type Showing = readonly [
  kind: Kind,
  key: readonly string[],
  version: string,
  part?: (data: Data) => Data | undefined,
];

const unread = (data: Data) =>
  data["unread"] === undefined ? undefined : { unread: data["unread"] };
const watermark = (data: Data) => ({ seq: data["seq"] });
const CONVERSATION = ["conversation"];

const STRUCTURES: Readonly<Record<Name, Structure>> = {
  conversation: {
    shows: [
      [
        "conversation",
        CONVERSATION,
        "version",
        (data) => ({
          participants: data["participants"],
          subject: data["subject"] ?? null,
          unread: data["unread"],
        }),
      ],
    ],
    inside: {
      last_message: "message",
      service: "service",
      dispute: "dispute",
      presence: "presence",
      block: "block",
    },
  },
  alert: {
    shows: [["conversation", CONVERSATION, "conversation_version", unread]],
    inside: { message: "message" },
  },
  seen: {
    shows: [
      ["read watermark", ["conversation", "reader"], "seq", watermark],
      ["conversation", CONVERSATION, "conversation_version", unread],
    ],
  },
  status: {
    shows: [
      [
        "delivered watermark",
        CONVERSATION,
        "seq",
        (data) => (data["status"] === "delivered" ? watermark(data) : undefined),
      ],
    ],
  },
  message: { shows: [["message", ["message"], "version"]] },
  changed: {
    shows: [
      [
        "message",
        ["message"],
        "version",
        (data) => ({
          conversation: data["conversation"],
          seq: data["seq"],
          tombstone: /^(deleted|removed)$/.test(String(data["change"])) ? data["change"] : null,
          text: data["text"] ?? null,
          event: data["event"] ?? null,
          edited_at: data["edited_at"] ?? null,
        }),
      ],
      ["conversation", CONVERSATION, "conversation_version", unread],
    ],
  },
  presence: { shows: [["presence", ["user"], "version"]] },
  block: { shows: [["block", ["user"], "version"]] },
  service: { shows: [["service", ["service"], "version"]] },
  dispute: { shows: [["dispute", ["dispute"], "version"]] },
  sanction: { shows: [["sanction", ["sanction"], "version"]], inside: { appeal: "appeal" } },
  report: { shows: [["report", ["report"], "version"]], inside: { appeal: "appeal" } },
  appeal: { shows: [["appeal", ["appeal"], "version"]] },
  standing: { inside: { sanctions: "sanction" } },
  page: {
    inside: {
      conversations: "conversation",
      messages: "message",
      blocks: "block",
      services: "service",
      disputes: "dispute",
      reports: "report",
      appeals: "appeal",
      standing: "standing",
      service: "service",
      dispute: "dispute",
    },
  },
};

/** The structure of each packet's payload; `page` holds any of them by name of field. */
const PAYLOADS: Readonly<Record<number, Name>> = {
  [ops.ALERT_NEW_MSG]: "alert",
  [ops.MSG_SEEN]: "seen",
  [ops.STATUS_MSG]: "status",
  [ops.MSG_CHANGED]: "changed",
  [ops.PRESENCE]: "presence",
  [ops.BLOCK_USER]: "block",
  [ops.SANCTION]: "sanction",
  [ops.REPORT_STATUS]: "report",
  [ops.RETURN_CONVERSATIONS]: "page",
  [ops.RETURN_MESSAGES]: "page",
  [ops.RETURN_BLOCKS]: "page",
  [ops.UPDATE_CONVERSATION_DATAS]: "page",
  [ops.RETURN_SERVICES]: "page",
  [ops.RETURN_REPORTS]: "page",
  [ops.RETURN_APPEALS]: "page",
  [ops.RETURN_DISPUTES]: "page",
  [ops.RETURN_STANDING]: "page",
};

const NOT_CONTENT = new Set(["version", "duplicate"]);

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
  const find = (name: Name, one: Data): void => {
    const { shows = [], inside = {} } = STRUCTURES[name];
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
    for (const [kind, key, version, part] of shows) {
      const content = part
        ? part(one)
        : Object.fromEntries(
            Object.entries(one).filter(([field]) => !(field in inside) && !NOT_CONTENT.has(field)),
          );
      if (content) {
        const names = key.map((field) => one[field]);
        add(kind, names, one[version], content, !!part && name !== "conversation");
      }
    }
    const { conversation } = one;
    if (name === "conversation") {
      for (const reader of one["participants"] as string[]) {
        const seq = one[reader === user ? "read_up_to" : "peer_read_up_to"];
        add("read watermark", [conversation, reader], seq, { seq }, false);
      }
      const seq = one["peer_delivered_up_to"];
      add("delivered watermark", [conversation], seq, { seq }, false);
    } else if (name === "seen" && one["reader"] !== user)
      // What is read is delivered.
      add("delivered watermark", [conversation], one["seq"], watermark(one), false);
    for (const [field, structure] of Object.entries(inside)) {
      const value = one[field];
      for (const each of Array.isArray(value) ? value : [value]) if (each) find(structure, each);
    }
  };
  if (op === ops.ERROR) {
    const current = data["current"] as Data | undefined;
    if (current)
      find(
        current["exponent"] !== undefined ? "service" : current["dispute"] ? "dispute" : "standing",
        current,
      );
  } else {
    const name = PAYLOADS[op];
    if (name) find(name, data);
  }
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
