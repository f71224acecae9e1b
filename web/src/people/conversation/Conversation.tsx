import type { ConversationStore, ConversationView, StoredRow } from "@parley/client";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Banner } from "../../shared/components/Banner.tsx";
import { Button } from "../../shared/components/Button.tsx";
import { Icon } from "../../shared/components/Icon.tsx";
import { moment } from "../../shared/format.ts";
import { addressOf, useGo } from "../../shared/router.ts";
import { useSnapshot } from "../../shared/stores.ts";
import { oneLine } from "../../shared/words.ts";
import { DealPanel } from "../deal/DealPanel.tsx";
import { t } from "../messages.ts";
import { useRemembered } from "../remembered.ts";
import { ReportDialog } from "../report/ReportDialog.tsx";
import { LockBanner } from "../sanction/SanctionBanner.tsx";
import { useSession } from "../session.ts";
import { Composer } from "./Composer.tsx";
import { ConversationDialog } from "./ConversationDialog.tsx";
import { wordsOf } from "./events.ts";
import { MessageDialog } from "./MessageDialog.tsx";
import { MessageList } from "./MessageList.tsx";

/** By its id, or by the person with whom it begins. */
type Props =
  | { readonly id: string; readonly peer?: undefined; readonly subject?: undefined }
  | { readonly id?: undefined; readonly peer: string; readonly subject: string | undefined };

/** How many messages are kept for reading without a network. */
const KEPT_ROWS = 200;

/** A conversation: who it is with, its deal, its words, and the place to write. */
export function Conversation({ id, peer, subject }: Props): JSX.Element {
  const { client } = useSession();
  const go = useGo();
  const store =
    id !== undefined
      ? client.conversation(id)
      : client.conversationWith(peer, subject === undefined ? {} : { subject });
  const view = useSnapshot(store);
  const shown = useShown(view);
  const [editing, setEditing] = useState<StoredRow>();
  const [chosen, setChosen] = useState<StoredRow>();
  const [menu, setMenu] = useState(false);
  const [reported, setReported] = useState<StoredRow | "conversation">();
  // As it is now: it may have been removed since.
  const changing = editing && (view.rows.find((row) => row.key === editing.key) ?? editing);
  const found = view.conversation;
  useEffect(() => {
    // Once it has begun it has an address of its own.
    if (id === undefined && found !== undefined && view.rows.some((row) => row.state === "stored"))
      go(["c", found], { replace: true });
  }, [id, found, view.rows, go]);
  return (
    <section
      class="conversation"
      aria-label={t("conversation.label", { peer: oneLine(shown.peer ?? "") })}
    >
      <Head view={shown} onMenu={() => setMenu(true)} />
      <LockBanner conversation={found} />
      <Trouble store={store} view={view} isRemembered={shown !== view} />
      {/* What is not there has no deal, and nothing can be said in it. */}
      {view.error?.name !== "NotFound" && (
        <>
          <DealPanel conversation={store} view={shown} />
          <MessageList store={store} view={shown} onChoose={setChosen} />
          <p class="typing" role="status">
            {shown.typing ? t("typing.now", { peer: oneLine(shown.peer ?? "") }) : ""}
          </p>
          <Composer
            store={store}
            view={shown}
            editing={changing?.state === "stored" ? changing : undefined}
            onEdited={() => setEditing(undefined)}
          />
        </>
      )}
      {chosen && (
        <MessageDialog
          store={store}
          row={chosen}
          onEdit={() => {
            setChosen(undefined);
            setEditing(chosen);
          }}
          onReport={() => {
            setChosen(undefined);
            setReported(chosen);
          }}
          onClose={() => setChosen(undefined)}
        />
      )}
      {menu && (
        <ConversationDialog
          store={store}
          view={shown}
          onReport={() => {
            setMenu(false);
            setReported("conversation");
          }}
          onClose={() => setMenu(false)}
        />
      )}
      {reported === "conversation" && (
        <ReportDialog
          title={t("report.conversation_title")}
          about={`conversation ${found}`}
          report={(options) => store.report(options)}
          onClose={() => setReported(undefined)}
        />
      )}
      {reported && reported !== "conversation" && (
        <ReportDialog
          title={t("report.message_title")}
          about={`message ${reported.message.message}`}
          words={wordsOf(reported.message)}
          report={(options) => store.reportMessage(reported.message.message, options)}
          onClose={() => setReported(undefined)}
        />
      )}
    </section>
  );
}

/** The view, or what was kept of it until the server has told. */
function useShown(view: ConversationView): ConversationView {
  const { conversation, loading, rows } = view;
  const stored = rows.filter((row) => row.state === "stored");
  const isKnown = loading === "ready" && stored.length > 0;
  // A visit to come knows its rows by their messages alone, also those that were sent in this one.
  const rowsToKeep = stored.slice(-KEPT_ROWS).map((row) => ({ ...row, key: row.message.message }));
  const present = isKnown ? { ...view, rows: rowsToKeep } : undefined;
  const newest = stored.at(-1);
  const kept = useRemembered(
    conversation && `conversation ${conversation}`,
    present,
    // Not with each key that the other types.
    `${newest?.key} ${newest?.message.version} ${stored.length} ${view.deal?.version}`,
  );
  if (loading === "ready" || !kept || stored.length > 1) return view;
  const { rows: before, ...facts } = kept;
  return {
    ...facts,
    rows: [...before, ...rows.filter((row) => row.state !== "stored")],
    hasOlder: false,
    typing: false,
    presence: undefined,
    loading,
    error: view.error,
  };
}

interface HeadProps {
  readonly view: ConversationView;
  readonly onMenu: () => void;
}

function Head({ view, onMenu }: HeadProps): JSX.Element {
  const { client } = useSession();
  const { peer = "", subject } = view;
  // Nobody tells of it while there is no connection.
  const presence = useSnapshot(client.connection).state === "live" ? view.presence : undefined;
  return (
    <header class="conversation-head" part="head">
      <a class="back" href={addressOf()}>
        <Icon name="back" /> {t("conversation.back")}
      </a>
      <div class="conversation-names">
        <h1>
          <bdi>{oneLine(peer)}</bdi>
        </h1>
        {subject && (
          <p class="muted">
            <bdi>{oneLine(subject)}</bdi>
          </p>
        )}
      </div>
      {presence && (
        <p class="muted presence">
          {presence.online
            ? t("presence.online")
            : presence.last_seen
              ? t("presence.last_seen", { when: moment(presence.last_seen) })
              : t("presence.offline")}
        </p>
      )}
      <Button
        kind="quiet"
        class="more"
        aria-label={t("conversation.menu")}
        aria-haspopup="dialog"
        onClick={onMenu}
      >
        <Icon name="more" />
      </Button>
    </header>
  );
}

interface TroubleProps {
  readonly store: ConversationStore;
  readonly view: ConversationView;
  readonly isRemembered: boolean;
}

/** What does not work at the moment. */
function Trouble({ store, view, isRemembered }: TroubleProps): JSX.Element | null {
  const { client } = useSession();
  const { state } = useSnapshot(client.connection);
  // What keeps everything away is said above.
  if (view.loading === "failed" && state === "live") {
    return (
      <Banner
        kind="error"
        actions={<Button onClick={() => store.reload()}>{t("action.again")}</Button>}
      >
        {view.error?.name === "NotFound" ? t("conversation.not_found") : t("conversation.failed")}
      </Banner>
    );
  }
  return isRemembered ? <Banner>{t("conversation.remembered")}</Banner> : null;
}
