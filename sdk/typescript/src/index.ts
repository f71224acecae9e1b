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
export type * from "./generated/packets.ts";
export { amountText, exponentOf, formatPrice, parsePrice } from "./money.ts";
export { type Kind, newer, Objects, type Shown, shownBy } from "./objects.ts";
export { OutboxClient, type OutboxClientOptions } from "./outbox/client.ts";
export type { CommandOptions, Outbox, OutboxEntry, OutboxLimits } from "./outbox/outbox.ts";
export { type Page, Pages } from "./pages.ts";
export type { ClientOp, Data, Packet } from "./protocol.ts";
export { type Change, type Entry, MemoryStore, type Store, type Stored } from "./storage/store.ts";
export type {
  CommandOptions as SendOptions,
  Limits as StoreLimits,
  ReportOptions,
} from "./stores/book.ts";
export { Client, type ClientOptions, type ListOptions } from "./stores/client.ts";
export type { ConnectionStore, ConnectionView, OutboxStore } from "./stores/connection.ts";
export type { ConversationStore, HistoryOptions, Proposal } from "./stores/conversation.ts";
export type { ConversationListStore } from "./stores/conversation-list.ts";
export type {
  DealAction,
  DealStore,
  DisputeOptions,
  PriceOptions,
  ReasonOptions,
} from "./stores/deal.ts";
export type { DisputeAction, DisputeStore, StatementOptions } from "./stores/dispute.ts";
export type { MemoryClient, Watch } from "./stores/memory.ts";
export type { Loading, WatchedStore } from "./stores/store.ts";
export { until, type Watchable } from "./stores/until.ts";
export type * from "./stores/views.ts";
