/** The entry `@parley/client/msgpack`: packets as MessagePack, which take fewer bytes. */
import { type Codec, packetOf } from "./codec/json.ts";
import { decode, encode } from "./codec/messagepack.ts";

export { decode, encode };

/** Packets as MessagePack, for the option `codec`. */
export const msgpack: Codec = {
  subprotocol: "parley.v1.msgpack",
  encode,
  decode(data) {
    if (typeof data === "string") throw new TypeError("a text frame");
    return packetOf(decode(data));
  },
};
