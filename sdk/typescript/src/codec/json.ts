import type { Packet } from "../protocol.ts";

/** The encoding of packets, by its subprotocol. `decode` raises for what is no packet. */
export interface Codec {
  readonly subprotocol: string;
  encode(packet: Packet): string | Uint8Array<ArrayBuffer>;
  decode(data: string | ArrayBuffer): Packet;
}

/** Checks that a decoded value is an envelope, and gives it with a payload. */
export function packetOf(value: unknown): Packet {
  const packet = value as Partial<Packet> | null;
  const d = packet?.d ?? {};
  if (!Number.isInteger(packet?.op) || typeof d !== "object" || Array.isArray(d))
    throw new TypeError("no packet");
  return { ...(packet as Packet), d };
}

/** Packets as text. */
export const json: Codec = {
  subprotocol: "parley.v1.json",
  encode: (packet) => JSON.stringify(packet),
  decode(data) {
    if (typeof data !== "string") throw new TypeError("no text");
    return packetOf(JSON.parse(data));
  },
};
