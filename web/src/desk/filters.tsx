/** Filters of lists, which are in the address: so they are kept, can be shared, and survive a reload. */

import type { JSX } from "preact";
import { Field } from "../shared/components/Field.tsx";
import { go, path, query } from "../shared/router.ts";

/** Give one of the words that a filter may have, or none. */
export function filterOf<Word extends string>(
  name: string,
  words: readonly Word[],
): Word | undefined {
  return words.find((word) => word === query.value[name]);
}

/** Set a filter of the list that is shown; the empty word takes it away. */
export function setFilter(name: string, value: string): void {
  go(path.value, { replace: true, query: { ...query.value, [name]: value } });
}

interface ChoiceProps {
  readonly name: string;
  readonly label: string;
  /** Each with its word; the empty one is that of no filter. */
  readonly options: readonly (readonly [value: string, words: string])[];
}

/** A filter with a few words to choose from. */
export function FilterChoice({ name, label, options }: ChoiceProps): JSX.Element {
  return (
    <Field label={label}>
      <select
        value={query.value[name] ?? ""}
        onChange={(event) => setFilter(name, event.currentTarget.value)}
      >
        {options.map(([value, words]) => (
          <option key={value} value={value}>
            {words}
          </option>
        ))}
      </select>
    </Field>
  );
}

/** A filter that is on or off. */
export function FilterSwitch({
  name,
  label,
}: {
  readonly name: string;
  readonly label: string;
}): JSX.Element {
  return (
    <label class="switch">
      <input
        type="checkbox"
        checked={query.value[name] === "1"}
        onChange={(event) => setFilter(name, event.currentTarget.checked ? "1" : "")}
      />{" "}
      {label}
    </label>
  );
}
