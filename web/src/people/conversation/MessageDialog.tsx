import type { ConversationStore, StoredRow } from "@parley/client";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Button } from "../../shared/components/Button.tsx";
import { Dialog } from "../../shared/components/Dialog.tsx";
import { Words } from "../../shared/components/Words.tsx";
import { t } from "../messages.ts";
import { useSession } from "../session.ts";
import { wordsOf } from "./events.ts";

interface Props {
  readonly store: ConversationStore;
  readonly row: StoredRow;
  readonly onEdit: () => void;
  readonly onReport: () => void;
  readonly onClose: () => void;
}

/** What can be done with a message. */
export function MessageDialog({ store, row, onEdit, onReport, onClose }: Props): JSX.Element {
  const { user } = useSession();
  const { message, sender, event } = row.message;
  const text = wordsOf(row.message);
  const isOwn = sender === user;
  const [copied, setCopied] = useState<"copied" | "copy_failed">();
  return (
    <Dialog title={t("message.dialog")} onClose={onClose}>
      <blockquote class="bubble quoted">
        <Words text={text} />
      </blockquote>
      <div class="actions">
        {isOwn && !event && <Button onClick={onEdit}>{t("message.edit")}</Button>}
        {!isOwn && <Button onClick={onReport}>{t("report.verb")}</Button>}
        {isOwn && !event && (
          <Button
            kind="danger"
            onClick={() => {
              // The message shows that it waits, or why it was refused.
              store.delete(message).catch(() => {});
              onClose();
            }}
          >
            {t("message.delete")}
          </Button>
        )}
        <Button
          onClick={() => {
            copy(text).then(
              () => setCopied("copied"),
              () => setCopied("copy_failed"),
            );
          }}
        >
          {t("message.copy")}
        </Button>
        <Button onClick={onClose}>{t("action.close")}</Button>
      </div>
      <p role="status">{copied && t(`message.${copied}`)}</p>
    </Dialog>
  );
}

/** Copy a text. Rejects where the browser does not allow it, or has no clipboard: over `http:` it has none. */
async function copy(text: string): Promise<void> {
  await navigator.clipboard.writeText(text);
}
