/** Packets as the core treats them: whatever their payload, which may be newer than this library. */
import type { ClientPacket } from "./generated/packets.ts";

/** A payload. */
export type Data = Readonly<Record<string, unknown>>;

/**
 * A packet of either direction. One from the client with an `id` is answered by exactly one that has it as
 * `re`; `cur` is a cursor.
 */
export interface Packet {
  readonly op: number;
  readonly d: Data;
  readonly id?: number | string;
  readonly re?: number | string;
  readonly cur?: string;
}

/** The number of a packet that a client sends. */
export type ClientOp = ClientPacket["op"];
