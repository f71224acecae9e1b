import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Button } from "../../shared/components/Button.tsx";
import { Dialog } from "../../shared/components/Dialog.tsx";
import { Field } from "../../shared/components/Field.tsx";
import { Words } from "../../shared/components/Words.tsx";
import { useAction } from "../actions.ts";
import { News, OwnWords } from "../case/News.tsx";
import { newsFor } from "../case/news.ts";
import type { AuditEntry, Dispute, DisputeDecision } from "../generated/api.ts";
import { t, wordFor } from "../messages.ts";
import { say } from "../notice.ts";
import { Trouble } from "../Trouble.tsx";
import { useUser } from "../user.ts";
import { amount, names, splitWords } from "../words.ts";
import { readSplit } from "./split.ts";

const OUTCOMES = ["resume", "completed", "cancelled", "split"] as const;

type Outcome = (typeof OUTCOMES)[number];

interface Draft {
  readonly version: number;
  readonly outcome: Outcome | "";
  readonly provider: string;
  readonly client: string;
  readonly facts: string;
  readonly rule: string;
}

const EMPTY: Omit<Draft, "version"> = {
  outcome: "",
  provider: "",
  client: "",
  facts: "",
  rule: "",
};

interface Props {
  readonly dispute: Dispute;
  readonly steps: readonly AuditEntry[];
  readonly onChanged: () => void;
}

/** The form in which a dispute is decided: what becomes of the deal, and what both are told. */
export function DisputeForm({ dispute: one, steps, onChanged }: Props): JSX.Element {
  const user = useUser();
  const action = useAction();
  const { version, price } = one;
  const [draft, setDraft] = useState<Draft>({ ...EMPTY, version });
  const [isTried, setTried] = useState(false);
  const [decision, setDecision] = useState<DisputeDecision>();
  const isWritten = Boolean(draft.outcome || draft.facts || draft.rule);
  const seen = isWritten ? draft.version : version;
  const news = isWritten ? newsFor(steps, seen, user) : [];
  const mayDecide = one.allowed_actions.includes("decide");
  const set = (change: Partial<Draft>) => setDraft({ ...draft, ...change, version: seen });
  const split = price && readSplit(draft.provider, draft.client, price);
  const missing = {
    outcome: draft.outcome ? undefined : t("dispute.missing_outcome"),
    split:
      draft.outcome === "split" && !split
        ? t("dispute.missing_split", { price: price ? amount(price) : "" })
        : undefined,
    facts: draft.facts.trim() ? undefined : t("decision.missing_facts"),
    rule: draft.rule.trim() ? undefined : t("decision.missing_rule"),
  };
  const wrong = isTried ? missing : undefined;
  const submit = () => {
    setTried(true);
    if (Object.values(missing).some(Boolean) || news.length || !draft.outcome) return;
    action.forget();
    const { outcome, facts, rule } = draft;
    // One's own steps since are no news.
    setDecision({ version, outcome, facts, rule, ...(outcome === "split" && split && { split }) });
  };
  const decide = async () => {
    if (!decision) return;
    const { answer, problem } = await action.run("POST /disputes/{dispute_id}/decision", {
      path: { dispute_id: one.id },
      body: decision,
    });
    if (answer) {
      setDraft({ ...EMPTY, version: answer.dispute.version });
      say(t("dispute.done"));
    }
    if (answer || (problem?.name === "Refusal" && !problem.isPassing)) setDecision(undefined);
    onChanged();
  };
  return (
    <>
      <h2 id="decision" tabIndex={-1}>
        {t("decision.title")}
      </h2>
      {news.length > 0 && (
        <News steps={news} onSeen={mayDecide ? () => setDraft({ ...draft, version }) : undefined} />
      )}
      {mayDecide ? (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            submit();
          }}
        >
          <fieldset>
            <legend>{t("dispute.outcome")}</legend>
            {OUTCOMES.map((outcome) => (
              <label key={outcome} class="switch">
                <input
                  type="radio"
                  name="outcome"
                  checked={draft.outcome === outcome}
                  onChange={() => set({ outcome })}
                />{" "}
                {wordFor("outcome", outcome)}
              </label>
            ))}
            {wrong?.outcome && <p class="field-error">{wrong.outcome}</p>}
          </fieldset>
          {draft.outcome === "split" && price && (
            <>
              <Field
                label={t("dispute.to_provider", { user: one.provider })}
                hint={t("dispute.split_hint", { price: amount(price) })}
                error={wrong?.split}
              >
                <input
                  inputMode="decimal"
                  value={draft.provider}
                  onInput={(event) => set({ provider: event.currentTarget.value })}
                />
              </Field>
              <Field label={t("dispute.to_client", { user: one.client })}>
                <input
                  inputMode="decimal"
                  value={draft.client}
                  onInput={(event) => set({ client: event.currentTarget.value })}
                />
              </Field>
            </>
          )}
          <Field label={t("decision.facts")} hint={t("dispute.facts_hint")} error={wrong?.facts}>
            <textarea
              dir="auto"
              value={draft.facts}
              onInput={(event) => set({ facts: event.currentTarget.value })}
            />
          </Field>
          <Field label={t("decision.rule")} hint={t("decision.rule_hint")} error={wrong?.rule}>
            <input
              dir="auto"
              value={draft.rule}
              onInput={(event) => set({ rule: event.currentTarget.value })}
            />
          </Field>
          {!decision && <Trouble problem={action.problem} />}
          {news.length > 0 && <p class="field-error">{t("decision.look_first")}</p>}
          <div class="actions">
            <Button type="submit" kind="primary">
              {t("decision.preview")}
            </Button>
          </div>
        </form>
      ) : (
        <>
          <p role="status">{t("dispute.not_yours")}</p>
          <Trouble problem={action.problem} />
          <OwnWords texts={[draft.facts, draft.rule]} />
        </>
      )}
      {decision && (
        <Dialog title={t("preview.title")} onClose={() => setDecision(undefined)}>
          <h3>{t("preview.to", { users: names([one.provider, one.client]) })}</h3>
          <p>
            <strong>{wordFor("outcome", decision.outcome)}</strong>{" "}
            {decision.split &&
              price &&
              t("timeline.offer", splitWords(decision.split, price.currency))}
          </p>
          <p class="quoted">
            <Words text={decision.facts} />
          </p>
          <p>
            <Words text={decision.rule} />
          </p>
          <Trouble problem={action.problem} />
          <div class="actions">
            <Button kind="primary" busy={action.busy} onClick={() => void decide()}>
              {t("preview.decide")}
            </Button>
            <Button onClick={() => setDecision(undefined)}>{t("preview.back")}</Button>
          </div>
        </Dialog>
      )}
    </>
  );
}
