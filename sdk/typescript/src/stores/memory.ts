import { Objects, type Shown } from "../objects.ts";
import { OutboxClient, type OutboxClientOptions } from "../outbox/client.ts";
import { conversationLane } from "../outbox/lanes.ts";
import type { Data, Packet } from "../protocol.ts";

/** The options of a client that remembers objects. */
export interface MemoryClientOptions extends OutboxClientOptions {
  /** Objects that are remembered. */
  readonly maxObjects?: number;
}

/** A call that sees each packet that was taken in, and what it changed of what is known. */
export type Watch = (packet: Packet, changed: readonly Shown[]) => void;

/** A client that remembers the newest version of all that packets show. */
export class MemoryClient extends OutboxClient {
  /** What the packets of all sockets have shown. */
  readonly objects: Objects;
  readonly #watchers = new Set<Watch>();

  constructor(options: MemoryClientOptions) {
    super(options);
    this.objects = new Objects(options.maxObjects ?? 50_000);
    this.objects.user = options.user ?? "";
  }

  /** Calls `watch` with each packet that is taken in, and the objects that it changed, before events tell of it. */
  watch(watch: Watch): () => void {
    this.#watchers.add(watch);
    return () => this.#watchers.delete(watch);
  }

  protected override lane(op: number, d: Data, key: string): string {
    const lane = super.lane(op, d, key);
    // A change of a message that is known keeps its place among those of the conversation.
    const known = lane.startsWith("message ") && this.objects.of("message", String(d["message"]));
    return known ? conversationLane(known.content["conversation"]) : lane;
  }

  protected override take(packet: Packet): void {
    const changed = this.objects.take(packet.op, packet.d);
    for (const watch of this.#watchers) watch(packet, changed);
  }

  protected override forget(): void {
    this.objects.clear();
  }

  protected override greeted(user: string): void {
    super.greeted(user);
    this.objects.user = user;
  }
}
