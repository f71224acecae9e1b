import type { JSX } from "preact";
import { addressOf } from "../../shared/router.ts";
import { useTitle } from "../../shared/title.ts";
import { call } from "../api.ts";
import { FilterChoice, filterOf } from "../filters.tsx";
import type { Dispute } from "../generated/api.ts";
import { now, useHappenings } from "../live.ts";
import { usePages, useSoon } from "../loading.ts";
import { t, wordFor } from "../messages.ts";
import { Rows } from "../Rows.tsx";
import { amount, dueWords, partiesOf } from "../words.ts";

const STATES = [
  "under_review",
  "open",
  "pending_hold",
  "resolved_pending",
  "resolved",
  "refused",
] as const;

/** Disputes, the first to fall due first. */
export function DisputeList(): JSX.Element {
  useTitle(t("title.disputes"));
  const state = filterOf("state", STATES) ?? "under_review";
  const pages = usePages<Dispute>(state, async (page, signal) => {
    const answer = await call("GET /disputes", { query: { ...page, state }, signal });
    return { items: answer.disputes, next: answer.next_page_token };
  });
  const reloadSoon = useSoon(pages.reload);
  useHappenings(({ kind }) => kind !== "case" && reloadSoon());
  return (
    <section class="list-page">
      <h1>{t("nav.disputes")}</h1>
      <form
        class="filters"
        aria-label={t("filter.label")}
        onSubmit={(event) => event.preventDefault()}
      >
        <FilterChoice
          name="state"
          label={t("filter.state")}
          options={STATES.map(
            (one) => [one === "under_review" ? "" : one, wordFor("dispute.state", one)] as const,
          )}
        />
      </form>
      <Rows
        label={t("dispute.list")}
        of={pages}
        none={t("dispute.none")}
        keyOf={({ id }) => id}
        row={(one) => (
          <a class="line" data-row href={addressOf("dispute", one.id)}>
            <span class="line-top">
              <strong>{wordFor("dispute.reason", one.reason)}</strong>
              <span>{one.price && amount(one.price)}</span>
              <span class="line-end">{dueWords(one.due_time, now.value)}</span>
            </span>
            <span>{partiesOf(one)}</span>
            <span class="muted">{wordFor("dispute.state", one.state)}</span>
          </a>
        )}
      />
    </section>
  );
}
