/**
 * The desk's HTTP API: its structures and its operations. Made from docs/desk-openapi.json by
 * scripts/generate-desk.ts; not to be changed by hand.
 */

/**
 * Any of the structures.
 */
export type Structure =
  | Appeal
  | AppealAnswer
  | AppealDecision
  | AppealPage
  | AppealWithCase
  | AuditBreak
  | AuditEntry
  | AuditHead
  | AuditPage
  | Away
  | Case
  | CaseAnswer
  | CaseDecision
  | CaseEvent
  | CasePage
  | CaseReport
  | Configuration
  | Current
  | Decision
  | Dispute
  | DisputeAnswer
  | DisputeDecision
  | DisputeEvent
  | DisputePage
  | DisputeStatement
  | EndedSessions
  | Erasure
  | Evidence
  | Found
  | Kept
  | Lift
  | Measure
  | Money
  | Preview
  | Problem
  | Ready
  | Reset
  | Resolution
  | Sanction
  | SanctionAnswer
  | SanctionPage
  | SessionEnd
  | SessionView
  | Settlement
  | SettlementOffer
  | SignIn
  | Split
  | Statement
  | StatementFor
  | Subject
  | Verification
  | Operations;

/**
 * An appeal as moderators see it. `version` is that of the case, to decide it by; `side` is `sanctioned` or `reporter`.
 */
export interface Appeal {
  id: string;
  decision_id: string;
  text: string;
  status: "" | "open" | "overturned" | "upheld";
  create_time: string;
  answer: string;
  by: string;
  side: string;
  case_id: string;
  decided_by: string;
  reviewed_by: string;
  version: number;
  decide_time?: string | null;
  due_time?: string | null;
}
/**
 * An appeal, and whether the same request had decided it before.
 */
export interface AppealAnswer {
  appeal: Appeal;
  duplicate?: boolean;
}
/**
 * Whether a decision stands, as its case was seen at `version`; `answer` is told to who appealed, and names no reporter.
 */
export interface AppealDecision {
  version: number;
  outcome: "overturned" | "upheld";
  answer: string;
}
/**
 * A page of appeals, those that are due first; no token on the last one.
 */
export interface AppealPage {
  appeals: Appeal[];
  next_page_token: string;
}
/**
 * An appeal, and the case whose decision it is against.
 */
export interface AppealWithCase {
  appeal: Appeal;
  case: Case;
}
/**
 * A case as the reader sees it. `allowed_actions` are those that the reader could do now: `claim`, `renew`, `release`, `decide`. `truncated` says that a refusal had no room for all.
 */
export interface Case {
  id: string;
  version: number;
  subject: Subject;
  participants: string[];
  accused: string[];
  state: "" | "claimed" | "decided" | "open";
  severity: "" | "critical" | "high" | "low" | "normal";
  priority: number;
  create_time: string;
  claimed_by: string;
  reports: CaseReport[];
  evidence: Evidence[];
  decisions: Decision[];
  appeals: Appeal[];
  reopenings: number;
  allowed_actions: string[];
  truncated: boolean;
  due_time?: string | null;
  claim_until_time?: string | null;
}
/**
 * A message, a conversation, or the statement `number` of a dispute, that is reported.
 */
export interface Subject {
  kind: "" | "conversation" | "message" | "statement";
  id: string;
  conversation_id: string;
  number: number;
}
/**
 * A report within a case.
 */
export interface CaseReport {
  id: string;
  reporter: string;
  reason:
    | ""
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
  comment: string;
  status: "" | "actioned" | "in_review" | "no_violation" | "received";
  create_time: string;
  reporter_standing: string;
  evidence_ids: string[];
}
/**
 * A snapshot that was taken at the time of a report or dispute. `content` is JSON as a text, for its hash is that of this text; empty in lists and once erased. `intact` says whether it still has that hash, where there is content.
 */
export interface Evidence {
  id: string;
  kind: string;
  sha256: string;
  size: number;
  take_time: string;
  content: string;
  intact: boolean;
  erase_time?: string | null;
}
/**
 * A decision of a case; `number` counts them, `note` is among moderators.
 */
export interface Decision {
  id: string;
  number: number;
  verdict: "" | "no_violation" | "violation";
  by: string;
  create_time: string;
  sanctions: Sanction[];
  note: string;
}
/**
 * A sanction as moderators see it. What has expired was not lifted.
 */
export interface Sanction {
  id: string;
  kind:
    | ""
    | "banned"
    | "conversation_locked"
    | "message_removed"
    | "muted"
    | "statement_removed"
    | "suspended"
    | "warning";
  conversation_id: string;
  message_id: string;
  decision_id: string;
  users: string[];
  case_id: string;
  imposed_by: string;
  lifted_by: string;
  lift_reason: string;
  dispute_id: string;
  number: number;
  statement?: Statement | null;
  until_time?: string | null;
  lift_time?: string | null;
}
/**
 * A statement of reasons, as those are told it whom a sanction concerns.
 */
export interface Statement {
  kind:
    | ""
    | "banned"
    | "conversation_locked"
    | "message_removed"
    | "muted"
    | "statement_removed"
    | "suspended"
    | "warning";
  scope: string;
  scope_id: string;
  start_time: string;
  facts: string;
  ground: "" | "law" | "terms";
  rule: string;
  automated_detection: boolean;
  automated_decision: boolean;
  appeal_until_time: string;
  until_time?: string | null;
}
/**
 * A break of the log, at the entry that should have this number.
 */
export interface AuditBreak {
  number: number;
  problem: string;
}
/**
 * An entry of the audit log; `actor` is empty for all but moderators and their like.
 */
export interface AuditEntry {
  number: number;
  create_time: string;
  actor: string;
  capacity: string;
  action: string;
  target_kind: string;
  target_id: string;
  version: number;
  digest: string;
  previous_hash: string;
  hash: string;
}
/**
 * An end of the log: number and hash of an entry. Kept elsewhere, it shows a log cut short.
 */
export interface AuditHead {
  number: number;
  hash: string;
}
/**
 * Entries in the order of the log, and the head of all of it.
 */
export interface AuditPage {
  entries: AuditEntry[];
  head_number: number;
  head_hash: string;
  more: boolean;
}
/**
 * The moderation service cannot be reached: nothing is told until `ready` comes.
 */
export interface Away {}
/**
 * A case, and whether the same request had done it before.
 */
export interface CaseAnswer {
  case: Case;
  duplicate?: boolean;
}
/**
 * A decision of a case as it was seen at `version`: with a violation at least one measure, and without one none. `note` is for colleagues.
 */
export interface CaseDecision {
  version: number;
  verdict: "" | "no_violation" | "violation";
  measures?: Measure[];
  note?: string;
}
/**
 * A restriction that a decision imposes. `user` is whom it concerns, `message_id` what is removed, `until_time` the end of a mute or suspension. Those concerned are told `facts` and `rule`, in which nothing may lead to a reporter.
 */
export interface Measure {
  kind:
    | ""
    | "banned"
    | "conversation_locked"
    | "message_removed"
    | "muted"
    | "statement_removed"
    | "suspended"
    | "warning";
  facts: string;
  rule: string;
  ground?: "" | "law" | "terms";
  user?: string;
  message_id?: string;
  until_time?: string | null;
}
/**
 * A case has changed. `cause` is what happened, as the audit log calls it; `by` is empty for all but moderators. A claim that lapses by the clock is told by nobody.
 */
export interface CaseEvent {
  id: string;
  version: number;
  cause: string;
  by: string;
  state: "" | "claimed" | "decided" | "open";
  claimed_by: string;
  claim_until_time?: string | null;
}
/**
 * A page of cases, without the content of evidence; no token on the last one.
 */
export interface CasePage {
  cases: Case[];
  next_page_token: string;
}
/**
 * Where moderators sign in, if the settings say it.
 */
export interface Configuration {
  sign_in_url?: string | null;
}
/**
 * The case or dispute as it stands.
 */
export interface Current {
  case?: Case | null;
  dispute?: Dispute | null;
}
/**
 * A dispute as moderators see it. `claim` is what the client is to have back.
 */
export interface Dispute {
  id: string;
  version: number;
  service_id: string;
  conversation_id: string;
  provider: string;
  client: string;
  opened_by: string;
  reason: "" | "no_show" | "not_as_agreed" | "not_delivered" | "other" | "payment" | "quality";
  state:
    "" | "open" | "pending_hold" | "refused" | "resolved" | "resolved_pending" | "under_review";
  statements: DisputeStatement[];
  offers: SettlementOffer[];
  refusal: string;
  create_time: string;
  allowed_actions: string[];
  evidence: Evidence[];
  truncated: boolean;
  price?: Money | null;
  claim?: Money | null;
  due_time?: string | null;
  resolution?: Resolution | null;
}
/**
 * A statement of a party. Moderators are shown also what is removed.
 */
export interface DisputeStatement {
  by: string;
  text: string;
  create_time: string;
  number: number;
  removed: boolean;
}
/**
 * An offer to settle; the newest can be accepted.
 */
export interface SettlementOffer {
  number: number;
  by: string;
  settlement: Settlement;
  create_time: string;
}
/**
 * The parts of the agreed price, in minor units; together they are all of it.
 */
export interface Settlement {
  provider_minor: number;
  client_minor: number;
}
/**
 * An amount in minor units of its currency (ISO 4217).
 */
export interface Money {
  amount_minor: number;
  currency: string;
}
/**
 * The end of a dispute, and its cause: `decided`, `settled`, `withdrawn`, `respondent_silent`, `moderators_silent`.
 */
export interface Resolution {
  outcome: "" | "cancelled" | "completed" | "resume" | "split";
  cause: string;
  facts: string;
  rule: string;
  create_time: string;
  by: string;
  split?: Settlement | null;
}
/**
 * A dispute, and whether the same request had decided it before.
 */
export interface DisputeAnswer {
  dispute: Dispute;
  duplicate?: boolean;
}
/**
 * The end of a dispute as it was seen at `version`. Both parties are told `facts` and `rule`. A split names both parts, and nothing else does.
 */
export interface DisputeDecision {
  version: number;
  outcome: "cancelled" | "completed" | "resume" | "split";
  facts: string;
  rule: string;
  split?: Split | null;
}
/**
 * The parts of the agreed price, in minor units of its currency, which they add up to.
 */
export interface Split {
  provider_minor: number;
  client_minor: number;
}
/**
 * A dispute has changed.
 */
export interface DisputeEvent {
  id: string;
  version: number;
  cause: string;
  state:
    "" | "open" | "pending_hold" | "refused" | "resolved" | "resolved_pending" | "under_review";
}
/**
 * A page of disputes, those that are due first; no token on the last one.
 */
export interface DisputePage {
  disputes: Dispute[];
  next_page_token: string;
}
/**
 * The time before which a user's tokens are refused, and whether that was so before.
 */
export interface EndedSessions {
  before_time: string;
  duplicate: boolean;
}
/**
 * In how many cases and disputes somebody was erased, and what was kept.
 */
export interface Erasure {
  erased: number;
  kept: Kept[];
}
/**
 * A case or dispute in which somebody is kept, why, and until when if that is known.
 */
export interface Kept {
  target_kind: string;
  target_id: string;
  reason: string;
  until_time?: string | null;
}
/**
 * The case or dispute with that id, the newest cases against that user and the sanctions of that user, of each list the first 20. Without the content of evidence.
 */
export interface Found {
  cases: Case[];
  sanctions: Sanction[];
  case?: Case | null;
  dispute?: Dispute | null;
}
/**
 * The reason for which a sanction is lifted, for other moderators.
 */
export interface Lift {
  reason: string;
}
/**
 * The statements of reasons of a decision that has not been made, one for each measure.
 */
export interface Preview {
  statements: StatementFor[];
}
/**
 * A statement of reasons, and who would be told it.
 */
export interface StatementFor {
  recipients: string[];
  statement: Statement;
}
/**
 * A refusal. `reason` is a stable word, `field` the argument at fault. Where something stands otherwise than was supposed, `current` shows it, and `since` what happened after the version that was named: who decided what.
 */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  reason: string;
  field?: string | null;
  retry_after_ms?: number | null;
  current?: Current | null;
  since?: AuditEntry[] | null;
}
/**
 * From here on all is told; first on each stream, and again when moderation is back.
 */
export interface Ready {}
/**
 * Something may have been missed: what is shown has to be loaded anew.
 */
export interface Reset {}
/**
 * A sanction, and whether the same request had lifted it before.
 */
export interface SanctionAnswer {
  sanction: Sanction;
  duplicate?: boolean;
}
/**
 * A page of sanctions, the newest first; no token on the last one.
 */
export interface SanctionPage {
  sanctions: Sanction[];
  next_page_token: string;
}
/**
 * The time before which tokens were issued that are refused; absent: now.
 */
export interface SessionEnd {
  before_time?: string | null;
}
/**
 * A session: who has it, until when at most, and for how long it lasts without a request. `csrf_token` goes with each request that changes something, as `X-CSRF-Token`.
 */
export interface SessionView {
  user: string;
  roles: ("auditor" | "data_protection" | "moderator")[];
  expire_time: string;
  idle_seconds: number;
  csrf_token: string;
}
/**
 * A token of the marketplace's issuer, with a role of moderation.
 */
export interface SignIn {
  token: string;
}
/**
 * A verified stretch of the log, up to `reached`; ask again from there until `done`.
 */
export interface Verification {
  intact: boolean;
  done: boolean;
  reached: AuditHead;
  head: AuditHead;
  problem?: AuditBreak | null;
}
/**
 * The operations, each with what it is given and what it answers.
 */
export interface Operations {
  "GET /session": {
    path: {};
    query: {};
    body: null;
    answer: SessionView;
  };
  "POST /session": {
    path: {};
    query: {};
    body: SignIn;
    answer: SessionView;
  };
  "DELETE /session": {
    path: {};
    query: {};
    body: null;
    answer: null;
  };
  "GET /config.json": {
    path: {};
    query: {};
    body: null;
    answer: Configuration;
  };
  "GET /events": {
    path: {};
    query: {};
    body: null;
    answer: null;
  };
  "GET /cases": {
    path: {};
    query: {
      state?: "" | "claimed" | "decided" | "open";
      min_severity?: "" | "critical" | "high" | "low" | "normal";
      reason?:
        | ""
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
      accused?: string;
      claimed_by?: string;
      order?: "due" | "priority" | "reports" | "severity";
      page_size?: number;
      page_token?: string;
    };
    body: null;
    answer: CasePage;
  };
  "GET /cases/{case_id}": {
    path: {
      case_id: string;
    };
    query: {};
    body: null;
    answer: CaseAnswer;
  };
  "POST /cases/{case_id}/claim": {
    path: {
      case_id: string;
    };
    query: {};
    body: null;
    answer: CaseAnswer;
  };
  "POST /cases/{case_id}/release": {
    path: {
      case_id: string;
    };
    query: {};
    body: null;
    answer: CaseAnswer;
  };
  "POST /cases/{case_id}/preview": {
    path: {
      case_id: string;
    };
    query: {};
    body: CaseDecision;
    answer: Preview;
  };
  "POST /cases/{case_id}/decision": {
    path: {
      case_id: string;
    };
    query: {};
    body: CaseDecision;
    answer: CaseAnswer;
  };
  "GET /appeals": {
    path: {};
    query: {
      status?: "" | "open" | "overturned" | "upheld";
      decidable_only?: boolean;
      page_size?: number;
      page_token?: string;
    };
    body: null;
    answer: AppealPage;
  };
  "GET /appeals/{appeal_id}": {
    path: {
      appeal_id: string;
    };
    query: {};
    body: null;
    answer: AppealWithCase;
  };
  "POST /appeals/{appeal_id}/decision": {
    path: {
      appeal_id: string;
    };
    query: {};
    body: AppealDecision;
    answer: AppealAnswer;
  };
  "GET /sanctions": {
    path: {};
    query: {
      user?: string;
      in_force_only?: boolean;
      page_size?: number;
      page_token?: string;
    };
    body: null;
    answer: SanctionPage;
  };
  "POST /sanctions/{sanction_id}/lift": {
    path: {
      sanction_id: string;
    };
    query: {};
    body: Lift;
    answer: SanctionAnswer;
  };
  "GET /disputes": {
    path: {};
    query: {
      state?:
        "" | "open" | "pending_hold" | "refused" | "resolved" | "resolved_pending" | "under_review";
      page_size?: number;
      page_token?: string;
    };
    body: null;
    answer: DisputePage;
  };
  "GET /disputes/{dispute_id}": {
    path: {
      dispute_id: string;
    };
    query: {};
    body: null;
    answer: DisputeAnswer;
  };
  "POST /disputes/{dispute_id}/decision": {
    path: {
      dispute_id: string;
    };
    query: {};
    body: DisputeDecision;
    answer: DisputeAnswer;
  };
  "GET /search": {
    path: {};
    query: {
      q: string;
    };
    body: null;
    answer: Found;
  };
  "POST /users/{user}/session-end": {
    path: {
      user: string;
    };
    query: {};
    body: SessionEnd;
    answer: EndedSessions;
  };
  "POST /users/{user}/erasure": {
    path: {
      user: string;
    };
    query: {};
    body: null;
    answer: Erasure;
  };
  "GET /audit": {
    path: {};
    query: {
      after?: number;
      target_id?: string;
      page_size?: number;
    };
    body: null;
    answer: AuditPage;
  };
  "GET /audit/verification": {
    path: {};
    query: {
      after?: string;
      noted?: string;
    };
    body: null;
    answer: Verification;
  };
}
