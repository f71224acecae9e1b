import type { JSX } from "preact";
import { Field } from "../shared/components/Field.tsx";
import { chooseLanguage, LANGUAGES, type Language, language } from "../shared/language.ts";
import { t } from "./messages.ts";

/** The choice of the page's language. */
export function LanguageChoice(): JSX.Element {
  return (
    <Field label={t("settings.language")}>
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
