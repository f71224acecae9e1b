import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Field } from "../shared/components/Field.tsx";
import { query } from "../shared/router.ts";
import { setFilter } from "./filters.tsx";

interface Props {
  readonly name: string;
  readonly label: string;
  readonly hint?: string;
}

/** A filter that is typed: it holds when Enter is pressed, or when the field is left. */
export function FilterText({ name, label, hint }: Props): JSX.Element {
  const set = query.value[name] ?? "";
  const [typed, setTyped] = useState(set);
  // Another address, as by going back.
  useEffect(() => setTyped(set), [set]);
  return (
    <Field label={label} hint={hint}>
      <input
        type="search"
        dir="auto"
        autocomplete="off"
        spellcheck={false}
        value={typed}
        onInput={(event) => setTyped(event.currentTarget.value)}
        onChange={(event) => setFilter(name, event.currentTarget.value.trim())}
      />
    </Field>
  );
}
