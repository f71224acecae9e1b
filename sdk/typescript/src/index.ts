export { Client, type ClientOptions, type Watch } from "./client.ts";
export { type Codec, json } from "./codec/json.ts";
export {
  Connection,
  type ConnectionOptions,
  type Limits,
} from "./connection/connection.ts";
export type { State, Timing, TokenReason } from "./connection/machine.ts";
export type { GetToken } from "./connection/token.ts";
export * from "./errors.ts";
export type * from "./events/events.ts";
export { type Kind, newer, Objects, type Shown, shownBy } from "./objects.ts";
export type { CommandOptions, Outbox, OutboxEntry, OutboxLimits } from "./outbox/outbox.ts";
export type { ClientOp, Data, Packet } from "./protocol.ts";
export { type Change, type Entry, MemoryStore, type Store, type Stored } from "./storage/store.ts";
