import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Button } from "../shared/components/Button.tsx";
import { Dialog } from "../shared/components/Dialog.tsx";
import { Field } from "../shared/components/Field.tsx";
import { useGo } from "../shared/router.ts";
import { t } from "./messages.ts";
import { useSession } from "./session.ts";

const LONGEST_NAME = 128;
const LONGEST_SUBJECT = 200;

/** The form with which a conversation begins: with whom, and about what. */
export function NewConversation({ onClose }: { readonly onClose: () => void }): JSX.Element {
  const { user } = useSession();
  const go = useGo();
  const [peer, setPeer] = useState("");
  const [subject, setSubject] = useState("");
  const [error, setError] = useState<string>();
  return (
    <Dialog title={t("new.title")} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const name = peer.trim();
          if (!name || [...name].length > LONGEST_NAME) setError(t("new.no_name"));
          else if (name.normalize() === user) setError(t("new.yourself"));
          else {
            onClose();
            const about = subject.trim();
            go(about ? ["with", name, about] : ["with", name]);
          }
        }}
      >
        <Field label={t("new.peer")} error={error}>
          <input
            value={peer}
            autocomplete="off"
            autocapitalize="none"
            onInput={(event) => setPeer(event.currentTarget.value)}
          />
        </Field>
        <Field label={t("new.subject")} hint={t("new.subject_hint")}>
          <input
            value={subject}
            maxLength={LONGEST_SUBJECT}
            onInput={(event) => setSubject(event.currentTarget.value)}
          />
        </Field>
        <div class="actions">
          <Button type="submit" kind="primary">
            {t("new.begin")}
          </Button>
          <Button onClick={onClose}>{t("action.cancel")}</Button>
        </div>
      </form>
    </Dialog>
  );
}
