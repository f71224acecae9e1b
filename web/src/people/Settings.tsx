import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Button } from "../shared/components/Button.tsx";
import { LanguageChoice } from "../shared/components/LanguageChoice.tsx";
import { ThemeChoice } from "../shared/components/ThemeChoice.tsx";
import { Blocks } from "./block/Blocks.tsx";
import { t } from "./messages.ts";
import { allowNotifications, notifications, stopNotifications } from "./notifications.ts";
import { useSession } from "./session.ts";

/** Settings of this browser. */
export function Settings(): JSX.Element {
  const { user, leave } = useSession();
  return (
    <section class="page">
      <h1>{t("settings.title")}</h1>
      <p>{t("settings.signed_in_as", { user })}</p>
      <LanguageChoice label={t("settings.language")} />
      <ThemeChoice
        label={t("settings.theme")}
        names={{
          system: t("settings.theme_system"),
          light: t("settings.theme_light"),
          dark: t("settings.theme_dark"),
        }}
      />
      <Notifications />
      <Blocks />
      <h2>{t("signin.out")}</h2>
      <p class="muted">{t("signin.out_hint")}</p>
      <div class="actions">
        <Button onClick={() => void leave()}>{t("signin.out")}</Button>
      </div>
    </section>
  );
}

/** Whether this browser tells of messages; it is asked for permission only when somebody wants that. */
function Notifications(): JSX.Element {
  const [busy, setBusy] = useState(false);
  const state = notifications.value;
  return (
    <>
      <h2 id="notifications">{t("notify.title")}</h2>
      <p role="status">{t(`notify.${state}`)}</p>
      <div class="actions">
        {state === "off" && (
          <Button
            busy={busy}
            onClick={() => {
              setBusy(true);
              void allowNotifications().finally(() => setBusy(false));
            }}
          >
            {t("notify.turn_on")}
          </Button>
        )}
        {state === "on" && <Button onClick={stopNotifications}>{t("notify.turn_off")}</Button>}
      </div>
    </>
  );
}
