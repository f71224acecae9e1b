/**
 * The packets of the protocol: their payloads, and tables about them. Made from docs/asyncapi.json
 * by scripts/generate-packets.ts; not to be changed by hand.
 */

/**
 * A packet, in either direction.
 */
export type Packet = ClientPacket | ServerPacket;
/**
 * A packet from a client.
 */
export type ClientPacket =
  | PongPacket
  | AskConversationsPacket
  | CreateMsgPacket
  | OpenedConversationPacket
  | AskMessagesPacket
  | ResumePacket
  | RenewTokenPacket
  | SendTypingPacket
  | EditMsgPacket
  | DeleteMsgPacket
  | AskBlocksPacket
  | ServiceCreatedPacket
  | NoteSubmittedPacket
  | LitigeCreatedPacket
  | ServiceTerminatedPacket
  | PriceEditedPacket
  | NegotiationEndPacket
  | AskServicesPacket
  | AskServicePacket
  | AskServiceEventsPacket
  | ReportStatementPacket
  | AskReportsPacket
  | AskAppealsPacket
  | AskDisputesPacket
  | AskDisputePacket
  | AskStandingPacket
  | BlockUserPacket
  | SendAppealPacket
  | LitigeStatementPacket
  | ReportConversationsPacket
  | ReportMsgPacket;
/**
 * A packet to a client.
 */
export type ServerPacket =
  | PingPacket
  | HelloPacket
  | ErrorPacket
  | ReturnConversationsPacket
  | StatusMsgPacket
  | ReturnMessagesPacket
  | ResumedPacket
  | ReconnectPacket
  | AlertNewMsgPacket
  | MsgSeenPacket
  | TypingPacket
  | PresencePacket
  | MsgChangedPacket
  | ReturnBlocksPacket
  | UpdateConversationDatasPacket
  | ReturnServicesPacket
  | ReturnServiceEventsPacket
  | ReturnReportsPacket
  | ReturnAppealsPacket
  | ReturnDisputesPacket
  | ReturnStandingPacket
  | BlockedUserPacket
  | SanctionPacket
  | ReportStatusPacket;
/**
 * The kind of an error. A client goes by `retryable` where it does not know the code.
 */
export type ErrorCode =
  | "BAD_PACKET"
  | "UNKNOWN_OPCODE"
  | "INVALID_ARGUMENT"
  | "INVALID_STATE"
  | "STALE_OFFER"
  | "PERMISSION_DENIED"
  | "SANCTIONED"
  | "NOT_FOUND"
  | "CONFLICT"
  | "RATE_LIMITED"
  | "RESOURCE_EXHAUSTED"
  | "UNAVAILABLE"
  | "DEADLINE_EXCEEDED"
  | "INTERNAL";

/**
 * PONG, from a client.
 */
export interface PongPacket {
  op: 2;
  id?: number | string;
  d?: Pong;
}
/**
 * Confirms life and, with `cur`, that everything up to this cursor was processed, which makes those messages delivered. May be sent unasked. No answer.
 */
export interface Pong {
  cur?: string;
}
/**
 * ASK CONVERSATIONS, from a client.
 */
export interface AskConversationsPacket {
  op: 5;
  id?: number | string;
  d?: AskConversations;
}
/**
 * Asks for the conversations of the user, newest activity first. `page` is the `next` of the answer before. Answered by RETURN CONVERSATIONS.
 */
export interface AskConversations {
  limit?: number;
  page?: string;
}
/**
 * CREATE MSG, from a client.
 */
export interface CreateMsgPacket {
  op: 7;
  id?: number | string;
  d: CreateMsg;
}
/**
 * Says something, in exactly one of `conversation` and `to`. `to` opens (or finds) the conversation with that user about `subject`. Answered by STATUS MSG once the message is stored.
 */
export interface CreateMsg {
  text: string;
  conversation?: string;
  to?: string;
  subject?: string;
  idempotency_key?: string;
}
/**
 * OPENED CONVERSATION, from a client.
 */
export interface OpenedConversationPacket {
  op: 9;
  id?: number | string;
  d: OpenedConversation;
}
/**
 * Marks everything up to `seq` as read, or all there is. Answered by MSG SEEN.
 */
export interface OpenedConversation {
  conversation: string;
  seq?: number;
}
/**
 * ASK MESSAGES, from a client.
 */
export interface AskMessagesPacket {
  op: 10;
  id?: number | string;
  d: AskMessages;
}
/**
 * Asks for a page of history: the newest, or those with a seq below `before` or above `after` (0: from the beginning), of which at most one is given. Answered by RETURN MESSAGES.
 */
export interface AskMessages {
  conversation: string;
  before?: number;
  after?: number;
  limit?: number;
}
/**
 * RESUME, from a client.
 */
export interface ResumePacket {
  op: 12;
  id?: number | string;
  d: Resume;
}
/**
 * Asks for what was missed since this cursor; see Resume. Answered by RESUMED.
 */
export interface Resume {
  cur: string;
}
/**
 * RENEW TOKEN, from a client.
 */
export interface RenewTokenPacket {
  op: 14;
  id?: number | string;
  d: RenewToken;
}
/**
 * Goes on with a later token of the same user. Answered by HELLO.
 */
export interface RenewToken {
  token: string;
}
/**
 * TYPING, from a client.
 */
export interface SendTypingPacket {
  op: 18;
  id?: number | string;
  d: SendTyping;
}
/**
 * Tells the other that the user is typing, or has stopped; again every few seconds while it goes on. Never stored; no answer.
 */
export interface SendTyping {
  conversation: string;
  typing: boolean;
}
/**
 * EDIT MSG, from a client.
 */
export interface EditMsgPacket {
  op: 20;
  id?: number | string;
  d: EditMsg;
}
/**
 * Gives one's own message another text, within 15 minutes and at most 20 times (both are settings). Answered by MSG CHANGED.
 */
export interface EditMsg {
  message: string;
  text: string;
  idempotency_key?: string;
}
/**
 * DELETE MSG, from a client.
 */
export interface DeleteMsgPacket {
  op: 21;
  id?: number | string;
  d: DeleteMsg;
}
/**
 * Takes one's own message back, for good. Its place in the history stays, without a text. Answered by MSG CHANGED.
 */
export interface DeleteMsg {
  message: string;
  idempotency_key?: string;
}
/**
 * ASK BLOCKS, from a client.
 */
export interface AskBlocksPacket {
  op: 23;
  id?: number | string;
  d?: AskBlocks;
}
/**
 * Asks whom the user blocks, newest first. Answered by RETURN BLOCKS.
 */
export interface AskBlocks {
  limit?: number;
  page?: string;
}
/**
 * SERVICE CREATED, from a client.
 */
export interface ServiceCreatedPacket {
  op: 225;
  id?: number | string;
  d: ServiceCreated;
}
/**
 * Proposes a service at a price; `role` is the sender's own. Answered by UPDATE CONVERSATION DATAS, as all packets about a service.
 */
export interface ServiceCreated {
  conversation: string;
  role: "client" | "provider";
  title: string;
  price: Money;
  description?: string;
  offer_ttl_s?: number;
  idempotency_key?: string;
}
/**
 * An amount in minor units of its currency: 120.50 euros are 12050 of EUR.
 */
export interface Money {
  amount_minor: number;
  currency: string;
}
/**
 * NOTE SUBMITTED, from a client.
 */
export interface NoteSubmittedPacket {
  op: 226;
  id?: number | string;
  d: NoteSubmitted;
}
/**
 * Rates the other party from 1 to 5, once the service has ended. Nobody else sees it until both notes are in or the time for them is over; until then it may be changed.
 */
export interface NoteSubmitted {
  service: string;
  score: number;
  comment?: string;
  idempotency_key?: string;
}
/**
 * LITIGE CREATED, from a client.
 */
export interface LitigeCreatedPacket {
  op: 227;
  id?: number | string;
  d: LitigeCreated;
}
/**
 * Opens a dispute about a service, which negotiation is asked to hold; see Disputes. Answered by UPDATE CONVERSATION DATAS with `dispute`.
 */
export interface LitigeCreated {
  service: string;
  reason: "no_show" | "not_as_agreed" | "not_delivered" | "other" | "payment" | "quality";
  statement: string;
  claim?: Claim;
  idempotency_key?: string;
}
/**
 * The amount that the client of the service is to have back.
 */
export interface Claim {
  refund: Money;
}
/**
 * SERVICE TERMINATED, from a client.
 */
export interface ServiceTerminatedPacket {
  op: 228;
  id?: number | string;
  d: ServiceTerminated;
}
/**
 * Tells how a service ends. The provider has delivered; the client takes it as completed, or reopens it. Either asks to cancel, and the other confirms by the same packet.
 */
export interface ServiceTerminated {
  service: string;
  outcome: "cancelled" | "completed" | "delivered" | "reopened";
  reason?: string;
  idempotency_key?: string;
}
/**
 * PRICE EDITED, from a client.
 */
export interface PriceEditedPacket {
  op: 229;
  id?: number | string;
  d: PriceEdited;
}
/**
 * Names another price: a counter-offer, a revision of one's own, or, once agreed, an amendment. `base_offer` is the number of the live offer, 0 where there is none after the agreement; with another one the packet is refused as STALE_OFFER.
 */
export interface PriceEdited {
  service: string;
  price: Money;
  base_offer: number;
  note?: string;
  idempotency_key?: string;
}
/**
 * NEGOTIATION END, from a client.
 */
export interface NegotiationEndPacket {
  op: 230;
  id?: number | string;
  d: NegotiationEnd;
}
/**
 * Accepts, declines or withdraws the live offer, or a proposed amendment. To accept, name its number and price; if they are not the live ones it is refused as STALE_OFFER.
 */
export interface NegotiationEnd {
  service: string;
  outcome: "agreed" | "declined" | "withdrawn";
  offer: number;
  price?: Money;
  idempotency_key?: string;
}
/**
 * ASK SERVICES, from a client.
 */
export interface AskServicesPacket {
  op: 231;
  id?: number | string;
  d?: AskServices;
}
/**
 * Asks for the services of the user, past ones as well, newest first; with `conversation` those of one conversation, with `open_only` those that have not ended. Answered by RETURN SERVICES.
 */
export interface AskServices {
  conversation?: string;
  open_only?: boolean;
  limit?: number;
  page?: string;
}
/**
 * ASK SERVICE, from a client.
 */
export interface AskServicePacket {
  op: 233;
  id?: number | string;
  d: AskService;
}
/**
 * Asks how a service stands. Answered by UPDATE CONVERSATION DATAS with the cause "asked".
 */
export interface AskService {
  service: string;
}
/**
 * ASK SERVICE EVENTS, from a client.
 */
export interface AskServiceEventsPacket {
  op: 234;
  id?: number | string;
  d: AskServiceEvents;
}
/**
 * Asks for the history of a service, oldest first. Answered by RETURN SERVICE EVENTS.
 */
export interface AskServiceEvents {
  service: string;
  limit?: number;
  page?: string;
}
/**
 * REPORT STATEMENT, from a client.
 */
export interface ReportStatementPacket {
  op: 239;
  id?: number | string;
  d: ReportStatement;
}
/**
 * Reports a statement of a dispute of this user, by its number. The other party does not learn of that. The reason "other" needs a comment. Answered by REPORT STATUS.
 */
export interface ReportStatement {
  dispute: string;
  number: number;
  reason:
    | "harassment"
    | "hate"
    | "illegal_goods"
    | "impersonation"
    | "off_platform_payment"
    | "other"
    | "privacy"
    | "scam"
    | "self_harm"
    | "sexual"
    | "spam"
    | "violence";
  comment?: string;
  idempotency_key?: string;
}
/**
 * ASK REPORTS, from a client.
 */
export interface AskReportsPacket {
  op: 240;
  id?: number | string;
  d?: AskReports;
}
/**
 * Asks for the user's own reports, newest first; with `open_only` those that are not decided. Answered by RETURN REPORTS.
 */
export interface AskReports {
  open_only?: boolean;
  limit?: number;
  page?: string;
}
/**
 * ASK APPEALS, from a client.
 */
export interface AskAppealsPacket {
  op: 242;
  id?: number | string;
  d?: AskAppeals;
}
/**
 * Asks for the user's own appeals, newest first. Answered by RETURN APPEALS.
 */
export interface AskAppeals {
  limit?: number;
  page?: string;
}
/**
 * ASK DISPUTES, from a client.
 */
export interface AskDisputesPacket {
  op: 244;
  id?: number | string;
  d?: AskDisputes;
}
/**
 * Asks for the disputes in which the user is a party, newest first; with `service` those about one service, with `open_only` those that are not over. Answered by RETURN DISPUTES.
 */
export interface AskDisputes {
  service?: string;
  open_only?: boolean;
  limit?: number;
  page?: string;
}
/**
 * ASK DISPUTE, from a client.
 */
export interface AskDisputePacket {
  op: 246;
  id?: number | string;
  d: AskDispute;
}
/**
 * Asks how a dispute stands, with all that both parties said. Answered by UPDATE CONVERSATION DATAS with `dispute` and the cause "asked".
 */
export interface AskDispute {
  dispute: string;
}
/**
 * ASK STANDING, from a client.
 */
export interface AskStandingPacket {
  op: 247;
  id?: number | string;
  d?: AskStanding;
}
/**
 * Asks what restricts the user now. Answered by RETURN STANDING.
 */
export interface AskStanding {}
/**
 * BLOCK USER, from a client.
 */
export interface BlockUserPacket {
  op: 249;
  id?: number | string;
  d: BlockUser;
}
/**
 * Blocks another user, or no longer; see Blocks. Repeated it changes nothing. Answered by the same packet.
 */
export interface BlockUser {
  user: string;
  blocked: boolean;
}
/**
 * APPEAL, from a client.
 */
export interface SendAppealPacket {
  op: 251;
  id?: number | string;
  d: SendAppeal;
}
/**
 * Asks another moderator to look at a decision again: that of a sanction, or of a report that was decided. Answered by REPORT STATUS with `appeal`.
 */
export interface SendAppeal {
  decision: string;
  text: string;
  idempotency_key?: string;
}
/**
 * LITIGE STATEMENT, from a client.
 */
export interface LitigeStatementPacket {
  op: 252;
  id?: number | string;
  d: LitigeStatement;
}
/**
 * States one's case in a dispute with `text`. Beside it, or without one, at most one of three: `settlement` proposes one, `accept` takes the newest by its number and amounts, `withdraw` ends the dispute that one has opened. Answered by UPDATE CONVERSATION DATAS with `dispute`.
 */
export interface LitigeStatement {
  dispute: string;
  text?: string;
  settlement?: Settlement;
  accept?: Acceptance;
  withdraw?: boolean;
  idempotency_key?: string;
}
/**
 * A division of the agreed price between the parties, in minor units of its currency.
 */
export interface Settlement {
  provider_minor: number;
  client_minor: number;
}
/**
 * The number of the newest offer and what it says, so that nobody accepts what they have not seen.
 */
export interface Acceptance {
  offer: number;
  settlement: Settlement;
}
/**
 * REPORT CONVERSATIONS, from a client.
 */
export interface ReportConversationsPacket {
  op: 254;
  id?: number | string;
  d: ReportConversations;
}
/**
 * Reports a conversation of this user. Nobody else in it learns of that. The reason "other" needs a comment. Answered by REPORT STATUS.
 */
export interface ReportConversations {
  conversation: string;
  reason:
    | "harassment"
    | "hate"
    | "illegal_goods"
    | "impersonation"
    | "off_platform_payment"
    | "other"
    | "privacy"
    | "scam"
    | "self_harm"
    | "sexual"
    | "spam"
    | "violence";
  comment?: string;
  idempotency_key?: string;
}
/**
 * REPORT MSG, from a client.
 */
export interface ReportMsgPacket {
  op: 255;
  id?: number | string;
  d: ReportMsg;
}
/**
 * Reports a message of a conversation of this user. Nobody else in it learns of that. The reason "other" needs a comment. Answered by REPORT STATUS.
 */
export interface ReportMsg {
  message: string;
  reason:
    | "harassment"
    | "hate"
    | "illegal_goods"
    | "impersonation"
    | "off_platform_payment"
    | "other"
    | "privacy"
    | "scam"
    | "self_harm"
    | "sexual"
    | "spam"
    | "violence";
  comment?: string;
  idempotency_key?: string;
}
/**
 * PING, to a client.
 */
export interface PingPacket {
  op: 1;
  re?: number | string;
  cur?: string;
  d: Ping;
}
/**
 * Sent at every ping interval. Its envelope bears `cur`, so that the cursor of an idle client moves forward as well; but not while a resume is under way.
 */
export interface Ping {}
/**
 * HELLO, to a client.
 */
export interface HelloPacket {
  op: 3;
  re?: number | string;
  cur?: string;
  d: Hello;
}
/**
 * The first packet of a connection, and the answer to RENEW TOKEN. `session` names this connection. `resumed` is true when a `?resume=` is being followed: the missed packets come next. `cur` is empty while the messaging service cannot be reached or a resume is under way; then keep the one before.
 */
export interface Hello {
  user: string;
  session: string;
  ping_interval_ms: number;
  pong_timeout_ms: number;
  max_packet_bytes: number;
  token_expires_at: string;
  resumed: boolean;
  cur: string;
}
/**
 * ERROR, to a client.
 */
export interface ErrorPacket {
  op: 4;
  re?: number | string;
  cur?: string;
  d: Error;
}
/**
 * A packet was refused or failed; see Errors. `reason` says more than `code` where a state does not allow something. `current` is how the service or the dispute stands then, or, with SANCTIONED, what restricts this user.
 */
export interface Error {
  code: ErrorCode;
  message: string;
  retryable: boolean;
  retry_after_ms?: number;
  fields?: FieldProblem[];
  reason?: string;
  current?: Service | Dispute | Standing;
}
/**
 * A problem with one field, named by its path; an empty path is the whole payload.
 */
export interface FieldProblem {
  field: string;
  problem: string;
}
/**
 * A deal as its reader may see it. `exponent` is the number of decimals of the currency's minor unit. `deadlines` say when time acts by itself, by timer; they are absent while a dispute holds the service. `notes` are always there unless it is `truncated`.
 */
export interface Service {
  service: string;
  conversation: string;
  provider: string;
  client: string;
  title: string;
  state:
    ("agreed" | "cancelled" | "closed" | "completed" | "delivered" | "offered") | "unspecified";
  currency: string;
  exponent: number;
  deadlines: {
    [k: string]: string;
  };
  allowed_actions: string[];
  created_at: string;
  version: number;
  notes?: Notes;
  description?: string;
  offer?: Offer;
  agreed?: Agreed;
  amendment?: Offer;
  reopenings?: number;
  cancellation?: Cancellation;
  hold?: Hold;
  ending?: Ending;
  settlement?: Settlement;
  truncated?: boolean;
}
/**
 * The notes that the reader may see. `theirs` comes with `revealed_at`, when both are in or the time for them is over.
 */
export interface Notes {
  mine?: Note;
  theirs?: Note;
  revealed_at?: string;
}
/**
 * A rating of one party by the other.
 */
export interface Note {
  score: number;
  at: string;
  comment?: string;
}
/**
 * A price named by one party. `expires_at` is absent while a dispute holds the service.
 */
export interface Offer {
  number: number;
  price: Money;
  by: string;
  created_at: string;
  note?: string;
  expires_at?: string;
}
/**
 * The agreement of the parties. `offer` is the number of the offer that was accepted; `version` counts the agreements.
 */
export interface Agreed {
  price: Money;
  version: number;
  offer: number;
  at: string;
}
/**
 * One party asks the other to confirm that the service is cancelled.
 */
export interface Cancellation {
  by: string;
  at: string;
  reason?: string;
}
/**
 * A hold on a service: by which dispute, who opened that, and since when.
 */
export interface Hold {
  dispute: string;
  opened_by: string;
  since: string;
}
/**
 * The end of a service. Without `by` it was time, or a decision about a dispute.
 */
export interface Ending {
  cause: string;
  at: string;
  by?: string;
}
/**
 * A dispute as its reader may see it. `due_at` is when the present state ends by itself. `refusal` is why the service was not held. `statements` are always there unless it is `truncated`, and so are `offers`.
 */
export interface Dispute {
  dispute: string;
  service: string;
  conversation: string;
  provider: string;
  client: string;
  opened_by: string;
  reason:
    | ("no_show" | "not_as_agreed" | "not_delivered" | "other" | "payment" | "quality")
    | "unspecified";
  state:
    | ("open" | "pending_hold" | "refused" | "resolved" | "resolved_pending" | "under_review")
    | "unspecified";
  allowed_actions: string[];
  created_at: string;
  version: number;
  statements?: DisputeStatement[];
  offers?: SettlementOffer[];
  price?: Money;
  claim?: Claim;
  due_at?: string;
  resolution?: Resolution;
  refusal?: string;
  truncated?: boolean;
}
/**
 * A statement of one party in a dispute; `number` names it within the dispute. The text is empty while moderators have `removed` it.
 */
export interface DisputeStatement {
  by: string;
  text: string;
  at: string;
  number: number;
  removed?: boolean;
}
/**
 * A settlement that one party has proposed. The newest is the one that can be accepted.
 */
export interface SettlementOffer {
  number: number;
  by: string;
  settlement: Settlement;
  created_at: string;
}
/**
 * The end of a dispute; `facts` and `rule` are what the moderators say, where they decided.
 */
export interface Resolution {
  outcome: ("cancelled" | "completed" | "resume" | "split") | "unspecified";
  cause: string;
  at: string;
  split?: Settlement;
  facts?: string;
  rule?: string;
}
/**
 * The sanctions that restrict a user now, each with its statement of reasons; not all of them when it is `truncated`.
 */
export interface Standing {
  user: string;
  banned: boolean;
  sanctions: Sanction[];
  muted_until?: string;
  suspended_until?: string;
  truncated?: boolean;
}
/**
 * A restriction of this user, or with `lifted` its end before the time; see Sanctions. Also comes after HELLO, for each that stands. Without `until` it lasts until it is lifted. `decision` is what an appeal names. What is removed is a `message`, or the statement `number` of a `dispute`.
 */
export interface Sanction {
  sanction: string;
  kind:
    | (
        | "banned"
        | "conversation_locked"
        | "message_removed"
        | "muted"
        | "statement_removed"
        | "suspended"
        | "warning"
      )
    | "unspecified";
  statement: Statement;
  decision: string;
  appealable: boolean;
  version: number;
  lifted?: boolean;
  until?: string;
  conversation?: string;
  message?: string;
  appeal?: Appeal;
  dispute?: string;
  number?: number;
}
/**
 * A statement of reasons: why somebody is restricted. Without `until` it lasts until it is lifted.
 */
export interface Statement {
  kind:
    | (
        | "banned"
        | "conversation_locked"
        | "message_removed"
        | "muted"
        | "statement_removed"
        | "suspended"
        | "warning"
      )
    | "unspecified";
  scope: string;
  start: string;
  facts: string;
  ground: ("law" | "terms") | "unspecified";
  rule: string;
  automated_detection: boolean;
  automated_decision: boolean;
  scope_id?: string;
  until?: string;
  appeal_until?: string;
}
/**
 * An appeal as its author sees it. `answer` is what the reviewer says, once it is decided.
 */
export interface Appeal {
  appeal: string;
  decision: string;
  status: ("open" | "overturned" | "upheld") | "unspecified";
  text: string;
  created_at: string;
  version: number;
  answer?: string;
  decided_at?: string;
}
/**
 * RETURN CONVERSATIONS, to a client.
 */
export interface ReturnConversationsPacket {
  op: 6;
  re?: number | string;
  cur?: string;
  d: ReturnConversations;
}
/**
 * One page; without `next` it is the last. Each conversation has the number of unread messages, up to which `seq` either side has read and the other got messages, the other's presence, and the open deal or else the latest one, with the `dispute` that holds it. `missing` names services that did not answer: what they know is not shown.
 */
export interface ReturnConversations {
  conversations: Conversation[];
  next?: string;
  missing?: string[];
}
/**
 * A conversation as one of its participants sees it; `presence` and `block` are about the other. `dispute` is what holds the service. `blocked` is true where the user blocks the other, and absent elsewhere; `block` is absent where there never was one.
 */
export interface Conversation {
  conversation: string;
  participants: string[];
  last_message: Message | null;
  unread: number;
  read_up_to: number;
  peer_read_up_to: number;
  version: number;
  peer_delivered_up_to: number;
  subject?: string;
  service?: Service;
  dispute?: Dispute;
  presence?: Presence;
  blocked?: boolean;
  block?: BlockedUser;
}
/**
 * A message: with `text`, or of kind "event" with `event`, whose `sender` is empty for what time did. A `tombstone` has neither and says why; `edited_at` is when the text was last edited.
 */
export interface Message {
  message: string;
  conversation: string;
  seq: number;
  sender: string;
  kind: ("event" | "text") | "unspecified";
  created_at: string;
  version: number;
  text?: string;
  event?: ServiceEvent;
  edited_at?: string;
  tombstone?: ("deleted" | "removed") | "unspecified";
}
/**
 * Something that happened to a service. `number` is its place in the service's own history; `offer` and `price` are those of the offer that it is about.
 */
export interface ServiceEvent {
  service: string;
  number: number;
  cause: string;
  state: string;
  title: string;
  at: string;
  by?: string;
  offer?: number;
  price?: Money;
  reason?: string;
}
/**
 * Somebody with whom the user shares a conversation came online, or went; see Presence. `last_seen` is until when, and is absent while `online`.
 */
export interface Presence {
  user: string;
  online: boolean;
  version: number;
  last_seen?: string;
}
/**
 * A block that this user has set or taken back. The answer to the same packet, and pushed to the user's other sockets; nobody else is told. `version` is 0 where there never was one.
 */
export interface BlockedUser {
  user: string;
  blocked: boolean;
  version: number;
}
/**
 * STATUS MSG, to a client.
 */
export interface StatusMsgPacket {
  op: 8;
  re?: number | string;
  cur?: string;
  d: StatusMsg;
}
/**
 * The state of one's own message. As an answer: it is stored; `duplicate` when the key had stored it before. Pushed later with `"delivered"`, for this message and all before it.
 */
export interface StatusMsg {
  message: string;
  conversation: string;
  seq: number;
  status: "delivered" | "stored";
  created_at: string;
  duplicate: boolean;
  idempotency_key?: string;
}
/**
 * RETURN MESSAGES, to a client.
 */
export interface ReturnMessagesPacket {
  op: 11;
  re?: number | string;
  cur?: string;
  d: ReturnMessages;
}
/**
 * A page of history, ascending by seq; of long messages fewer than asked for (256 KiB, a setting). `more`: there are further messages in the direction asked. Its `cur` in a PONG makes them delivered.
 */
export interface ReturnMessages {
  conversation: string;
  messages: Message[];
  more: boolean;
}
/**
 * RESUMED, to a client.
 */
export interface ResumedPacket {
  op: 13;
  re?: number | string;
  cur?: string;
  d: Resumed;
}
/**
 * Ends a resume: `replayed` packets were sent before it. With `complete` false something is missing: ask for everything anew. Without `re` it says so unasked. `missing` names services that could not be asked: `complete` speaks of the others, and RESUMED comes again, with `complete` false, when such a one is back.
 */
export interface Resumed {
  replayed: number;
  complete: boolean;
  cur: string;
  missing?: string[];
}
/**
 * RECONNECT, to a client.
 */
export interface ReconnectPacket {
  op: 15;
  re?: number | string;
  cur?: string;
  d: Reconnect;
}
/**
 * Asks the client to leave, wait `delay_ms` and come back; the socket is closed soon.
 */
export interface Reconnect {
  delay_ms: number;
  reason: string;
}
/**
 * ALERT NEW MSG, to a client.
 */
export interface AlertNewMsgPacket {
  op: 16;
  re?: number | string;
  cur?: string;
  d: AlertNewMsg;
}
/**
 * A new message, to its recipient and to the author's other sockets; of kind "event" what happened to a service, to all sockets of both. `unread` is the user's own count in that conversation, as it is now.
 */
export interface AlertNewMsg {
  conversation: string;
  message: Message;
  unread: number;
  conversation_version: number;
}
/**
 * MSG SEEN, to a client.
 */
export interface MsgSeenPacket {
  op: 17;
  re?: number | string;
  cur?: string;
  d: MsgSeen;
}
/**
 * The read watermark of `reader`, who has read `message`, with `seq`, and everything before it. The answer to OPENED CONVERSATION; pushed to the author, and to the reader's other sockets. Always a message of the other: while there is none, `seq` is 0, and `message` and `seen_at` are null. To the reader it has the own count of `unread` messages from now on.
 */
export interface MsgSeen {
  conversation: string;
  message: string | null;
  seq: number;
  reader: string;
  seen_at: string | null;
  unread?: number;
  conversation_version?: number;
}
/**
 * TYPING, to a client.
 */
export interface TypingPacket {
  op: 18;
  re?: number | string;
  cur?: string;
  d: Typing;
}
/**
 * Somebody is typing, or has stopped. While `typing`, show it for `lifetime_ms` and no longer, unless it is told again.
 */
export interface Typing {
  conversation: string;
  user: string;
  typing: boolean;
  lifetime_ms?: number;
}
/**
 * PRESENCE, to a client.
 */
export interface PresencePacket {
  op: 19;
  re?: number | string;
  cur?: string;
  d: Presence;
}
/**
 * MSG CHANGED, to a client.
 */
export interface MsgChangedPacket {
  op: 22;
  re?: number | string;
  cur?: string;
  d: MsgChanged;
}
/**
 * A change of a message: its `text` from now on, or its `event`; neither when it has none any more. `edited_at` is as in Message. To both, on all their sockets but the one that asked, to which it is the answer. No watermark moves with it, but the reader's own count of `unread` messages may; see Changed messages.
 */
export interface MsgChanged {
  conversation: string;
  message: string;
  seq: number;
  change: ("deleted" | "edited" | "removed" | "restored") | "unspecified";
  changed_at: string;
  version: number;
  text?: string;
  event?: ServiceEvent;
  edited_at?: string;
  unread?: number;
  conversation_version?: number;
}
/**
 * RETURN BLOCKS, to a client.
 */
export interface ReturnBlocksPacket {
  op: 24;
  re?: number | string;
  cur?: string;
  d: ReturnBlocks;
}
/**
 * One page of the user's own blocks; without `next` it is the last.
 */
export interface ReturnBlocks {
  blocks: BlockedUser[];
  next?: string;
}
/**
 * UPDATE CONVERSATION DATAS, to a client.
 */
export interface UpdateConversationDatasPacket {
  op: 224;
  re?: number | string;
  cur?: string;
  d: UpdateConversationDatas;
}
/**
 * A service or a dispute of this conversation, as it stands for this user after something happened to it: to both parties, on all their sockets. Also the answer to the packets about a service or a dispute. `cause` says what happened: "created", "countered", "agreed", ...; "reminder" says that time will soon act. With `dispute` it is what happened to that: "created", "hold_placed", "stated", "settled", ...; then `service` is absent in a push, and in an answer when negotiation did not answer in time.
 */
export interface UpdateConversationDatas {
  conversation: string;
  cause: string;
  service?: Service;
  dispute?: Dispute;
}
/**
 * RETURN SERVICES, to a client.
 */
export interface ReturnServicesPacket {
  op: 232;
  re?: number | string;
  cur?: string;
  d: ReturnServices;
}
/**
 * One page of the user's services; without `next` it is the last.
 */
export interface ReturnServices {
  services: Service[];
  next?: string;
}
/**
 * RETURN SERVICE EVENTS, to a client.
 */
export interface ReturnServiceEventsPacket {
  op: 235;
  re?: number | string;
  cur?: string;
  d: ReturnServiceEvents;
}
/**
 * One page of what happened to a service, as the user may see it; without `next` it is the last.
 */
export interface ReturnServiceEvents {
  service: string;
  events: ServiceEvent[];
  next?: string;
}
/**
 * RETURN REPORTS, to a client.
 */
export interface ReturnReportsPacket {
  op: 241;
  re?: number | string;
  cur?: string;
  d: ReturnReports;
}
/**
 * One page of the user's own reports; without `next` it is the last.
 */
export interface ReturnReports {
  reports: ReportStatus[];
  next?: string;
}
/**
 * The state of one's own report, or with `appeal` alone of one's own appeal against a sanction. The answer to the packets that make them, and pushed when the state changes. `decision` is what an appeal names, until `appeal_until` if it is `appealable`. `version` is that of the report.
 */
export interface ReportStatus {
  report?: string;
  status?: ("actioned" | "in_review" | "no_violation" | "received") | "unspecified";
  subject?: Subject;
  reason?:
    | (
        | "harassment"
        | "hate"
        | "illegal_goods"
        | "impersonation"
        | "off_platform_payment"
        | "other"
        | "privacy"
        | "scam"
        | "self_harm"
        | "sexual"
        | "spam"
        | "violence"
      )
    | "unspecified";
  created_at?: string;
  updated_at?: string;
  version?: number;
  decision?: string;
  appealable?: boolean;
  appeal_until?: string;
  appeal?: Appeal;
  duplicate?: boolean;
}
/**
 * The reported message, or the statement `number` of a `dispute`; with neither the reported conversation.
 */
export interface Subject {
  conversation: string;
  message?: string;
  dispute?: string;
  number?: number;
}
/**
 * RETURN APPEALS, to a client.
 */
export interface ReturnAppealsPacket {
  op: 243;
  re?: number | string;
  cur?: string;
  d: ReturnAppeals;
}
/**
 * One page of the user's own appeals; without `next` it is the last.
 */
export interface ReturnAppeals {
  appeals: Appeal[];
  next?: string;
}
/**
 * RETURN DISPUTES, to a client.
 */
export interface ReturnDisputesPacket {
  op: 245;
  re?: number | string;
  cur?: string;
  d: ReturnDisputes;
}
/**
 * One page of the user's disputes; without `next` it is the last.
 */
export interface ReturnDisputes {
  disputes: Dispute[];
  next?: string;
}
/**
 * RETURN STANDING, to a client.
 */
export interface ReturnStandingPacket {
  op: 248;
  re?: number | string;
  cur?: string;
  d: ReturnStanding;
}
/**
 * The sanctions that restrict the user now, and the warnings that stand: those of the newest 50 cases, and those that restrict longest.
 */
export interface ReturnStanding {
  standing: Standing;
}
/**
 * BLOCK USER, to a client.
 */
export interface BlockedUserPacket {
  op: 249;
  re?: number | string;
  cur?: string;
  d: BlockedUser;
}
/**
 * SANCTION, to a client.
 */
export interface SanctionPacket {
  op: 250;
  re?: number | string;
  cur?: string;
  d: Sanction;
}
/**
 * REPORT STATUS, to a client.
 */
export interface ReportStatusPacket {
  op: 253;
  re?: number | string;
  cur?: string;
  d: ReportStatus;
}

export const PING = 1;
export const PONG = 2;
export const HELLO = 3;
export const ERROR = 4;
export const ASK_CONVERSATIONS = 5;
export const RETURN_CONVERSATIONS = 6;
export const CREATE_MSG = 7;
export const STATUS_MSG = 8;
export const OPENED_CONVERSATION = 9;
export const ASK_MESSAGES = 10;
export const RETURN_MESSAGES = 11;
export const RESUME = 12;
export const RESUMED = 13;
export const RENEW_TOKEN = 14;
export const RECONNECT = 15;
export const ALERT_NEW_MSG = 16;
export const MSG_SEEN = 17;
export const TYPING = 18;
export const PRESENCE = 19;
export const EDIT_MSG = 20;
export const DELETE_MSG = 21;
export const MSG_CHANGED = 22;
export const ASK_BLOCKS = 23;
export const RETURN_BLOCKS = 24;
export const UPDATE_CONVERSATION_DATAS = 224;
export const SERVICE_CREATED = 225;
export const NOTE_SUBMITTED = 226;
export const LITIGE_CREATED = 227;
export const SERVICE_TERMINATED = 228;
export const PRICE_EDITED = 229;
export const NEGOTIATION_END = 230;
export const ASK_SERVICES = 231;
export const RETURN_SERVICES = 232;
export const ASK_SERVICE = 233;
export const ASK_SERVICE_EVENTS = 234;
export const RETURN_SERVICE_EVENTS = 235;
export const REPORT_STATEMENT = 239;
export const ASK_REPORTS = 240;
export const RETURN_REPORTS = 241;
export const ASK_APPEALS = 242;
export const RETURN_APPEALS = 243;
export const ASK_DISPUTES = 244;
export const RETURN_DISPUTES = 245;
export const ASK_DISPUTE = 246;
export const ASK_STANDING = 247;
export const RETURN_STANDING = 248;
export const BLOCK_USER = 249;
export const SANCTION = 250;
export const APPEAL = 251;
export const LITIGE_STATEMENT = 252;
export const REPORT_STATUS = 253;
export const REPORT_CONVERSATIONS = 254;
export const REPORT_MSG = 255;

/** The name of each packet, by its number. */
export const NAMES = {
  1: "PING",
  2: "PONG",
  3: "HELLO",
  4: "ERROR",
  5: "ASK CONVERSATIONS",
  6: "RETURN CONVERSATIONS",
  7: "CREATE MSG",
  8: "STATUS MSG",
  9: "OPENED CONVERSATION",
  10: "ASK MESSAGES",
  11: "RETURN MESSAGES",
  12: "RESUME",
  13: "RESUMED",
  14: "RENEW TOKEN",
  15: "RECONNECT",
  16: "ALERT NEW MSG",
  17: "MSG SEEN",
  18: "TYPING",
  19: "PRESENCE",
  20: "EDIT MSG",
  21: "DELETE MSG",
  22: "MSG CHANGED",
  23: "ASK BLOCKS",
  24: "RETURN BLOCKS",
  224: "UPDATE CONVERSATION DATAS",
  225: "SERVICE CREATED",
  226: "NOTE SUBMITTED",
  227: "LITIGE CREATED",
  228: "SERVICE TERMINATED",
  229: "PRICE EDITED",
  230: "NEGOTIATION END",
  231: "ASK SERVICES",
  232: "RETURN SERVICES",
  233: "ASK SERVICE",
  234: "ASK SERVICE EVENTS",
  235: "RETURN SERVICE EVENTS",
  239: "REPORT STATEMENT",
  240: "ASK REPORTS",
  241: "RETURN REPORTS",
  242: "ASK APPEALS",
  243: "RETURN APPEALS",
  244: "ASK DISPUTES",
  245: "RETURN DISPUTES",
  246: "ASK DISPUTE",
  247: "ASK STANDING",
  248: "RETURN STANDING",
  249: "BLOCK USER",
  250: "SANCTION",
  251: "APPEAL",
  252: "LITIGE STATEMENT",
  253: "REPORT STATUS",
  254: "REPORT CONVERSATIONS",
  255: "REPORT MSG",
} as const;

/** The packet that answers each packet of a client, unless ERROR does; null: nothing does. */
export const ANSWERS = {
  2: null,
  5: 6,
  7: 8,
  9: 17,
  10: 11,
  12: 13,
  14: 3,
  18: null,
  20: 22,
  21: 22,
  23: 24,
  225: 224,
  226: 224,
  227: 224,
  228: 224,
  229: 224,
  230: 224,
  231: 232,
  233: 224,
  234: 235,
  239: 253,
  240: 241,
  242: 243,
  244: 245,
  246: 224,
  247: 248,
  249: 249,
  251: 253,
  252: 224,
  254: 253,
  255: 253,
} as const;

/** The close codes of the edge. The hundreds say what to do. */
export const CloseCode = {
  DRAINING: 4100,
  SLOW_READER: 4101,
  NO_PONG: 4102,
  OVERLOADED: 4200,
  TOO_MANY_SOCKETS: 4201,
  TOKEN_EXPIRED: 4300,
  TOKEN_REVOKED: 4301,
  BAD_PACKETS: 4400,
  BANNED: 4403,
  PACKET_TOO_LARGE: 4413,
} as const;

export type CloseCode = (typeof CloseCode)[keyof typeof CloseCode];

/** Each error code, and whether the same packet may succeed later. ERROR has the last word. */
export const RETRYABLE = {
  BAD_PACKET: false,
  UNKNOWN_OPCODE: false,
  INVALID_ARGUMENT: false,
  INVALID_STATE: false,
  STALE_OFFER: false,
  PERMISSION_DENIED: false,
  SANCTIONED: false,
  NOT_FOUND: false,
  CONFLICT: false,
  RATE_LIMITED: true,
  RESOURCE_EXHAUSTED: true,
  UNAVAILABLE: true,
  DEADLINE_EXCEEDED: true,
  INTERNAL: true,
} as const;

/** The structure of each packet to a client that shows objects. */
export const STRUCTURES = {
  4: "Error",
  6: "ReturnConversations",
  8: "StatusMsg",
  11: "ReturnMessages",
  16: "AlertNewMsg",
  17: "MsgSeen",
  19: "Presence",
  22: "MsgChanged",
  24: "ReturnBlocks",
  224: "UpdateConversationDatas",
  232: "ReturnServices",
  241: "ReturnReports",
  243: "ReturnAppeals",
  245: "ReturnDisputes",
  248: "ReturnStanding",
  249: "BlockedUser",
  250: "Sanction",
  253: "ReportStatus",
} as const;

/** The objects that each structure shows: the fields that name one, and that of its version. */
export const SHOWINGS = {
  AlertNewMsg: [{"kind":"conversation","key":["conversation"],"version":"conversation_version"}],
  Appeal: [{"kind":"appeal","key":["appeal"],"version":"version","all":true}],
  BlockedUser: [{"kind":"block","key":["user"],"version":"version","all":true}],
  Conversation: [{"kind":"conversation","key":["conversation"],"version":"version"}],
  Dispute: [{"kind":"dispute","key":["dispute"],"version":"version","all":true}],
  Message: [{"kind":"message","key":["message"],"version":"version","all":true}],
  MsgChanged: [{"kind":"message","key":["message"],"version":"version"},{"kind":"conversation","key":["conversation"],"version":"conversation_version"}],
  MsgSeen: [{"kind":"read watermark","key":["conversation","reader"],"version":"seq"},{"kind":"conversation","key":["conversation"],"version":"conversation_version"}],
  Presence: [{"kind":"presence","key":["user"],"version":"version","all":true}],
  ReportStatus: [{"kind":"report","key":["report"],"version":"version","all":true}],
  Sanction: [{"kind":"sanction","key":["sanction"],"version":"version","all":true}],
  Service: [{"kind":"service","key":["service"],"version":"version","all":true}],
  StatusMsg: [{"kind":"delivered watermark","key":["conversation"],"version":"seq"}],
} as const;

/** The fields of each structure that lead to objects, with the structures that they hold. */
export const NESTED = {
  AlertNewMsg: {"message":["Message"]},
  Conversation: {"last_message":["Message"],"service":["Service"],"dispute":["Dispute"],"presence":["Presence"],"block":["BlockedUser"]},
  Error: {"current":["Service","Dispute","Standing"]},
  ReportStatus: {"appeal":["Appeal"]},
  ReturnAppeals: {"appeals":["Appeal"]},
  ReturnBlocks: {"blocks":["BlockedUser"]},
  ReturnConversations: {"conversations":["Conversation"]},
  ReturnDisputes: {"disputes":["Dispute"]},
  ReturnMessages: {"messages":["Message"]},
  ReturnReports: {"reports":["ReportStatus"]},
  ReturnServices: {"services":["Service"]},
  ReturnStanding: {"standing":["Standing"]},
  Sanction: {"appeal":["Appeal"]},
  Standing: {"sanctions":["Sanction"]},
  UpdateConversationDatas: {"service":["Service"],"dispute":["Dispute"]},
} as const;

/** The field that tells a structure from those after it, where a field holds one of several. */
export const MARKS = {
  Service: "title",
  Dispute: "dispute",
} as const;

/** The payload that a client sends with an opcode. */
export type PayloadOf<Code extends ClientPacket["op"]> = NonNullable<
  Extract<ClientPacket, { op: Code }>["d"]
>;

/** The payload of the answer to a packet of a client; never where there is none. */
export type AnswerTo<Code extends ClientPacket["op"]> = Extract<
  ServerPacket,
  { op: (typeof ANSWERS)[Code] }
>["d"];
