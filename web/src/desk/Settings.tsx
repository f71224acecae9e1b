import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Button } from "../shared/components/Button.tsx";
import { LanguageChoice } from "../shared/components/LanguageChoice.tsx";
import { ThemeChoice } from "../shared/components/ThemeChoice.tsx";
import { dayAndTime } from "../shared/format.ts";
import { type Failure, failureOf } from "./api.ts";
import { t } from "./messages.ts";
import { session, signOut } from "./session.ts";
import { areShortcutsOn, turnShortcuts } from "./shortcuts.ts";
import { Trouble } from "./Trouble.tsx";

/** Settings of this browser, and the end of the session. */
export function Settings(): JSX.Element | null {
  const [problem, setProblem] = useState<Failure>();
  const { value } = session;
  if (value.state !== "signed in" && value.state !== "ended") return null;
  const { user, expire_time } = value.session;
  const leave = () => {
    signOut().catch((error: unknown) => setProblem(failureOf(error)));
  };
  return (
    <section class="page">
      <h1>{t("nav.settings")}</h1>
      <p>{t("settings.signed_in_as", { user, until: dayAndTime(expire_time) })}</p>
      <LanguageChoice label={t("settings.language")} />
      <ThemeChoice
        label={t("settings.theme")}
        names={{
          system: t("settings.theme_system"),
          light: t("settings.theme_light"),
          dark: t("settings.theme_dark"),
        }}
      />
      <p>
        <label>
          <input
            type="checkbox"
            checked={areShortcutsOn.value}
            onChange={(event) => turnShortcuts(event.currentTarget.checked)}
          />{" "}
          {t("settings.shortcuts")}
        </label>
      </p>
      <Trouble problem={problem} again={leave} />
      <div class="actions">
        <Button onClick={leave}>{t("signin.out")}</Button>
      </div>
    </section>
  );
}
