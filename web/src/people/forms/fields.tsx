/** Fields of forms. */

import type { JSX, Ref } from "preact";
import { useId } from "preact/hooks";
import { Field } from "../../shared/components/Field.tsx";

interface TypedProps<Input> {
  readonly label: string;
  readonly hint?: string | undefined;
  readonly error?: string | undefined;
  readonly value: string;
  readonly inputRef?: Ref<Input>;
  readonly onType: (typed: string) => void;
}

/** An amount, as people write it in the language of the page. */
export function AmountField({
  value,
  inputRef,
  onType,
  ...field
}: TypedProps<HTMLInputElement>): JSX.Element {
  return (
    <Field {...field}>
      <input
        {...(inputRef && { ref: inputRef })}
        value={value}
        inputMode="decimal"
        autocomplete="off"
        onInput={(event) => onType(event.currentTarget.value)}
      />
    </Field>
  );
}

interface TextProps extends TypedProps<HTMLTextAreaElement> {
  readonly rows?: number;
}

/** Words to others. */
export function TextField({ rows = 3, value, inputRef, onType, ...field }: TextProps): JSX.Element {
  return (
    <Field {...field}>
      <textarea
        {...(inputRef && { ref: inputRef })}
        rows={rows}
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
