import type { JSX } from "preact";
import { addressOf, query } from "../../shared/router.ts";
import { useTitle } from "../../shared/title.ts";
import { oneLine } from "../../shared/words.ts";
import { call } from "../api.ts";
import { FilterChoice, FilterSwitch, filterOf } from "../filters.tsx";
import type { Appeal } from "../generated/api.ts";
import { now, useHappenings } from "../live.ts";
import { usePages, useSoon } from "../loading.ts";
import { t, wordFor } from "../messages.ts";
import { Rows } from "../Rows.tsx";
import { dueWords } from "../words.ts";

const STATUSES = ["open", "upheld", "overturned"] as const;

/** Appeals, the first to fall due first. */
export function AppealList(): JSX.Element {
  useTitle(t("title.appeals"));
  const status = filterOf("status", STATUSES) ?? "open";
  const isMine = query.value["mine"] === "1";
  const pages = usePages<Appeal>(`${status} ${isMine}`, async (page, signal) => {
    const answer = await call("GET /appeals", {
      query: { ...page, status, ...(isMine && { decidable_only: true }) },
      signal,
    });
    return { items: answer.appeals, next: answer.next_page_token };
  });
  const reloadSoon = useSoon(pages.reload);
  useHappenings(({ kind }) => kind !== "dispute" && reloadSoon());
  return (
    <section class="list-page">
      <h1>{t("nav.appeals")}</h1>
      <form
        class="filters"
        aria-label={t("filter.label")}
        onSubmit={(event) => event.preventDefault()}
      >
        <FilterChoice
          name="status"
          label={t("filter.state")}
          options={STATUSES.map(
            (one) => [one === "open" ? "" : one, wordFor("appeal.status", one)] as const,
          )}
        />
        <FilterSwitch name="mine" label={t("appeal.mine")} />
      </form>
      <Rows
        label={t("appeal.list")}
        of={pages}
        none={t("appeal.none")}
        keyOf={({ id }) => id}
        row={(one) => (
          <a class="line" data-row href={addressOf("appeal", one.id)}>
            <span class="line-top">
              <strong>
                <bdi>{oneLine(one.by)}</bdi>
              </strong>
              <span>{wordFor("side", one.side)}</span>
              <span class="line-end">
                {one.status === "open"
                  ? dueWords(one.due_time, now.value)
                  : wordFor("appeal.status", one.status)}
              </span>
            </span>
            <span class="muted">{t("appeal.against", { by: oneLine(one.decided_by) })}</span>
          </a>
        )}
      />
    </section>
  );
}
