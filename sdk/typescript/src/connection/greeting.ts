import { ProtocolError } from "../errors.ts";
import type { Data } from "../protocol.ts";

/** What HELLO says. Times are in milliseconds; `life` is what is left to the token. */
export interface Hello {
  readonly user: string;
  readonly cur: string;
  readonly resumed: boolean;
  readonly maxPacketBytes: number;
  readonly pingInterval: number;
  readonly silence: number;
  readonly life: number;
}

/** Whatever a server says of its PING: the shortest and the longest silence that ends a socket. */
const [SHORTEST_SILENCE, LONGEST_SILENCE] = [1_000, 600_000];

/** Reads HELLO, and keeps the clock of the server, by which tokens expire. */
export class Greetings {
  #session = "";
  // The clock of the server when that of this client showed 0.
  #serverClock = 0;

  /** Gives what a HELLO says, when the client's clock shows `now`. Raises ProtocolError. */
  read(d: Data, now: number): Hello {
    const { user, session, ping_interval_ms, pong_timeout_ms, max_packet_bytes } = d;
    const { token_expires_at, resumed, cur } = d;
    const expires = Date.parse(String(token_expires_at));
    const texts = [user, session, cur];
    const numbers = [ping_interval_ms, pong_timeout_ms, max_packet_bytes, expires];
    if (
      texts.some((one) => typeof one !== "string") ||
      !numbers.every((one) => typeof one === "number" && one > 0) ||
      typeof resumed !== "boolean" ||
      !user
    )
      throw new ProtocolError("a bad HELLO");
    if (session !== this.#session) {
      this.#session = session as string;
      this.#serverClock = (timeOf(this.#session) ?? Date.now()) - now;
    }
    const silence = (ping_interval_ms as number) + (pong_timeout_ms as number);
    return {
      user: user as string,
      cur: cur as string,
      resumed,
      maxPacketBytes: max_packet_bytes as number,
      pingInterval: Math.min(ping_interval_ms as number, LONGEST_SILENCE),
      silence: Math.min(Math.max(silence, SHORTEST_SILENCE), LONGEST_SILENCE),
      life: expires - this.#serverClock - now,
    };
  }
}

/** Gives the time in a UUIDv7, as sessions are named: that of the server, whatever the clock here shows. */
function timeOf(session: string): number | undefined {
  const found = /^([\da-f]{8})-([\da-f]{4})-7/i.exec(session);
  return found ? Number.parseInt(`${found[1]}${found[2]}`, 16) : undefined;
}
