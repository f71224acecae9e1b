import type { JSX } from "preact";
import { Button } from "../shared/components/Button.tsx";
import { Dialog } from "../shared/components/Dialog.tsx";
import { t } from "./messages.ts";
import { activeGroups, areShortcutsOn, turnShortcuts } from "./shortcuts.ts";

/** The short cuts of what is shown. */
export function ShortcutHelp({ onClose }: { readonly onClose: () => void }): JSX.Element {
  const isOn = areShortcutsOn.value;
  return (
    <Dialog title={t("shortcuts.title")} onClose={onClose}>
      <p class="muted">{t(isOn ? "shortcuts.on" : "shortcuts.off")}</p>
      {activeGroups()
        .filter(({ shortcuts }) => shortcuts.length)
        .map(({ title, shortcuts }) => (
          <section key={title}>
            <h3>{title}</h3>
            <dl class="shortcuts">
              {shortcuts.map(({ keys, label }) => (
                <div key={keys}>
                  <dt>
                    {keys.split(" ").map((key) => (
                      <kbd key={key}>{key}</kbd>
                    ))}
                  </dt>
                  <dd>{label}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      <div class="actions">
        <Button kind="primary" onClick={onClose}>
          {t("app.close")}
        </Button>
        <Button onClick={() => turnShortcuts(!isOn)}>
          {t(isOn ? "shortcuts.turn_off" : "shortcuts.turn_on")}
        </Button>
      </div>
    </Dialog>
  );
}
