import type { JSX } from "preact";
import { applyTheme, THEMES, type Theme, theme } from "../theme.ts";
import { Field } from "./Field.tsx";

interface Props {
  readonly label: string;
  /** The name of each theme. */
  readonly names: Readonly<Record<Theme, string>>;
}

/** The choice of light or dark. */
export function ThemeChoice({ label, names }: Props): JSX.Element {
  return (
    <Field label={label}>
      <select
        value={theme.value}
        onChange={(event) => applyTheme(event.currentTarget.value as Theme)}
      >
        {THEMES.map((one) => (
          <option key={one} value={one}>
            {names[one]}
          </option>
        ))}
      </select>
    </Field>
  );
}
