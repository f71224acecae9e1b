import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Button } from "../../shared/components/Button.tsx";
import { Field } from "../../shared/components/Field.tsx";
import { useAction } from "../actions.ts";
import { fieldError } from "../failures.ts";
import type { Case, CaseDecision, Preview } from "../generated/api.ts";
import { t, wordFor } from "../messages.ts";
import { Trouble } from "../Trouble.tsx";
import { MeasureFields } from "./MeasureFields.tsx";
import {
  type Draft,
  decisionOf,
  type Fault,
  faultsOf,
  type Kind,
  kindsFor,
  newMeasure,
} from "./measures.ts";

// Those in which moderation may find something wrong.
const FIELDS = ["facts", "rule", "note"];

interface Props {
  readonly case: Case;
  readonly draft: Draft;
  readonly onDraft: (draft: Draft) => void;
  /** Whether the author has yet to look at what happened since the version of the draft. */
  readonly isStale: boolean;
  /** The decision can be made; the author has yet to see what it would tell. */
  readonly onPreview: (decision: CaseDecision, preview: Preview) => void;
  /** The case stands otherwise than it was shown. */
  readonly onRefused: () => void;
}

/** The form in which a case is decided: what was found, the measures, and their reasons. */
export function DecisionForm(props: Props): JSX.Element {
  const { case: one, draft, onDraft, isStale, onPreview, onRefused } = props;
  const [faults, setFaults] = useState<readonly Fault[]>([]);
  const action = useAction();
  const isViolation = draft.verdict === "violation";
  const set = (change: Partial<Draft>) => {
    const next = { ...draft, ...change };
    onDraft(next);
    if (faults.length) setFaults(faultsOf(next));
  };
  const submit = async () => {
    const found = faultsOf(draft);
    setFaults(found);
    if (found.length || isStale) return;
    const body = decisionOf(draft, Date.now());
    const { answer: preview } = await action.run("POST /cases/{case_id}/preview", {
      path: { case_id: one.id },
      body,
    });
    if (preview) onPreview(body, preview);
    else onRefused();
  };
  const fault = (place: Fault["place"]) =>
    faults.some((found) => found.place === place)
      ? t(`decision.missing_${place}` as "decision.missing_facts")
      : undefined;
  const { problem } = action;
  const wrong = (field: string) => fieldError(problem, field);
  const isSaidThere = FIELDS.some(wrong);
  return (
    <form
      class="decision"
      aria-labelledby="decision"
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <h2 id="decision" tabIndex={-1}>
        {t("decision.title")}
      </h2>
      <fieldset>
        <legend>{t("decision.verdict")}</legend>
        {(["violation", "no_violation"] as const).map((verdict) => (
          <label key={verdict} class="switch">
            <input
              type="radio"
              name="verdict"
              checked={draft.verdict === verdict}
              onChange={() => set({ verdict })}
            />{" "}
            {t(`decision.${verdict}`)}
          </label>
        ))}
        {fault("verdict") && <p class="field-error">{fault("verdict")}</p>}
      </fieldset>
      {isViolation && (
        <>
          <Measures case={one} draft={draft} faults={faults} onDraft={set} />
          {fault("measures") && <p class="field-error">{fault("measures")}</p>}
          <Field
            label={t("decision.facts")}
            hint={t("decision.facts_hint")}
            error={fault("facts") ?? wrong("facts")}
          >
            <textarea
              dir="auto"
              value={draft.facts}
              onInput={(event) => set({ facts: event.currentTarget.value })}
            />
          </Field>
          <Field
            label={t("decision.rule")}
            hint={t("decision.rule_hint")}
            error={fault("rule") ?? wrong("rule")}
          >
            <input
              dir="auto"
              value={draft.rule}
              onInput={(event) => set({ rule: event.currentTarget.value })}
            />
          </Field>
          <Field label={t("decision.ground")}>
            <select
              value={draft.ground}
              onChange={(event) => set({ ground: event.currentTarget.value as Draft["ground"] })}
            >
              {(["terms", "law"] as const).map((ground) => (
                <option key={ground} value={ground}>
                  {t(`decision.ground_${ground}`)}
                </option>
              ))}
            </select>
          </Field>
        </>
      )}
      <Field label={t("decision.note")} hint={t("decision.note_hint")} error={wrong("note")}>
        <textarea
          dir="auto"
          value={draft.note}
          onInput={(event) => set({ note: event.currentTarget.value })}
        />
      </Field>
      {!isSaidThere && <Trouble problem={problem} />}
      {isStale && <p class="field-error">{t("decision.look_first")}</p>}
      <div class="actions">
        <Button type="submit" kind="primary" busy={action.busy}>
          {t("decision.preview")}
        </Button>
      </div>
    </form>
  );
}

interface MeasuresProps {
  readonly case: Case;
  readonly draft: Draft;
  readonly faults: readonly Fault[];
  readonly onDraft: (change: Partial<Draft>) => void;
}

function Measures({ case: one, draft, faults, onDraft }: MeasuresProps): JSX.Element {
  const { measures } = draft;
  const [kind, setKind] = useState<Kind>("warning");
  return (
    <fieldset class="measures">
      <legend>{t("decision.measures")}</legend>
      <ul class="rows">
        {measures.map((measure) => (
          <MeasureFields
            key={measure.id}
            case={one}
            measure={measure}
            isWrong={faults.some(
              (found) => found.place === "length" && found.measure === measure.id,
            )}
            onChange={(next) =>
              onDraft({ measures: measures.map((old) => (old.id === next.id ? next : old)) })
            }
            onRemove={() => onDraft({ measures: measures.filter(({ id }) => id !== measure.id) })}
          />
        ))}
      </ul>
      <div class="add-measure">
        <Field label={t("decision.kind")}>
          <select value={kind} onChange={(event) => setKind(event.currentTarget.value as Kind)}>
            {kindsFor(one).map((name) => (
              <option key={name} value={name}>
                {wordFor("measure", name)}
              </option>
            ))}
          </select>
        </Field>
        <Button onClick={() => onDraft({ measures: [...measures, nextMeasure(kind, one, draft)] })}>
          {t("decision.add")}
        </Button>
      </div>
    </fieldset>
  );
}

/** A new measure for a draft, with a name that none of it has had. */
export function nextMeasure(
  kind: Kind,
  one: Case,
  { measures }: Draft,
  message = "",
): Draft["measures"][number] {
  const id = Math.max(0, ...measures.map((measure) => measure.id)) + 1;
  return newMeasure(kind, one, id, message);
}
