import type { ConversationSummary } from "@parley/client";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Banner } from "../shared/components/Banner.tsx";
import { Button } from "../shared/components/Button.tsx";
import { Field } from "../shared/components/Field.tsx";
import { moment } from "../shared/format.ts";
import { addressOf } from "../shared/router.ts";
import { useSnapshot } from "../shared/stores.ts";
import { oneLine } from "../shared/words.ts";
import { eventWords } from "./conversation/events.ts";
import { dealLine } from "./deal/words.ts";
import { t } from "./messages.ts";
import { NewConversation } from "./NewConversation.tsx";
import { useRemembered } from "./remembered.ts";
import { useSession } from "./session.ts";

const FILTERS = ["all", "unread", "deals", "disputes"] as const;

type Filter = (typeof FILTERS)[number];

const OVER = new Set(["closed", "cancelled"]);
const SETTLED = new Set(["resolved", "refused"]);

/** The list of conversations, newest activity first. */
export function Inbox({ current }: { readonly current: string | undefined }): JSX.Element {
  const { client } = useSession();
  const view = useSnapshot(client.conversationList);
  const remembered = useRemembered(
    "inbox",
    view.loading === "ready" ? view.conversations : undefined,
  );
  const isOld = view.loading !== "ready" && remembered !== undefined;
  const conversations = isOld ? remembered : view.conversations;
  const { state } = useSnapshot(client.connection);
  const isLive = state === "live";
  const [filter, setFilter] = useState<Filter>("all");
  const [search, setSearch] = useState("");
  const [writing, setWriting] = useState(false);
  const [loadingMore, setLoadingMore] = useState(false);
  const shown = conversations.filter((one) => passes(one, filter) && isFound(one, search));
  return (
    <div class="inbox">
      <div class="inbox-head" part="inbox-head">
        <h1>{t("inbox.title")}</h1>
        <Button onClick={() => setWriting(true)}>{t("inbox.new")}</Button>
      </div>
      <search class="inbox-tools">
        <Field label={t("inbox.search")}>
          <input
            type="search"
            value={search}
            onInput={(event) => setSearch(event.currentTarget.value)}
          />
        </Field>
        <Field label={t("inbox.filter")}>
          <select
            value={filter}
            onChange={(event) => setFilter(event.currentTarget.value as Filter)}
          >
            {FILTERS.map((name) => (
              <option key={name} value={name}>
                {t(`inbox.filter_${name}`)}
              </option>
            ))}
          </select>
        </Field>
      </search>
      {view.missing.length > 0 && <Banner kind="warning">{t("inbox.missing")}</Banner>}
      {/* What keeps everything away is said above. */}
      {view.loading === "failed" && isLive && (
        <Banner
          kind="error"
          actions={
            <Button onClick={() => client.conversationList.reload()}>{t("action.again")}</Button>
          }
        >
          {t("inbox.failed")}
        </Banner>
      )}
      <p class="unseen" role="status">
        {t("inbox.count", { count: shown.length })}
      </p>
      <ul class="conversations">
        {shown.map((one) => (
          <Line
            key={one.conversation}
            one={one}
            isCurrent={one.conversation === current}
            isLive={isLive && !isOld}
          />
        ))}
      </ul>
      {!shown.length && (
        <p class="muted empty">{emptiness(view.loading, conversations.length, isLive)}</p>
      )}
      {view.hasMore && (
        <Button
          busy={loadingMore}
          onClick={() => {
            setLoadingMore(true);
            // The list says how it went.
            client.conversationList
              .loadMore()
              .catch(() => {})
              .finally(() => setLoadingMore(false));
          }}
        >
          {t("inbox.more")}
        </Button>
      )}
      {writing && <NewConversation onClose={() => setWriting(false)} />}
    </div>
  );
}

interface LineProps {
  readonly one: ConversationSummary;
  readonly isCurrent: boolean;
  /** Whether presence and typing are told of. */
  readonly isLive: boolean;
}

/** A conversation in one row: the other, the last words, what is unread, and how the deal stands. */
function Line({ one, isCurrent, isLive }: LineProps): JSX.Element {
  const { user } = useSession();
  const { conversation = "", peer = "", subject, lastMessage, unread, deal, dispute } = one;
  return (
    <li>
      <a
        class={`conversation-line ${unread ? "has-unread" : ""}`}
        part={`line ${unread ? "unread" : ""}`}
        href={addressOf("c", conversation)}
        aria-current={isCurrent ? "page" : undefined}
      >
        <span class="line-head">
          <bdi class="line-peer">{oneLine(peer)}</bdi>
          {isLive && one.presence?.online && <span class="online">{t("presence.online")}</span>}
          {lastMessage && (
            <time dateTime={lastMessage.created_at}>{moment(lastMessage.created_at)}</time>
          )}
        </span>
        {subject && <bdi class="line-subject">{oneLine(subject)}</bdi>}
        <span class="line-last">
          {isLive && one.typing ? t("typing.now", { peer: oneLine(peer) }) : lastWords(one, user)}
        </span>
        {(unread > 0 || deal || dispute || one.blocked) && (
          <span class="line-facts">
            {unread > 0 && (
              <span class="badge" part="badge">
                {t("inbox.unread", { count: unread })}
              </span>
            )}
            {deal && <span class="fact">{dealLine(deal)}</span>}
            {dispute && !SETTLED.has(dispute.state) && (
              <span class="fact">{t("inbox.has_dispute")}</span>
            )}
            {one.blocked && <span class="fact">{t("inbox.blocked")}</span>}
          </span>
        )}
      </a>
    </li>
  );
}

function lastWords({ lastMessage, peer = "", deal }: ConversationSummary, user: string): string {
  if (!lastMessage) return "";
  if (lastMessage.tombstone)
    return t(lastMessage.tombstone === "deleted" ? "message.deleted" : "message.removed");
  if (lastMessage.event) return eventWords(lastMessage.event, { user, peer, deal });
  const text = oneLine(lastMessage.text ?? "");
  return lastMessage.sender === user ? t("inbox.you", { text }) : text;
}

function passes(one: ConversationSummary, filter: Filter): boolean {
  if (filter === "unread") return one.unread > 0;
  if (filter === "deals") return !!one.deal && !OVER.has(one.deal.state);
  if (filter === "disputes") return !!one.dispute && !SETTLED.has(one.dispute.state);
  return true;
}

function isFound({ peer = "", subject = "" }: ConversationSummary, search: string): boolean {
  const form = (text: string) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  return form(`${peer} ${subject}`).includes(form(search.trim()));
}

function emptiness(loading: string, known: number, isLive: boolean): string {
  if (known) return t("inbox.none_found");
  if (loading === "ready") return t("inbox.empty");
  // What keeps it from loading is said above.
  return isLive ? t("inbox.loading") : "";
}
