/** The steps of a deal: which is the first to be offered, and what is asked for before it is taken. */

import type {
  DealAction,
  DealView,
  NEGOTIATION_END,
  NOTE_SUBMITTED,
  OutboxEntry,
  PRICE_EDITED,
  SERVICE_CREATED,
  SERVICE_TERMINATED,
} from "@parley/client";

/** A step that this card takes; a dispute has a place of its own. */
export type Step = Exclude<DealAction, "open_dispute">;

/** What a step is taken with. */
export type Form = "confirmation" | "price" | "reason" | "note";

export const FORMS: Readonly<Record<Step, Form>> = {
  accept: "confirmation",
  complete: "reason",
  deliver: "reason",
  confirm_cancellation: "reason",
  submit_note: "note",
  counter: "price",
  revise: "price",
  propose_amendment: "price",
  reopen: "reason",
  decline: "confirmation",
  withdraw: "confirmation",
  request_cancellation: "reason",
};

const STEPS = Object.keys(FORMS) as Step[];

/** Steps that end something, and are never the first to be offered. */
const ENDINGS: ReadonlySet<Step> = new Set([
  "reopen",
  "decline",
  "withdraw",
  "request_cancellation",
]);

/** Steps after which there is no deal, or less of it. */
export const DANGEROUS: ReadonlySet<Step> = new Set([
  "decline",
  "withdraw",
  "request_cancellation",
  "confirm_cancellation",
]);

/** Part the steps that are allowed: what brings the deal on first, and all others in one order. */
export function offeredSteps(allowed: readonly string[]): {
  readonly primary: Step | undefined;
  readonly others: readonly Step[];
} {
  const steps = STEPS.filter((step) => allowed.includes(step));
  const primary = steps.find((step) => !ENDINGS.has(step));
  return { primary, others: steps.filter((step) => step !== primary) };
}

/** Whether a deal has not ended: a conversation has one of them at most. */
export function isOpen(deal: DealView | undefined): boolean {
  return deal !== undefined && OPEN.has(deal.state);
}

const OPEN: ReadonlySet<DealView["state"]> = new Set(["offered", "agreed", "delivered"]);

/** The opcodes of the commands of a deal. */
const CREATED: typeof SERVICE_CREATED = 225;
const NOTE: typeof NOTE_SUBMITTED = 226;
const TERMINATED: typeof SERVICE_TERMINATED = 228;
const PRICE: typeof PRICE_EDITED = 229;
const END: typeof NEGOTIATION_END = 230;

const OUTCOMES: Readonly<Record<string, Step>> = {
  agreed: "accept",
  declined: "decline",
  withdrawn: "withdraw",
  delivered: "deliver",
  completed: "complete",
  reopened: "reopen",
  cancelled: "request_cancellation",
};

/** Name the step that a command of the outbox takes; undefined where it is none of a deal. */
export function stepOf({
  op,
  payload,
}: Pick<OutboxEntry, "op" | "payload">): Step | "propose" | undefined {
  if (op === CREATED) return "propose";
  if (op === NOTE) return "submit_note";
  if (op === PRICE) return payload["base_offer"] ? "counter" : "propose_amendment";
  if (op !== TERMINATED && op !== END) return undefined;
  return OUTCOMES[String(payload["outcome"])];
}

/** Name the draft of the form of a step, of a deal or, for a proposal, of a conversation. */
export function draftOf(step: Step | "propose", about: string | undefined): string {
  return `${step} ${about}`;
}

/** Name the step as it could be taken now: the price or the request of before may need another word. */
export function stepNow(step: Step, deal: DealView): Step | undefined {
  const same = STEPS.filter((one) => {
    if (FORMS[step] === "price") return FORMS[one] === "price";
    if (step === "request_cancellation") return one === step || one === "confirm_cancellation";
    return one === step;
  });
  return same.find((one) => deal.allowed_actions.includes(one));
}
