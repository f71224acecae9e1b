import { Rejected } from "../errors.ts";
import * as ops from "../generated/packets.ts";
import type { Data, Packet } from "../protocol.ts";
import type { Hello } from "./greeting.ts";
import type { Answered } from "./requests.ts";

/** What a resumption does to its connection. */
export interface ResumptionOwner {
  request(cursor: string, answered: Answered): number;
  pause(error: Rejected, attempts: number): number;
  input(type: "missed" | "resumed" | "suspect"): void;
  reset(): void;
  /** Tells of a packet, and moves `seen` to its cursor before anybody handles it. */
  tell(packet: Packet): void;
  /** Confirms a cursor once all that was told is handled. */
  cover(cursor: string): void;
}

/**
 * The place up to which this client was told everything, and what fills a gap.
 *
 * `seen` moves when a packet is taken in; the next socket resumes from it. It stands still while
 * something is missing before what comes.
 */
export class Resumption {
  seen: string | undefined;
  readonly #limit: number;
  readonly #owner: ResumptionOwner;
  // What was told, to know it again when it comes twice: the newest, and those before.
  #facts = new Set<string>();
  #oldFacts = new Set<string>();
  // Pushes behind a gap: "replayed" until RESUME is on its way, for it brings them again.
  #gap: "none" | "replayed" | Packet[] = "none";
  // Where to begin when what was missed can not be had.
  #fallback = "";
  #attempts = 0;
  // RESUMEs that are due, of which one is on its way.
  #asking = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(limit: number, owner: ResumptionOwner) {
    this.#limit = limit;
    this.#owner = owner;
  }

  /** Takes in HELLO; whether nothing is missing. */
  greeted({ cur, resumed }: Hello): boolean {
    this.#fallback = cur;
    if (this.seen === undefined && cur) {
      this.seen = cur;
      this.#owner.cover(cur);
      return true;
    }
    this.#gap = resumed ? "none" : "replayed";
    return false;
  }

  /** Packets may be sent: asks for what the address of the socket did not bring. */
  opened(): void {
    if (this.#gap === "replayed" && this.seen !== undefined) this.#resume();
  }

  /** Takes in RESUMED, the answer to RESUME if `asked`. */
  resumed({ complete, cur }: Data, asked: boolean): void {
    if (!complete && !asked && this.seen !== undefined) {
      // The server has lost its place; this client knows its own.
      this.#fallback = cur as string;
      this.#owner.input("missed");
      this.#resume();
      return;
    }
    clearTimeout(this.#timer);
    const held = Array.isArray(this.#gap) ? this.#gap : [];
    this.#gap = "none";
    this.#attempts = 0;
    this.seen = cur as string;
    if (!complete) {
      this.#facts.clear();
      this.#oldFacts.clear();
      this.#owner.reset();
    }
    for (const packet of inPlace(held)) this.#owner.tell({ ...packet, cur: "" });
    this.#owner.cover(this.seen);
    this.#owner.input("resumed");
  }

  /** Takes in a push: it is told now, after what is missing before it, or when it is replayed. */
  take(packet: Packet): void {
    const { cur } = packet;
    if (cur && this.#gap === "replayed") return;
    if (cur && Array.isArray(this.#gap)) {
      if (this.#gap.push(packet) > this.#limit) this.#owner.input("suspect");
      return;
    }
    this.#owner.tell(packet);
  }

  /** Moves to a cursor that tells of nothing. */
  cover(cursor: string): void {
    if (this.#gap !== "none") return;
    this.seen = cursor;
    this.#owner.cover(cursor);
  }

  /** Whether something is told for the first time, as far as is remembered. */
  isNew(fact: string): boolean {
    if (!fact) return true;
    if (this.#facts.has(fact) || this.#oldFacts.has(fact)) return false;
    this.#facts.add(fact);
    if (this.#facts.size > this.#limit) {
      this.#oldFacts = this.#facts;
      this.#facts = new Set();
    }
    return true;
  }

  /** The socket is gone: what is behind a gap comes again. */
  lost(): void {
    clearTimeout(this.#timer);
    this.#gap = "none";
    this.#attempts = 0;
    this.#asking = 0;
  }

  #resume(): void {
    clearTimeout(this.#timer);
    if (this.#asking++) return;
    this.#gap = [];
    this.#owner.request(this.seen ?? "", (answer) => {
      // When the place was lost once more meanwhile, what this one brought comes again.
      const again = this.#asking > 1;
      this.#asking = 0;
      if (again) this.#resume();
      else if (!(answer instanceof Error)) {
        this.resumed(answer, true);
      } else if (answer instanceof Rejected && answer.retryable) {
        this.#gap = "replayed";
        const pause = this.#owner.pause(answer, this.#attempts++);
        this.#timer = setTimeout(() => this.#resume(), pause);
      } else if (this.#fallback) {
        // A cursor of another server, or none at all.
        this.resumed({ complete: false, cur: this.#fallback }, true);
      } else {
        this.seen = undefined;
        this.#gap = "replayed";
      }
    });
  }
}

/** Sorts what came beside a replay: messages and deals by their place, and all else after them. */
function inPlace(packets: readonly Packet[]): Packet[] {
  const placed = packets.map((packet) => {
    // biome-ignore lint/suspicious/noExplicitAny: docs/protocol.md is the type of each.
    const { conversation, message, service } = packet.d as any;
    const [thread, place] =
      packet.op === ops.ALERT_NEW_MSG
        ? [`1 ${conversation}`, message.seq]
        : packet.op === ops.UPDATE_CONVERSATION_DATAS && service
          ? [`2 ${service.service}`, service.version]
          : ["3", 0];
    return { packet, thread, place };
  });
  return placed
    .sort((one, other) => one.thread.localeCompare(other.thread) || one.place - other.place)
    .map(({ packet }) => packet);
}
