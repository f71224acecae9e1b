import { cloneElement, type JSX, type VNode } from "preact";
import { useId } from "preact/hooks";

interface Props {
  readonly label: string;
  readonly hint?: string | undefined;
  /** What is wrong with what was typed, in words. */
  readonly error?: string | undefined;
  /** The one input, select or textarea. */
  readonly children: VNode<object>;
}

/** A field of a form with its label, hint and error, which belong together for screen readers too. */
export function Field({ label, hint, error, children }: Props): JSX.Element {
  const id = useId();
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ");
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {cloneElement(children, {
        id,
        "aria-describedby": described || undefined,
        "aria-invalid": error ? "true" : undefined,
      })}
      {hint && (
        <p id={`${id}-hint`} class="hint">
          {hint}
        </p>
      )}
      {error && (
        <p id={`${id}-error`} class="field-error">
          {error}
        </p>
      )}
    </div>
  );
}
