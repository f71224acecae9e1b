import type { JSX } from "preact";
import { Button } from "../../shared/components/Button.tsx";
import { Field } from "../../shared/components/Field.tsx";
import { oneLine } from "../../shared/words.ts";
import type { Case } from "../generated/api.ts";
import { t, wordFor } from "../messages.ts";
import { type DraftMeasure, hasEnd, PERSONAL, UNITS, type Unit } from "./measures.ts";

interface Props {
  readonly case: Case;
  readonly measure: DraftMeasure;
  /** Whether its length is none. */
  readonly isWrong: boolean;
  readonly onChange: (measure: DraftMeasure) => void;
  readonly onRemove: () => void;
}

/** The fields of one measure: whom it concerns, and for how long. */
export function MeasureFields({
  case: one,
  measure,
  isWrong,
  onChange,
  onRemove,
}: Props): JSX.Element {
  const kind = wordFor("measure", measure.kind);
  const isPersonal = PERSONAL.some((name) => name === measure.kind);
  // Of a message that shows words of both, those of one alone can be removed.
  const isShared = measure.kind === "message_removed" && one.accused.length > 1;
  return (
    <li class="measure">
      <strong>{kind}</strong>
      {measure.message && <span class="muted code">{oneLine(measure.message)}</span>}
      {(isPersonal || isShared) && (
        <Field label={t(isPersonal ? "decision.user" : "decision.words_of")}>
          <select
            value={measure.user}
            onChange={(event) => onChange({ ...measure, user: event.currentTarget.value })}
          >
            {isShared && <option value="">{t("decision.words_of_reported")}</option>}
            {(isPersonal ? one.participants : one.accused).map((user) => (
              <option key={user} value={user}>
                {oneLine(user)}
              </option>
            ))}
          </select>
        </Field>
      )}
      {hasEnd(measure.kind) && (
        <div class="length">
          <Field
            label={t("decision.length")}
            error={isWrong ? t("decision.missing_length") : undefined}
          >
            <input
              inputMode="numeric"
              value={measure.length}
              onInput={(event) => onChange({ ...measure, length: event.currentTarget.value })}
            />
          </Field>
          <Field label={t("decision.unit")}>
            <select
              value={measure.unit}
              onChange={(event) =>
                onChange({ ...measure, unit: event.currentTarget.value as Unit })
              }
            >
              {UNITS.map((unit) => (
                <option key={unit} value={unit}>
                  {t(`decision.${unit}`)}
                </option>
              ))}
            </select>
          </Field>
        </div>
      )}
      <Button kind="quiet" onClick={onRemove}>
        {t("decision.drop")}
        <span class="unseen">: {kind}</span>
      </Button>
    </li>
  );
}
