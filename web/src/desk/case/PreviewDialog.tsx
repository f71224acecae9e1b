import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Button } from "../../shared/components/Button.tsx";
import { Dialog } from "../../shared/components/Dialog.tsx";
import { Field } from "../../shared/components/Field.tsx";
import { LANGUAGES, type Language, language } from "../../shared/language.ts";
import { Statement } from "../../shared/statement/Statement.tsx";
import type { Action } from "../actions.ts";
import type { Preview } from "../generated/api.ts";
import { t } from "../messages.ts";
import { reasonsIn } from "../Parts.tsx";
import { Trouble } from "../Trouble.tsx";
import { names } from "../words.ts";

interface Props {
  readonly preview: Preview;
  readonly action: Action;
  readonly onDecide: (isNextWanted: boolean) => void;
  readonly onClose: () => void;
}

/** The statements that those concerned will read, before anything is decided. */
export function PreviewDialog({ preview, action, onDecide, onClose }: Props): JSX.Element {
  const [theirs, setTheirs] = useState<Language>(language.value);
  const { statements } = preview;
  return (
    <Dialog title={t("preview.title")} onClose={onClose}>
      {statements.length === 0 ? (
        <p>{t("preview.none")}</p>
      ) : (
        <>
          <Field label={t("preview.language")} hint={t("preview.language_hint")}>
            <select
              value={theirs}
              onChange={(event) => setTheirs(event.currentTarget.value as Language)}
            >
              {Object.entries(LANGUAGES).map(([code, name]) => (
                <option key={code} value={code} lang={code}>
                  {name}
                </option>
              ))}
            </select>
          </Field>
          {statements.map(({ recipients, statement }, place) => (
            // Statements have no names, and their order is that of the measures.
            <section key={`${place}`} class="preview">
              <h3>{t("preview.to", { users: names(recipients) })}</h3>
              <Statement heading="h4" reasons={reasonsIn(statement)} inLanguage={theirs} />
            </section>
          ))}
        </>
      )}
      <Trouble problem={action.problem} />
      <div class="actions">
        <Button kind="primary" busy={action.busy} onClick={() => onDecide(false)}>
          {t("preview.decide")}
        </Button>
        <Button busy={action.busy} onClick={() => onDecide(true)}>
          {t("preview.decide_next")}
        </Button>
        <Button onClick={onClose}>{t("preview.back")}</Button>
      </div>
    </Dialog>
  );
}
