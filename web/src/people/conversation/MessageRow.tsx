import type { ConversationView, DealView, PendingRow, Row, StoredRow } from "@parley/client";
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { Button } from "../../shared/components/Button.tsx";
import { Icon } from "../../shared/components/Icon.tsx";
import { Words } from "../../shared/components/Words.tsx";
import { timeOfDay } from "../../shared/format.ts";
import { addressOf } from "../../shared/router.ts";
import { oneLine } from "../../shared/words.ts";
import { t } from "../messages.ts";
import { useSession } from "../session.ts";
import { PendingChanges } from "./changes.tsx";
import { eventWords } from "./events.ts";
import { FailedActions } from "./FailedActions.tsx";
import { failureWords } from "./failures.ts";

interface Props {
  readonly row: Row;
  readonly view: ConversationView;
  readonly onChoose: (row: StoredRow) => void;
}

/** A row of a conversation: somebody's words, what happened to the deal, or words on their way. */
export function MessageRow({ row, view, onChoose }: Props): JSX.Element {
  const { peer, deal } = view;
  const mark = row.state === "stored" ? markOf(row.message.seq, view) : undefined;
  // There may be thousands of them: one that stands as it did is not rendered anew.
  return useMemo(() => {
    if (row.state !== "stored") return <Pending row={row} />;
    if (row.message.event)
      return <Happening row={row} peer={peer} deal={deal} onChoose={onChoose} />;
    return <Stored row={row} mark={mark} onChoose={onChoose} />;
  }, [row, mark, row.state === "stored" && row.message.event && deal, peer, onChoose]);
}

interface StoredProps {
  readonly row: StoredRow;
  readonly mark: MarkState | undefined;
  readonly onChoose: (row: StoredRow) => void;
}

function Stored({ row, mark, onChoose }: StoredProps): JSX.Element {
  const { user } = useSession();
  const { message } = row;
  const { sender, text, tombstone, created_at, edited_at, seq } = message;
  const isOwn = sender === user;
  return (
    <li class={`row ${isOwn ? "own" : "other"}`} part={`row ${isOwn ? "own" : "other"}`}>
      <span class="unseen">
        {isOwn ? t("message.you") : t("message.from", { peer: oneLine(sender) })}
      </span>
      {tombstone ? (
        <p class="tombstone">
          {t(tombstone === "deleted" ? "message.deleted" : "message.removed")}
        </p>
      ) : (
        <p class="bubble" part="bubble">
          <Words text={text ?? ""} />
        </p>
      )}
      <PendingChanges message={message.message} />
      <p class="row-end" data-seq={seq}>
        <time dateTime={created_at}>{timeOfDay(created_at)}</time>
        {edited_at && !tombstone && <span>{t("message.edited")}</span>}
        {isOwn && !tombstone && mark && <Mark state={mark} />}
        {!tombstone && <More time={timeOfDay(created_at)} onClick={() => onChoose(row)} />}
        {tombstone === "removed" && isOwn && (
          <a href={addressOf("standing")}>{t("sanction.why")}</a>
        )}
      </p>
    </li>
  );
}

interface HappeningProps {
  readonly row: StoredRow;
  readonly peer: string | undefined;
  readonly deal: DealView | undefined;
  readonly onChoose: (row: StoredRow) => void;
}

function Happening({ row, peer = "", deal, onChoose }: HappeningProps): JSX.Element | null {
  const { user } = useSession();
  const { event, created_at, seq } = row.message;
  if (!event) return null;
  const isTheirs = event.by !== undefined && event.by !== "" && event.by !== user;
  return (
    <li class="row happening">
      <p>
        <bdi>{eventWords(event, { user, peer, deal })}</bdi>
      </p>
      {event.reason && (
        <p class="bubble" part="bubble">
          <Words text={event.reason} />
        </p>
      )}
      <p class="row-end" data-seq={seq}>
        <time dateTime={created_at}>{timeOfDay(created_at)}</time>
        {isTheirs && <More time={timeOfDay(created_at)} onClick={() => onChoose(row)} />}
      </p>
    </li>
  );
}

/** Opens the menu of a message. */
function More({ time, onClick }: { time: string; onClick: () => void }): JSX.Element {
  return (
    <Button
      kind="quiet"
      class="more"
      aria-label={t("message.actions", { time })}
      aria-haspopup="dialog"
      onClick={onClick}
    >
      <Icon name="more" />
    </Button>
  );
}

/** Words that the server has not stored: nobody else has seen them. */
function Pending({ row }: { readonly row: PendingRow }): JSX.Element {
  const { client } = useSession();
  const { key, state, text, createdAt, error } = row;
  return (
    <li class={`row own pending ${state}`}>
      <span class="unseen">{t("message.you")}</span>
      <p class="bubble" part="bubble">
        <Words text={text} />
      </p>
      <p class="row-end">
        <time dateTime={new Date(createdAt).toISOString()}>{timeOfDay(createdAt)}</time>
        <Mark state={state === "failed" ? "failed" : "waiting"} />
        {state === "queued" && (
          <Button
            kind="quiet"
            // Where it was sent meanwhile it stays, and is shown as it stands.
            onClick={() => void client.outbox.cancel(key)}
          >
            {t("message.cancel")}
          </Button>
        )}
      </p>
      {state === "failed" && (
        <div class="failure">
          <p>{failureWords(error)}</p>
          <FailedActions command={key} />
        </div>
      )}
    </li>
  );
}

const SIGNS = {
  waiting: "clock",
  stored: "tick",
  delivered: "ticks",
  read: "ticks",
  failed: "alert",
} as const;

type MarkState = keyof typeof SIGNS;

/** How far an own message has come, as a sign and in words. */
function Mark({ state }: { readonly state: MarkState }): JSX.Element {
  return (
    <span class={`mark ${state}`}>
      <Icon name={SIGNS[state]} /> {t(`mark.${state}`)}
    </span>
  );
}

function markOf(seq: number, { peerReadUpTo, peerDeliveredUpTo }: ConversationView): MarkState {
  if (seq <= peerReadUpTo) return "read";
  return seq <= peerDeliveredUpTo ? "delivered" : "stored";
}
