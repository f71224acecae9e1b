/** Fields of the forms of deals. */

import type { JSX } from "preact";
import { useId } from "preact/hooks";
import { Field } from "../../../shared/components/Field.tsx";
import { money } from "../../../shared/format.ts";
import { language } from "../../../shared/language.ts";
import { t } from "../../messages.ts";
import { readAmount, writtenAmount } from "../amounts.ts";

interface AmountProps {
  readonly value: string;
  readonly currency: string;
  readonly exponent: number;
  readonly error: string | undefined;
  readonly onType: (typed: string) => void;
}

/** An amount, as people write it in the language of the page; under it, as it is understood. */
export function AmountField(props: AmountProps): JSX.Element {
  const { value, currency, exponent, error, onType } = props;
  const read = readAmount(value, currency, exponent, language.value);
  const example = writtenAmount(123_450, exponent, language.value);
  return (
    <Field
      label={t("deal.amount", { currency })}
      hint={
        "minor" in read
          ? t("deal.amount_is", {
              amount: money({ amount_minor: read.minor, currency }, exponent),
            })
          : t("deal.amount_hint", { example })
      }
      error={error}
    >
      <input
        value={value}
        inputMode="decimal"
        autocomplete="off"
        onInput={(event) => onType(event.currentTarget.value)}
      />
    </Field>
  );
}

interface TextProps {
  readonly label: string;
  readonly value: string;
  readonly error: string | undefined;
  readonly onType: (typed: string) => void;
}

/** Words to the other. */
export function TextField({ label, value, error, onType }: TextProps): JSX.Element {
  return (
    <Field label={label} error={error}>
      <textarea
        rows={3}
        dir="auto"
        value={value}
        onInput={(event) => onType(event.currentTarget.value)}
      />
    </Field>
  );
}

interface ChoiceProps {
  readonly label: string;
  readonly value: string;
  readonly options: readonly (readonly [value: string, words: string])[];
  readonly error?: string | undefined;
  readonly onChoose: (chosen: string) => void;
}

/** One of a few. */
export function Choice({ label, value, options, error, onChoose }: ChoiceProps): JSX.Element {
  const id = useId();
  return (
    <fieldset class="choice" aria-describedby={error && `${id}-error`}>
      <legend>{label}</legend>
      {options.map(([one, words]) => (
        <label key={one}>
          <input
            type="radio"
            name={id}
            value={one}
            checked={one === value}
            aria-invalid={error ? "true" : undefined}
            onChange={() => onChoose(one)}
          />{" "}
          {words}
        </label>
      ))}
      {error && (
        <p id={`${id}-error`} class="field-error">
          {error}
        </p>
      )}
    </fieldset>
  );
}
