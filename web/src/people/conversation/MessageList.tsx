import type { ConversationStore, ConversationView, Row, StoredRow } from "@parley/client";
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Button } from "../../shared/components/Button.tsx";
import { day, isSameDay } from "../../shared/format.ts";
import { MAXIMUM_ROWS } from "../limits.ts";
import { t } from "../messages.ts";
import { useSession } from "../session.ts";
import { MessageRow } from "./MessageRow.tsx";
import { useReading } from "./reading.ts";

interface Props {
  readonly store: ConversationStore;
  readonly view: ConversationView;
  /** Called when somebody wants to do something with a message. */
  readonly onChoose: (row: StoredRow) => void;
}

/** How near to its end the list counts as being read there, in pixels. */
const AT_END = 60;

/**
 * The words of a conversation. Those that were there when it was opened, and what comes, are a live region;
 * older pages are put before it, and what is read stays in its place.
 */
export function MessageList({ store, view, onChoose }: Props): JSX.Element {
  const { user } = useSession();
  const box = useRef<HTMLDivElement>(null);
  const [loadingOlder, setLoadingOlder] = useState(false);
  const { rows } = view;
  const opening = useOpening(view);
  const live = rows.findIndex((row) => row.state !== "stored" || row.message.seq >= opening.first);
  const older = live < 0 ? rows : rows.slice(0, live);
  const newer = live < 0 ? [] : rows.slice(live);
  usePlace(box, rows);
  useReading(box, store, view);
  const firstNew = newKey(rows, opening.readUpTo, user);
  const line = (row: Row, place: number) => (
    <Line
      key={row.key}
      row={row}
      before={rows[place - 1]}
      view={view}
      // What this user has said or read is not new.
      isFirstNew={row.key === firstNew}
      onChoose={onChoose}
    />
  );
  return (
    <section
      class="messages"
      part="messages"
      ref={box}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard.
      tabIndex={0}
      aria-label={t("messages.label")}
    >
      {view.hasOlder && rows.length > 0 && (
        <Button
          busy={loadingOlder}
          onClick={() => {
            setLoadingOlder(true);
            // The banner above says why it did not work.
            store
              .loadOlder()
              .catch(() => {})
              .finally(() => setLoadingOlder(false));
          }}
        >
          {t("messages.older")}
        </Button>
      )}
      {rows.length >= MAXIMUM_ROWS && !view.hasOlder && (
        <p class="muted">{t("messages.limit", { count: MAXIMUM_ROWS })}</p>
      )}
      {older.length > 0 && <ol class="rows">{older.map((row, place) => line(row, place))}</ol>}
      <div role="log" aria-label={t("messages.new_label")}>
        <ol class="rows">{newer.map((row, place) => line(row, place + older.length))}</ol>
      </div>
      {/* What went wrong is said above. */}
      {!rows.length && view.loading !== "failed" && (
        <p class="muted empty">
          {t(view.loading === "ready" ? "messages.none" : "messages.loading")}
        </p>
      )}
    </section>
  );
}

interface LineProps {
  readonly row: Row;
  readonly before: Row | undefined;
  readonly view: ConversationView;
  readonly isFirstNew: boolean;
  readonly onChoose: (row: StoredRow) => void;
}

/** A row, under the line of its day and the mark of what is new, where they belong. */
function Line({ row, before, view, isFirstNew, onChoose }: LineProps): JSX.Element {
  const time = timeOf(row);
  return (
    <>
      {(!before || !isSameDay(timeOf(before), time)) && (
        <li class="day">
          <time dateTime={new Date(time).toISOString()}>{day(time)}</time>
        </li>
      )}
      {isFirstNew && <li class="new-mark">{t("messages.new")}</li>}
      <MessageRow row={row} view={view} onChoose={onChoose} />
    </>
  );
}

function timeOf(row: Row): number {
  return row.state === "stored" ? Date.parse(row.message.created_at) : row.createdAt;
}

/** How it was when it was opened: the first message that was there, and how far it had been read. */
function useOpening(view: ConversationView): { readonly first: number; readonly readUpTo: number } {
  const opening = useRef<{ first: number; readUpTo: number }>(undefined);
  const first = view.rows.find((row) => row.state === "stored");
  if (!opening.current && view.loading === "ready" && first?.state === "stored") {
    const readUpTo = view.unread ? view.readUpTo : Number.POSITIVE_INFINITY;
    opening.current = { first: first.message.seq, readUpTo };
  }
  return opening.current ?? { first: 0, readUpTo: Number.POSITIVE_INFINITY };
}

function newKey(rows: readonly Row[], readUpTo: number, user: string): string | undefined {
  return rows.find(
    (row) => row.state === "stored" && row.message.seq > readUpTo && row.message.sender !== user,
  )?.key;
}

/** Keep what is read in its place when rows come before it, and the end in view for who reads there. */
function usePlace(box: { readonly current: HTMLDivElement | null }, rows: readonly Row[]): void {
  const before = useRef<{ first: string | undefined; height: number; isAtEnd: boolean }>({
    first: undefined,
    height: 0,
    isAtEnd: true,
  });
  useEffect(() => {
    const element = box.current;
    const note = () => {
      if (element) before.current.isAtEnd = distanceFromEnd(element) < AT_END;
    };
    element?.addEventListener("scroll", note, { passive: true });
    // A smaller window, or a deal that unfolds, leaves who reads at the end there.
    const resized = new ResizeObserver(() => {
      if (element && before.current.isAtEnd) element.scrollTop = element.scrollHeight;
    });
    if (element) resized.observe(element);
    return () => {
      element?.removeEventListener("scroll", note);
      resized.disconnect();
    };
  }, [box]);
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const { first, height, isAtEnd } = before.current;
    const isOwn = rows.at(-1)?.state === "queued";
    if (isAtEnd || isOwn) element.scrollTop = element.scrollHeight;
    else if (first !== undefined && first !== rows[0]?.key)
      element.scrollTop += element.scrollHeight - height;
    before.current = {
      first: rows[0]?.key,
      height: element.scrollHeight,
      isAtEnd: distanceFromEnd(element) < AT_END,
    };
  }, [box, rows]);
}

function distanceFromEnd(element: HTMLElement): number {
  return element.scrollHeight - element.scrollTop - element.clientHeight;
}
