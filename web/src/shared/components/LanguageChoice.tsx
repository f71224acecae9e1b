import type { JSX } from "preact";
import { chooseLanguage, LANGUAGES, type Language, language } from "../language.ts";
import { Field } from "./Field.tsx";

/** The choice of the page's language. */
export function LanguageChoice({ label }: { readonly label: string }): JSX.Element {
  return (
    <Field label={label}>
      <select
        value={language.value}
        onChange={(event) => chooseLanguage(event.currentTarget.value as Language)}
      >
        {Object.entries(LANGUAGES).map(([code, name]) => (
          <option key={code} value={code} lang={code}>
            {name}
          </option>
        ))}
      </select>
    </Field>
  );
}
