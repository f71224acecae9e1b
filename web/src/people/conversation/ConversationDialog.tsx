import type { ConversationStore, ConversationView } from "@parley/client";
import type { JSX } from "preact";
import { Button } from "../../shared/components/Button.tsx";
import { Dialog } from "../../shared/components/Dialog.tsx";
import { useSnapshot } from "../../shared/stores.ts";
import { BlockChoice } from "../block/BlockChoice.tsx";
import { t } from "../messages.ts";

interface Props {
  readonly store: ConversationStore;
  readonly view: ConversationView;
  readonly onReport: () => void;
  readonly onClose: () => void;
}

/** The menu of a conversation: to report it, and to block the other. */
export function ConversationDialog({ store, view, onReport, onClose }: Props): JSX.Element {
  const { blocked } = useSnapshot(store);
  const { peer, conversation } = view;
  return (
    <Dialog title={t("conversation.dialog")} onClose={onClose}>
      {conversation && (
        <section>
          <h3>{t("report.conversation_title")}</h3>
          <p class="muted">{t("report.conversation_hint")}</p>
          <div class="actions">
            <Button onClick={onReport}>{t("report.conversation")}</Button>
          </div>
        </section>
      )}
      {peer && <BlockChoice peer={peer} isBlocked={blocked} />}
      <div class="actions">
        <Button onClick={onClose}>{t("action.close")}</Button>
      </div>
    </Dialog>
  );
}
