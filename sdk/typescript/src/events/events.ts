import type { State } from "../connection/machine.ts";
import type { ParleyError } from "../errors.ts";
import type {
  Appeal,
  Dispute,
  Message,
  MsgChanged,
  ReportStatus,
  Sanction,
  Service,
} from "../generated/packets.ts";
import * as ops from "../generated/packets.ts";
import type { Data, Packet } from "../protocol.ts";
import type { Entry } from "../storage/store.ts";

/** The connection entered another state; `retryAt` is when it tries again, in milliseconds since 1970. */
export interface StateEvent {
  readonly type: "state";
  readonly state: State;
  readonly reason?: ParleyError;
  readonly retryAt?: number;
}

/** Something was missed that no resume can bring: what was known is forgotten, and loads anew. */
export interface ResetEvent {
  readonly type: "reset";
}

/** Something failed that no call waits for: TokenError, ProtocolError, StorageError, or a Rejected without a question. */
export interface ErrorEvent {
  readonly type: "error";
  readonly error: ParleyError;
}

/**
 * A command of the outbox changed: `done` with its `answer`, which only the client knows that heard it, or
 * `cancelled` when it was taken back.
 */
export interface OutboxEvent {
  readonly type: "outbox";
  readonly key: string;
  readonly state: Entry["state"] | "done" | "cancelled";
  readonly entry: Entry;
  readonly answer?: Data;
}

/** A new message. `message` is the Message of docs/protocol.md. */
export interface MessageEvent {
  readonly type: "message";
  readonly conversation: string;
  readonly message: Message;
  readonly unread: number;
}

/** A message was edited, deleted, removed or restored. `data` is the payload of MSG CHANGED. */
export interface MessageChangedEvent {
  readonly type: "messageChanged";
  readonly conversation: string;
  readonly message: string;
  readonly seq: number;
  readonly change: string;
  readonly data: MsgChanged;
}

/** Somebody has read up to `seq`. */
export interface ReadEvent {
  readonly type: "read";
  readonly conversation: string;
  readonly reader: string;
  readonly seq: number;
}

/** The other's client has got the messages up to `seq`. */
export interface DeliveredEvent {
  readonly type: "delivered";
  readonly conversation: string;
  readonly seq: number;
}

/** Somebody types, or no longer: for `lifetimeMs` at most, after which a client tells the end by itself. */
export interface TypingEvent {
  readonly type: "typing";
  readonly conversation: string;
  readonly user: string;
  readonly typing: boolean;
  readonly lifetimeMs?: number;
}

/** Somebody came online or went. */
export interface PresenceEvent {
  readonly type: "presence";
  readonly user: string;
  readonly online: boolean;
  readonly lastSeen?: string;
}

/** Something happened to a deal; `service` is how it stands, `cause` is what happened. */
export interface DealEvent {
  readonly type: "deal";
  readonly conversation: string;
  readonly cause: string;
  readonly service: Service;
}

/** Something happened to a dispute. */
export interface DisputeEvent {
  readonly type: "dispute";
  readonly conversation: string;
  readonly cause: string;
  readonly dispute: Dispute;
}

/** A restriction of this user, or its end. */
export interface SanctionEvent {
  readonly type: "sanction";
  readonly sanction: Sanction;
}

/** The state of a report of this user. */
export interface ReportEvent {
  readonly type: "report";
  readonly report: ReportStatus;
}

/** The state of an appeal of this user. */
export interface AppealEvent {
  readonly type: "appeal";
  readonly appeal: Appeal;
}

/** A block that another device of this user set or took back. */
export interface BlockEvent {
  readonly type: "block";
  readonly user: string;
  readonly blocked: boolean;
}

/** What the server tells, in order. */
export type ServerEvent =
  | MessageEvent
  | MessageChangedEvent
  | ReadEvent
  | DeliveredEvent
  | TypingEvent
  | PresenceEvent
  | DealEvent
  | DisputeEvent
  | SanctionEvent
  | ReportEvent
  | AppealEvent
  | BlockEvent;

/** All that a client tells; `type` says which. */
export type Event = StateEvent | ResetEvent | ErrorEvent | OutboxEvent | ServerEvent;

/** Payloads come from the server, and are read as far as they are known. */
// biome-ignore lint/suspicious/noExplicitAny: docs/protocol.md is the type of each.
type Payload = any;

/**
 * What a pushed packet tells, each with a key that a repetition has as well, empty for what does not last; nothing
 * of an unknown packet.
 */
export function eventsOf(packet: Packet): readonly (readonly [ServerEvent, string])[] {
  const d: Payload = packet.d;
  const { conversation } = d;
  const one = (event: ServerEvent, ...key: unknown[]): [ServerEvent, string][] => [
    [event, JSON.stringify([event.type, ...key])],
  ];
  switch (packet.op) {
    case ops.ALERT_NEW_MSG: {
      const { message, unread } = d;
      return one({ type: "message", conversation, message, unread }, conversation, message.seq);
    }
    case ops.MSG_CHANGED: {
      const { message, seq, change, version } = d;
      return one(
        { type: "messageChanged", conversation, message, seq, change, data: d },
        message,
        version,
      );
    }
    case ops.MSG_SEEN: {
      const { reader, seq } = d;
      return one({ type: "read", conversation, reader, seq }, conversation, reader, seq);
    }
    case ops.STATUS_MSG:
      return d.status === "delivered"
        ? one({ type: "delivered", conversation, seq: d.seq }, conversation, d.seq)
        : [];
    case ops.TYPING: {
      const { user, typing, lifetime_ms: lifetimeMs } = d;
      return [[{ type: "typing", conversation, user, typing, lifetimeMs }, ""]];
    }
    case ops.PRESENCE: {
      const { user, online, last_seen } = d;
      const event: PresenceEvent = { type: "presence", user, online };
      return one(last_seen ? { ...event, lastSeen: last_seen } : event, user, d.version);
    }
    case ops.UPDATE_CONVERSATION_DATAS: {
      const { cause, service, dispute } = d;
      return [
        ...(service
          ? one(
              { type: "deal", conversation, cause, service },
              service.service,
              service.version,
              cause,
            )
          : []),
        ...(dispute
          ? one(
              { type: "dispute", conversation, cause, dispute },
              dispute.dispute,
              dispute.version,
              cause,
            )
          : []),
      ];
    }
    case ops.BLOCK_USER:
      return one({ type: "block", user: d.user, blocked: d.blocked }, d.user, d.version);
    case ops.SANCTION:
      return one({ type: "sanction", sanction: d }, d.sanction, d.version);
    case ops.REPORT_STATUS:
      return d.report
        ? one({ type: "report", report: d }, d.report, d.version, d.appeal?.version)
        : d.appeal
          ? one({ type: "appeal", appeal: d.appeal }, d.appeal.appeal, d.appeal.version)
          : [];
    default:
      return [];
  }
}
