/** What stores show: immutable values, whose nested structures have the names of docs/protocol.md. */

import type {
  Dispute,
  Message,
  Offer,
  Presence,
  Service,
  SettlementOffer,
} from "../generated/packets.ts";
import type { Entry } from "../storage/store.ts";
import type { Loading } from "./store.ts";

/** A price as it was shown, which knows its deal: to accept it is to accept this and no other. */
export interface ShownOffer extends Offer {
  readonly service: string;
}

/** A deal as it stands for this user; `allowed_actions` is what the user could do with it. */
export interface DealView extends Omit<Service, "offer" | "amendment"> {
  readonly offer?: ShownOffer;
  readonly amendment?: ShownOffer;
}

/** A settlement as it was shown, which knows its dispute. */
export interface ShownSettlement extends SettlementOffer {
  readonly dispute: string;
}

/** A dispute as it stands for this user. */
export interface DisputeView extends Omit<Dispute, "offers"> {
  readonly offers?: readonly ShownSettlement[];
}

/** A message that the server has stored. */
export interface StoredRow {
  /** Names the row for as long as it is shown: before and after an own message was stored. */
  readonly key: string;
  readonly state: "stored";
  readonly message: Message;
}

/** A message that is not stored yet, as it stands in the outbox. */
export interface PendingRow {
  readonly key: string;
  readonly state: Entry["state"];
  readonly text: string;
  /** Milliseconds since 1970, by this machine's clock. */
  readonly createdAt: number;
  /** Why it failed. */
  readonly error: Entry["error"] | undefined;
}

/** A line of a conversation. */
export type Row = StoredRow | PendingRow;

/** How far a store has come, and why it came no further. */
export interface Progress {
  readonly loading: Loading;
  readonly error: Error | undefined;
}

/** A conversation in a list. */
export interface ConversationSummary {
  /** Its id; undefined while nothing was said in a conversation that begins with a person. */
  readonly conversation: string | undefined;
  readonly peer: string | undefined;
  readonly subject: string | undefined;
  readonly unread: number;
  readonly lastMessage: Message | undefined;
  /** Places (`seq`) up to which either has read, and the other's client has got, messages. */
  readonly readUpTo: number;
  readonly peerReadUpTo: number;
  readonly peerDeliveredUpTo: number;
  readonly presence: Presence | undefined;
  /** Whether this user blocks the other. */
  readonly blocked: boolean;
  /** Whether the other is typing. */
  readonly typing: boolean;
  /** The open deal, or else the latest; and the latest dispute. */
  readonly deal: DealView | undefined;
  readonly dispute: DisputeView | undefined;
}

/** A conversation that is looked at. */
export interface ConversationView extends ConversationSummary, Progress {
  /** In order: what is stored, then what is on its way. */
  readonly rows: readonly Row[];
  /** Whether `loadOlder` brings more. */
  readonly hasOlder: boolean;
}

/** The list of conversations, newest activity first. */
export interface ConversationListView extends Progress {
  readonly conversations: readonly ConversationSummary[];
  readonly hasMore: boolean;
  /** Services of the server that did not answer: what they know is not shown. */
  readonly missing: readonly string[];
}

/** A deal that is looked at, with the newest dispute about it. */
export interface DealStoreView extends Progress {
  readonly deal: DealView | undefined;
  readonly dispute: DisputeView | undefined;
}

/** A dispute that is looked at. */
export interface DisputeStoreView extends Progress {
  readonly dispute: DisputeView | undefined;
}

/** Give the service of a packet as a view. */
export function dealView(service: Service): DealView {
  const { offer, amendment, ...told } = service;
  const shown = (one: Offer | undefined) => one && { ...one, service: service.service };
  return {
    ...told,
    ...(offer && { offer: shown(offer) }),
    ...(amendment && { amendment: shown(amendment) }),
  } as DealView;
}

/** Give the dispute of a packet as a view. */
export function disputeView(dispute: Dispute): DisputeView {
  const { offers, ...told } = dispute;
  if (!offers) return told;
  return { ...told, offers: offers.map((one) => ({ ...one, dispute: dispute.dispute })) };
}
