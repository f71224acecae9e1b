import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Button } from "../../shared/components/Button.tsx";
import { dayAndTime } from "../../shared/format.ts";
import { addressOf, query } from "../../shared/router.ts";
import { useTitle } from "../../shared/title.ts";
import { call } from "../api.ts";
import { FilterText } from "../FilterText.tsx";
import type { AuditEntry } from "../generated/api.ts";
import { useHappenings } from "../live.ts";
import { usePages, useSoon } from "../loading.ts";
import { t, wordFor } from "../messages.ts";
import { Reading } from "../Trouble.tsx";
import { stepWords } from "../words.ts";
import { Verification } from "./Verification.tsx";

/** The audit log, of all or of one case or dispute, and whether it is whole. */
export function AuditScreen(): JSX.Element {
  useTitle(t("title.audit"));
  const target = query.value["target"] ?? "";
  const after = Number(query.value["after"]) || 0;
  const [head, setHead] = useState({ number: 0, hash: "" });
  const pages = usePages<AuditEntry>(`${after} ${target}`, async (page, signal) => {
    const answer = await call("GET /audit", {
      query: {
        after: Number(page.page_token) || after,
        page_size: page.page_size,
        ...(target && { target_id: target }),
      },
      signal,
    });
    setHead({ number: answer.head_number, hash: answer.head_hash });
    const last = answer.entries.at(-1)?.number ?? 0;
    return { items: answer.entries, next: answer.more && last ? String(last) : "" };
  });
  const reloadSoon = useSoon(pages.reload, 1_000);
  useHappenings(reloadSoon);
  return (
    <section class="list-page">
      <h1>{t("nav.audit")}</h1>
      <Verification head={head} />
      <h2>{t("audit.entries")}</h2>
      <form
        class="filters"
        aria-label={t("filter.label")}
        onSubmit={(event) => event.preventDefault()}
      >
        <FilterText name="target" label={t("audit.target")} />
        <FilterText name="after" label={t("audit.after")} />
      </form>
      <Reading of={pages} />
      {pages.value?.length === 0 && <p class="muted">{t("audit.none")}</p>}
      <ol class="lines">
        {pages.value?.map((one) => (
          <li key={one.number} class="line">
            <span class="line-top">
              <strong>{t("audit.number", { number: one.number })}</strong>
              <span>{stepWords(one)}</span>
              <time class="line-end" dateTime={one.create_time}>
                {dayAndTime(one.create_time)}
              </time>
            </span>
            <a
              class="line-target"
              href={addressOf(one.target_kind === "dispute" ? "dispute" : "case", one.target_id)}
            >
              {t("audit.of", {
                kind: wordFor("audit.kind", one.target_kind),
                version: one.version,
              })}
            </a>
            <details>
              <summary>{t("audit.hashes")}</summary>
              <p class="muted code">{one.target_id}</p>
              <p class="muted code">{one.hash}</p>
            </details>
          </li>
        ))}
      </ol>
      {pages.hasMore && (
        <Button busy={pages.isLoading} onClick={pages.more}>
          {t("list.more")}
        </Button>
      )}
    </section>
  );
}
