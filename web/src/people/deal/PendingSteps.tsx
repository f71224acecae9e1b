import type { DealView, Money, OutboxEntry } from "@parley/client";
import { exponentOf } from "@parley/client";
import type { JSX } from "preact";
import { Button } from "../../shared/components/Button.tsx";
import { Words } from "../../shared/components/Words.tsx";
import { money } from "../../shared/format.ts";
import { useSnapshot } from "../../shared/stores.ts";
import { FailedActions } from "../conversation/FailedActions.tsx";
import { keepDraft } from "../forms/drafts.ts";
import { refusalWords } from "../forms/refusals.ts";
import { dismissRefusal, refusals } from "../forms/refused.ts";
import { t } from "../messages.ts";
import { useSession } from "../session.ts";
import { draftOf, type Step, stepNow, stepOf } from "./steps.ts";
import { typedPrice } from "./words.ts";

/** Give the steps of a deal, and the proposals of a conversation, that wait or were refused. */
export function usePendingSteps(
  conversation: string | undefined,
  deal: DealView | undefined,
): { readonly entries: readonly OutboxEntry[]; readonly isWaiting: boolean } {
  const { client } = useSession();
  const refused = refusals(client).value;
  const entries = [...refused, ...useSnapshot(client.pending)].filter((entry) => {
    const { payload } = entry;
    if (!stepOf(entry)) return false;
    return payload["service"] === undefined
      ? payload["conversation"] === conversation
      : payload["service"] === deal?.service;
  });
  return { entries, isWaiting: entries.some(({ state }) => state !== "failed") };
}

interface Props {
  readonly entries: readonly OutboxEntry[];
  readonly deal: DealView | undefined;
  /** Called when the words of a refused step are to be sent otherwise; they are in the draft of its form. */
  readonly onOpen: (step: Step | "propose") => void;
}

/** What is not done yet, or was refused: nobody else has seen it. */
export function PendingSteps({ entries, deal, onOpen }: Props): JSX.Element | null {
  if (!entries.length) return null;
  return (
    <ul class="pending-steps" aria-label={t("deal.pending")}>
      {entries.map((entry) => (
        <li key={entry.key} class={entry.state}>
          <PendingStep entry={entry} deal={deal} onOpen={onOpen} />
        </li>
      ))}
    </ul>
  );
}

function PendingStep({
  entry,
  deal,
  onOpen,
}: Omit<Props, "entries"> & { readonly entry: OutboxEntry }): JSX.Element {
  const { client } = useSession();
  const { key, payload, state, error } = entry;
  const step = stepOf(entry) as Step | "propose";
  const price = payload["price"] as Money | undefined;
  const name = t(step === "propose" ? "deal.propose" : `deal.step_${step}`);
  const exponent =
    price && (deal?.currency === price.currency ? deal.exponent : exponentOf(price.currency));
  const what =
    price && exponent !== undefined
      ? t("deal.line", { state: name, price: money(price, exponent) })
      : name;
  const isFailed = state === "failed";
  const isKept = client.outbox.entries().some((one) => one.key === key);
  const words = ["title", "note", "reason", "comment"].flatMap((field) => payload[field] || []);
  return (
    <>
      <p>{t(isFailed ? "deal.step_failed" : "deal.step_waits", { step: what })}</p>
      {words.map((text) => (
        <p key={String(text)} class="bubble">
          <Words text={String(text)} />
        </p>
      ))}
      {isFailed && <p class="field-error">{refusalWords(error)}</p>}
      {isFailed && isKept && <FailedStep entry={entry} step={step} deal={deal} onOpen={onOpen} />}
      {isFailed && !isKept && (
        <Button onClick={() => dismissRefusal(client, key)}>{t("action.close")}</Button>
      )}
      {state === "queued" && (
        <Button
          kind="quiet"
          // Where it was sent meanwhile it stays, and is shown as it stands.
          onClick={() => void client.outbox.cancel(key)}
        >
          {t("message.cancel")}
        </Button>
      )}
    </>
  );
}

/** Codes of refusals for how the deal stands: the same, sent again, might do what nobody has looked at. */
const STATE_CODES = new Set(["STALE_OFFER", "INVALID_STATE", "PERMISSION_DENIED", "EXPIRED"]);

/** What was refused for how the deal stands is looked at again before it is sent again. */
function FailedStep({
  entry,
  step,
  deal,
  onOpen,
}: Omit<Props, "entries"> & {
  readonly entry: OutboxEntry;
  readonly step: Step | "propose";
}): JSX.Element {
  const session = useSession();
  const { client } = session;
  const { key, payload, error } = entry;
  const next = step === "propose" || !deal ? step : stepNow(step, deal);
  const open = () => {
    if (!next) return;
    const about = next === "propose" ? String(payload["conversation"]) : deal?.service;
    keepDraft(session, draftOf(next, about), formFields(payload, deal));
    client.outbox.discard(key);
    onOpen(next);
  };
  return (
    <>
      {next && <Button onClick={open}>{t("deal.open_form")}</Button>}
      <FailedActions command={key} canRetry={!STATE_CODES.has(error?.code ?? "")} />
    </>
  );
}

/** What a command holds, as it was typed. */
function formFields(
  payload: Readonly<Record<string, unknown>>,
  deal: DealView | undefined,
): Record<string, string> {
  const price = payload["price"] as Money | undefined;
  const given: Record<string, unknown> = {
    ...payload,
    lasts: payload["offer_ttl_s"],
    ...(price && { amount: typedPrice(price, deal), currency: price.currency }),
  };
  const fields: Record<string, string> = {};
  for (const name of FIELDS) {
    if (given[name] !== undefined) fields[name] = String(given[name]);
  }
  return fields;
}

const FIELDS = [
  "role",
  "title",
  "description",
  "amount",
  "currency",
  "lasts",
  "note",
  "reason",
  "score",
  "comment",
];
